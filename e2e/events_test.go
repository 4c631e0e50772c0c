package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// trueEvent is what a recording's truth.json says of one event.
type trueEvent struct {
	ID       string   `json:"event_id"`
	Customer string   `json:"customer_id"`
	Runs     []string `json:"run_ids"`
	Attempts int64    `json:"attempts"`
	Outcome  string   `json:"final_outcome"`

	folder string
}

// status is what an event's summary says: of one whose only run never ended
// the truth does not know what the idle timeout tells.
func (e *trueEvent) status() any {
	switch {
	case e.Outcome != "unknown":
		return e.Outcome
	case e.folder == "claude-agent-sdk":
		// Spans of its child process have a remote parent, which is a root's sign
		// (contract, section 6): the run seems to have ended, and said nothing.
		return nil
	}
	return "abandoned"
}

func readEvents(t *testing.T, folder string) []trueEvent {
	text, err := os.ReadFile(filepath.Join(folder, "truth.json"))
	require.NoError(t, err)
	var file struct {
		Events []trueEvent `json:"events"`
	}
	require.NoError(t, json.Unmarshal(text, &file))
	return file.Events
}

// TestEvents plays all recordings and holds each event against the truth: its
// runs and attempts, its outcome, and a total that is the exact sum over its
// runs as the same collector told them.
func TestEvents(t *testing.T) {
	folders, err := filepath.Glob("../testdata/captures/*")
	require.NoError(t, err)
	type key struct{ customer, event string }
	want := map[key]trueEvent{}
	c := start(t, outFile(t))
	for _, folder := range folders {
		for _, ev := range readEvents(t, folder) {
			ev.folder = filepath.Base(folder)
			want[key{ev.Customer, ev.ID}] = ev
		}
		c.play(t, capture(t, filepath.Base(folder)))
	}
	require.NotEmpty(t, want)
	events := func() map[key]map[string]any {
		tds, err := replay.ReadFile(c.out)
		require.NoError(t, err)
		found := map[key]map[string]any{}
		for span := range replay.Spans(tds...) {
			if span.Name() == botanu.EventSummary {
				a := span.Attributes().AsRaw()
				customer, _ := a[botanu.Customer].(string)
				found[key{customer, a[botanu.EventID].(string)}] = a // revisions follow each other
			}
		}
		return found
	}
	c.await(t, "every event with all of its runs", func([]replay.Summary) bool {
		got := events()
		for k, ev := range want {
			if got[k] == nil || got[k][botanu.EventRuns] != int64(len(ev.Runs)) || got[k][botanu.OutcomeStatus] != ev.status() {
				return false
			}
		}
		return true
	})
	c.stop(t)
	runs := map[string]replay.Summary{}
	for _, s := range c.summaries(t) {
		runs[s.RunID] = s
	}
	got := events()
	for k, ev := range want {
		a := got[k]
		assert.Equal(t, ev.Attempts, a[botanu.EventAttempts], "%v: attempts", k)
		var total, unsuccessful money.Amount
		var calls, input int64
		known := false
		for _, id := range ev.Runs {
			r := runs[id]
			calls += r.Int(botanu.LLMCalls)
			input += r.Int(botanu.TokensInput)
			cost, err := money.Parse(r.Text(botanu.CostTotalExact))
			if err != nil {
				continue // unknown
			}
			known = known || r.Int(botanu.LLMCalls) > 0
			total += cost
			if r.Text(botanu.ParentRun) == "" {
				switch r.Text(botanu.OutcomeStatus) {
				case "failed", "timeout", "canceled", "abandoned":
					unsuccessful += cost
				}
			}
		}
		assert.Equal(t, calls, a[botanu.EventLLMCalls], "%v: calls", k)
		assert.Equal(t, input, a[botanu.EventTokensInput], "%v: input", k)
		if !known && calls > 0 {
			assert.NotContains(t, a, botanu.EventCostTotalExact, "%v: unknown is never zero", k)
			continue
		}
		assert.Equal(t, total.String(), a[botanu.EventCostTotalExact], "%v: total", k)
		if len(ev.Runs) == int(ev.Attempts) {
			assert.Equal(t, unsuccessful.String(), a[botanu.EventCostUnsuccessfulExact], "%v: unsuccessful", k)
		}
	}
}
