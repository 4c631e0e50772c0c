package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// truth is what a recording's truth.json says of one run: what the
// application did, and what the provider billed.
type truth struct {
	RunID         string    `json:"run_id"`
	Scenario      string    `json:"scenario"`
	Flavour       string    `json:"sdk_flavour"`
	Workflow      string    `json:"workflow"`
	Event         string    `json:"event_id"`
	Customer      string    `json:"customer_id"`
	Environment   string    `json:"environment"`
	Attempt       int       `json:"attempt"`
	RootRun       string    `json:"root_run_id"`
	ParentRun     string    `json:"parent_run_id"`
	RetryOf       string    `json:"retry_of_run_id"`
	Exit          string    `json:"exit"` // clean, exception, abandoned
	Exception     string    `json:"exception_class"`
	Conflict      bool      `json:"conflict"`
	Traces        []string  `json:"trace_ids"`
	Emissions     []outcome `json:"emissions"`
	Outcome       outcome   `json:"expected_outcome"`
	Billed        tokens    `json:"billed"`
	DerivedTotals struct {
		Visible tokens `json:"visible_totals"` // of the billed calls, those whose usage stands on a span
	} `json:"derived_from_spans"`
}

type outcome struct {
	Status     string   `json:"status"`
	Source     string   `json:"source"`
	ValueType  string   `json:"value_type"`
	Amount     *float64 `json:"value_amount"`
	Confidence *float64 `json:"confidence"`
	Reason     string   `json:"reason"`
	ErrorType  string   `json:"error_type"`
}

type tokens struct {
	Calls      int64 `json:"calls"`
	Input      int64 `json:"input_total"`
	Uncached   int64 `json:"input_uncached"`
	CacheRead  int64 `json:"cached_read"`
	CacheWrite int64 `json:"cache_write"`
	Output     int64 `json:"output"`
	Reasoning  int64 `json:"reasoning"`
}

func readTruth(t *testing.T, setup string) []truth {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "captures", setup, "truth.json"))
	require.NoError(t, err)
	var file struct {
		Runs []truth `json:"runs"`
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.NotEmpty(t, file.Runs)
	return file.Runs
}

// neverEnded says that the process died: the run's root span was not exported.
func (r *truth) neverEnded() bool { return r.Exit == "abandoned" }

// completion is why the run is summarised.
func (r *truth) completion() string {
	if r.neverEnded() {
		return "idle"
	}
	return "root_ended"
}

// wire turns what the application meant into what its spans say. The SDK of
// flavour py_head puts no status on the wire but that of run.completed; the
// others set the status attribute where nothing was emitted.
func (r *truth) wire() (status, source, errorType string) {
	o := r.Outcome
	switch {
	case o.Source == "emitted":
		return o.Status, "emitted", o.ErrorType
	case r.neverEnded():
		return "abandoned", "inferred", "" // the truth says unknown: it knows no timeout
	case r.Flavour == "py_head":
		return o.Status, "completed", r.Exception
	}
	return o.Status, "attribute", r.Exception
}

// facts are what is compared, by the name of the summary's attribute. What is
// absent is empty.
type facts map[string]string

func (r *truth) facts() facts {
	status, source, errorType := r.wire()
	f := facts{
		botanu.EventID: r.Event, botanu.Workflow: r.Workflow, botanu.Customer: r.Customer,
		botanu.Environment: r.Environment, botanu.Attempt: strconv.Itoa(r.Attempt),
		botanu.RootRun: r.RootRun, botanu.ParentRun: r.ParentRun, botanu.RetryOf: r.RetryOf,

		botanu.OutcomeStatus: status, botanu.OutcomeSource: source,
		botanu.OutcomeConflict: strconv.FormatBool(r.Conflict), botanu.OutcomeEmissions: strconv.Itoa(len(r.Emissions)),
		botanu.OutcomeValueType: r.Outcome.ValueType, botanu.OutcomeValueAmount: number(r.Outcome.Amount),
		botanu.OutcomeConfidence: number(r.Outcome.Confidence), botanu.OutcomeReason: r.Outcome.Reason,
		botanu.OutcomeErrorType: errorType, botanu.OutcomeStatusRaw: "",

		botanu.Completion: r.completion(), botanu.TraceCount: strconv.Itoa(len(r.Traces)),
	}
	v := r.DerivedTotals.Visible
	for key, n := range map[string]int64{
		botanu.LLMCalls: v.Calls, botanu.TokensInput: v.Input, botanu.TokensInputUncached: v.Uncached,
		botanu.TokensCacheRead: v.CacheRead, botanu.TokensCacheWrite: v.CacheWrite,
		botanu.TokensOutput: v.Output, botanu.TokensReasoning: v.Reasoning,
	} {
		f[key] = strconv.FormatInt(n, 10)
	}
	return f
}

func number(n *float64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(*n, 'g', -1, 64)
}

// factsOf are the same facts as a summary states them.
func factsOf(s *replay.Summary, like facts) facts {
	f := facts{}
	for key := range like {
		switch v := s.Attributes[key].(type) {
		case nil:
			f[key] = ""
		case float64:
			f[key] = number(&v)
		default:
			f[key] = fmt.Sprint(v)
		}
	}
	return f
}
