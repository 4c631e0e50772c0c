//go:build sql

package sql

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/ledgertest"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// recorded plays all recordings into a collector with the configuration of an
// example, ends it, and gives what it wrote.
func recorded(t *testing.T, config, out string, env ...string) *ledger {
	t.Helper()
	binary := subject.Binary(filepath.Join("..", "..", "bin", "otelcol-runrollup"))
	c := subject.Start(t, binary, config, append(env, "RUNROLLUP_OUT="+out)...)
	folders, err := filepath.Glob("../../testdata/captures/*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, folder := range folders {
		capture, err := replay.Load(folder)
		require.NoError(t, err)
		capture.ShiftTo(time.Now())
		for _, request := range capture.Requests {
			require.NoError(t, c.Send(t.Context(), request))
		}
	}
	require.NoError(t, c.Stop(t.Context())) // which sums up what is open
	return exported(t, out)
}

// exported is what a file of spans says of runs, and of events by the
// collector's own summaries of them.
func exported(t *testing.T, path string) *ledger {
	t.Helper()
	tds, err := replay.ReadFile(path)
	require.NoError(t, err)
	l := &ledger{summaries: replay.Summaries(tds)}
	require.NotEmpty(t, l.summaries)
	l.runs, l.usage = ledgertest.Runs(l.summaries), ledgertest.Usage(l.summaries)
	newest := map[string]int64{}
	told := map[string]ledgertest.Row{}
	for span := range replay.Spans(tds...) {
		if span.Name() != botanu.EventSummary {
			continue
		}
		a := span.Attributes().AsRaw()
		row := ledgertest.Row{
			"event_id": a[botanu.EventID], "customer_id": a[botanu.Customer], "workflow": a[botanu.Workflow],
			"outcome_status": a[botanu.OutcomeStatus], "attempts": a[botanu.EventAttempts], "runs": a[botanu.EventRuns],
			"total_cost": a[botanu.EventCostTotalExact], "unsuccessful_cost": a[botanu.EventCostUnsuccessfulExact],
			"cost_accuracy": a[botanu.EventCostAccuracy], "llm_calls": a[botanu.EventLLMCalls],
		}
		id, revision := key(row, "event_id", "customer_id"), a[botanu.EventRevision].(int64)
		if _, found := told[id]; !found || revision >= newest[id] {
			told[id], newest[id] = row, revision
		}
	}
	for _, row := range told {
		l.events = append(l.events, row)
	}
	return l
}

// TestDuckDB_live: the collector runs the example's configuration, and the
// relations over its file are what the rule makes of the summaries in it, and
// what the collector itself says of events.
func TestDuckDB_live(t *testing.T) {
	folder := t.TempDir()
	l := recorded(t, filepath.Join("..", "..", "examples", "duckdb", "collector.yaml"), filepath.Join(folder, "summaries.jsonl"))
	openFiles(t, folder, "from_spans.sql")
	l.holdRuns(t, "duckdb")

	events := map[string]map[string]any{}
	for _, row := range rows(t, "SELECT * FROM events") {
		events[key(row, "event_id", "customer_id")] = row
	}
	require.NotEmpty(t, l.events)
	require.Len(t, events, len(l.events))
	for _, want := range l.events {
		got := events[key(want, "event_id", "customer_id")]
		for column, w := range want {
			if text, ok := w.(string); ok && (column == "total_cost" || column == "unsuccessful_cost") {
				want[column] = amount(t, text)
				assert.Equal(t, want[column], read(t, got[column], want[column]), "%v: %s", want, column)
				continue
			}
			assert.Equal(t, w, read(t, got[column], w), "%v: %s", want, column)
		}
	}
	assert.Equal(t, []map[string]any{{"n": "0"}}, rows(t, "SELECT COUNT(*) AS n FROM lines WHERE resourceSpans IS NULL"))
}

// TestDuckDB_liveLogs: the connector's logs say what its spans say.
func TestDuckDB_liveLogs(t *testing.T) {
	folder := t.TempDir()
	l := recorded(t, filepath.Join("testdata", "logs.yaml"), filepath.Join(folder, "spans.jsonl"),
		"RUNROLLUP_LOGS="+filepath.Join(folder, "summaries.jsonl"))
	openFiles(t, folder, "from_logs.sql")
	l.holdRuns(t, "duckdb")
}
