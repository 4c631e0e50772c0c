//go:build sql

package sql

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/ledgertest"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// openSpans makes the relations over files of spans.
func openSpans(t *testing.T, folder string) {
	t.Helper()
	ask(t, "duckdb", "SET VARIABLE summary_files = '"+filepath.ToSlash(folder)+"/summaries*.jsonl'")
	ask(t, "duckdb", statement(t, "duckdb", "from_spans.sql")+statement(t, "duckdb", "schema.sql"))
}

// spanLines are summaries as a file exporter writes them, among spans that are
// none.
func spanLines(t *testing.T, summaries []replay.Summary) [][]byte {
	t.Helper()
	return lines(t, summaries, func(some []replay.Summary) ptrace.Traces {
		td := ledgertest.Traces(some)
		alike := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
		alike.Scope().SetName("an application")
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).CopyTo(alike.Spans().AppendEmpty())
		other := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
		other.SetName("botanu.event.summary")
		other.Attributes().PutStr("botanu.event_id", "e")
		return td
	}, new(ptrace.JSONMarshaler).MarshalTraces)
}

func TestDuckDB_worldsFromSpans(t *testing.T) {
	l := worlds(3000)
	folder := t.TempDir()
	spread(t, rand.New(rand.NewPCG(1, 1)), folder, spanLines(t, l.summaries))
	openSpans(t, folder)
	l.hold(t, "duckdb")
}

func TestDuckDB_worldsFromLogs(t *testing.T) {
	l := worlds(500)
	folder := t.TempDir()
	spread(t, rand.New(rand.NewPCG(1, 2)), folder, lines(t, l.summaries, ledgertest.Logs, new(plog.JSONMarshaler).MarshalLogs))
	ask(t, "duckdb", "SET VARIABLE summary_files = '"+filepath.ToSlash(folder)+"/summaries*.jsonl'")
	ask(t, "duckdb", statement(t, "duckdb", "from_logs.sql")+statement(t, "duckdb", "schema.sql"))
	l.hold(t, "duckdb")
}
