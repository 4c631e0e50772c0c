//go:build sql

package sql

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/ledgertest"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// openFiles makes the relations over the files of a folder: from is
// from_spans.sql or from_logs.sql.
func openFiles(t *testing.T, folder, from string) {
	t.Helper()
	point(t, "summary_files", folder, "summaries*.jsonl")
	ask(t, "duckdb", statement(t, "duckdb", from)+statement(t, "duckdb", "schema.sql"))
}

// point sets the variable that says which files of a folder to read.
func point(t *testing.T, variable, folder, files string) {
	t.Helper()
	path, err := filepath.Abs(folder)
	require.NoError(t, err)
	ask(t, "duckdb", fmt.Sprintf("SET VARIABLE %s = '%s/%s'", variable, filepath.ToSlash(path), files))
}

// samples are the files that come with the example.
var samples = filepath.Join("..", "..", "examples", "duckdb", "samples")

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
	openFiles(t, folder, "from_spans.sql")
	l.hold(t, "duckdb")
	l.returnOnCost(t)
}

// returnOnCost holds the contract's second statement against sums in Go. The
// values of the worlds are such that a double holds their sums exactly.
func (l *ledger) returnOnCost(t *testing.T) {
	t.Helper()
	value, total := map[any]float64{}, map[any]money.Amount{}
	for _, r := range l.runs {
		if amount, ok := r["outcome_value_amount"].(float64); ok && r["value_per_unit"] != nil {
			value[r["workflow"]] += amount * r["value_per_unit"].(float64)
		}
		if cost, ok := r["total_cost"].(money.Amount); ok {
			total[r["workflow"]] += cost
		}
	}
	a := ask(t, "duckdb", statement(t, "duckdb", "return_on_cost.sql"))
	require.Equal(t, []string{"workflow", "total_value", "total_cost", "roi"}, a.Columns)
	require.Len(t, a.Rows, len(total))
	for _, row := range a.objects() {
		workflow := row["workflow"]
		require.Equal(t, value[workflow], read(t, row["total_value"], 0.0), workflow)
		require.Equal(t, total[workflow], read(t, row["total_cost"], money.Amount(0)), workflow)
		cost := total[workflow].Float64()
		require.InEpsilon(t, (value[workflow]-cost)/cost, read(t, row["roi"], 0.0), 1e-9, workflow)
	}
}

func TestDuckDB_worldsFromLogs(t *testing.T) {
	l := worlds(500)
	folder := t.TempDir()
	spread(t, rand.New(rand.NewPCG(1, 2)), folder, lines(t, l.summaries, ledgertest.Logs, new(plog.JSONMarshaler).MarshalLogs))
	openFiles(t, folder, "from_logs.sql")
	l.hold(t, "duckdb")
}

// TestDuckDB_keep: what is copied into a table answers as the files do, though
// it was copied twice, and the files are gone.
func TestDuckDB_keep(t *testing.T) {
	l := worlds(200)
	folder := t.TempDir()
	spread(t, rand.New(rand.NewPCG(1, 3)), folder, spanLines(t, l.summaries))
	ask(t, "duckdb", "DROP TABLE IF EXISTS kept")
	for range 2 {
		openFiles(t, folder, "from_spans.sql")
		ask(t, "duckdb", statement(t, "duckdb", "keep.sql"))
	}
	require.NoError(t, os.RemoveAll(folder))
	l.hold(t, "duckdb")
}

// TestDuckDB_brokenLine: a line that was cut off hides nothing but itself, and
// is counted, be it the last one or not.
func TestDuckDB_brokenLine(t *testing.T) {
	l := worlds(20)
	folder := t.TempDir()
	list := spanLines(t, l.summaries)
	whole := append(bytes.Join(list, []byte("\n")), '\n')
	cut := list[0][:len(list[0])/2]
	text := slices.Concat(cut, []byte("\n\n"), whole, cut)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "summaries.jsonl"), text, 0o600))
	openFiles(t, folder, "from_spans.sql")
	l.hold(t, "duckdb")
	assert.Equal(t, []map[string]any{{"n": "2"}}, rows(t, "SELECT COUNT(*) AS n FROM lines WHERE resourceSpans IS NULL"))
}

func TestDuckDB_droppedAttributes(t *testing.T) {
	folder := t.TempDir()
	spread(t, rand.New(rand.NewPCG(1, 4)), folder, spanLines(t, dropped()))
	openFiles(t, folder, "from_spans.sql")
	holdDropped(t, "duckdb")
}

// TestDuckDB_deepLineage: lineage is what applications say, and thousands of
// runs of one event in one chain are still summed up.
func TestDuckDB_deepLineage(t *testing.T) {
	const runs = 3000
	var all []replay.Summary
	template := ledgertest.New(1).Summaries[0]
	for i := range runs {
		s := template
		s.RunID = fmt.Sprintf("r%04d", i)
		s.Attributes = map[string]any{
			"botanu.run_id": s.RunID, "botanu.run.part": "1", "botanu.run.revision": int64(0), "botanu.event_id": "e",
			"botanu.run.llm.calls": int64(1), "botanu.run.cost.total_exact": "0.5", "botanu.run.cost.accuracy": "exact",
			"botanu.outcome.status": "failed", "botanu.workflow": "w",
		}
		if i%2 == 0 && i > 0 { // a chain of retries, and a chain of nested runs beneath its first
			s.Attributes["botanu.retry_of_run_id"] = fmt.Sprintf("r%04d", i-2)
		} else if i > 0 {
			s.Attributes["botanu.parent_run_id"] = fmt.Sprintf("r%04d", max(i-2, 0))
		}
		all = append(all, s)
	}
	folder := t.TempDir()
	spread(t, rand.New(rand.NewPCG(1, 5)), folder, spanLines(t, all))
	openFiles(t, folder, "from_spans.sql")
	assert.Equal(t, []map[string]any{{"runs": "3000", "attempts": "1500", "total_cost": "1500.000000000000", "unsuccessful_cost": "1500.000000000000"}},
		rows(t, "SELECT runs, attempts, total_cost, unsuccessful_cost FROM events"))
}

// rows are those that a statement answers in DuckDB.
func rows(t *testing.T, statement string) []map[string]any {
	t.Helper()
	a := ask(t, "duckdb", statement)
	return a.objects()
}

// answers is what a statement of the example answers, a line a row.
func answers(t *testing.T, file string) []string {
	t.Helper()
	var list []string
	a := ask(t, "duckdb", statement(t, "duckdb", file))
	for _, row := range a.Rows {
		values := make([]string, len(row))
		for i, v := range row {
			values[i] = "NULL"
			if v != nil {
				values[i] = fmt.Sprint(v)
			}
		}
		list = append(list, strings.Join(values, " | "))
	}
	return list
}

// TestDuckDB_statements runs every statement of the example on its samples.
func TestDuckDB_statements(t *testing.T) {
	openFiles(t, samples, "from_spans.sql")
	for file, want := range map[string][]string{
		"average_cost_per_success.sql": {"0.01717"}, // of five with a price
		"return_on_cost.sql": {
			"fulfill-order | 75 | 0.096850000000 | 773.3933918430562",
			"triage | NULL | 0.000350000000 | NULL",
		},
		"cost_per_success_of_runs.sql": {
			"fulfill-order | 7 | 6 | 0.096850000000 | 1 | 0.019370000000",
			"triage | 1 | 0 | 0.000350000000 | 0 | NULL",
		},
		"cost_per_success_of_events.sql": {
			"fulfill-order | 6 | 6 | 0.096850000000 | 0.011000000000 | 1 | 0.019370000000",
			"triage | 1 | 0 | 0.000350000000 | 0.000350000000 | 0 | NULL",
		},
		"cost_by_customer.sql": {
			"2026-11-01 | acme | 4 | 0.072400000000 | 4 | 0",
			"2026-11-01 | globex | 4 | 0.024800000000 | 3 | 1",
		},
		"unpriced_share.sql": {"openai | gpt-next-2026-10-01 | 1 | 1 | 1 | 1700"},
	} {
		assert.ElementsMatch(t, want, answers(t, file), file)
	}
}

// TestDuckDB_page: the example's page names every statement that there is, and
// what it says of the samples is so.
func TestDuckDB_page(t *testing.T) {
	page := statement(t, "duckdb", "README.md")
	files, err := filepath.Glob(filepath.Join("..", "..", "examples", "duckdb", "*.sql"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		assert.Contains(t, page, filepath.Base(file))
	}
	openFiles(t, samples, "from_spans.sql")
	for _, row := range answers(t, "cost_per_success_of_events.sql") {
		assert.Contains(t, strings.Join(strings.Fields(page), " "), strings.ReplaceAll(row, " | ", " "))
	}
	for _, finding := range regexp.MustCompile(`(?:THEN|ELSE) '([^']+)'`).FindAllStringSubmatch(statement(t, "duckdb", "reconcile.sql"), -1) {
		assert.Contains(t, page, "| `"+finding[1]+"` |")
	}
}

// TestDuckDB_contract: the two statements are those of the contract, as
// written.
func TestDuckDB_contract(t *testing.T) {
	contract, err := os.ReadFile(filepath.Join("..", "..", "docs", "contract.md"))
	require.NoError(t, err)
	for _, file := range []string{"average_cost_per_success.sql", "return_on_cost.sql"} {
		for line := range strings.Lines(statement(t, "duckdb", file)) {
			assert.Contains(t, string(contract), strings.TrimSpace(line), file)
		}
	}
}

// nothingLoaded forgets what providers said in earlier tests.
const nothingLoaded = "DROP TABLE IF EXISTS provider_usage; DROP TABLE IF EXISTS provider_cost; DROP TABLE IF EXISTS provider_days"

// TestDuckDB_reconcile holds the samples' ledger against the samples' exports,
// which differ in each of the ways that the statement tells apart.
func TestDuckDB_reconcile(t *testing.T) {
	openFiles(t, samples, "from_spans.sql")
	ask(t, "duckdb", nothingLoaded)
	for _, export := range []string{"openai_usage", "openai_costs", "anthropic_usage", "anthropic_costs"} {
		point(t, export, samples, strings.ReplaceAll(export, "_", "-")+"*.json")
	}
	openai := []string{
		"openai | gpt-4o | 2026-11-02 | 4 | 4 | 0 | 0 | 0 | 0 | 0.058000000000 | 0.058000000000 | 0.000000000000 | 0 | agrees",
		"openai | gpt-4o-mini | 2026-11-02 | 3 | 4 | -6000 | 0 | 0 | -600 | 0.004200000000 | 0.005460000000 | -0.001260000000 | 0 | the provider counted more",
		"openai | web search tool calls | gpt-4o | 2026-11-02 | NULL | NULL | NULL | NULL | NULL | NULL | NULL | 0.010000000000 | NULL | NULL | not in the ledger",
		"openai | gpt-4o | 2026-11-03 | 1 | NULL | NULL | NULL | NULL | NULL | 0.000350000000 | NULL | NULL | 0 | not in the export",
		"openai | gpt-next | 2026-11-03 | 1 | 1 | 0 | 0 | 0 | 0 | NULL | 0.002600000000 | NULL | 1 | calls without a price",
	}
	ask(t, "duckdb", statement(t, "duckdb", "load_openai.sql"))
	assert.Equal(t, openai, answers(t, "reconcile.sql"), "what was not loaded is not compared")
	ask(t, "duckdb", statement(t, "duckdb", "load_anthropic.sql")+statement(t, "duckdb", "load_openai.sql"))
	assert.Equal(t, append([]string{
		"anthropic | claude-sonnet-4-5 | 2026-11-02 | 1 | NULL | 0 | 0 | 0 | 0 | 0.020250000000 | 0.018225000000 | 0.002025000000 | 0 | another price",
		"anthropic | Web Search Usage | 2026-11-03 | NULL | NULL | NULL | NULL | NULL | NULL | NULL | 0.010000000000 | NULL | NULL | not in the ledger",
		"anthropic | claude-sonnet-4-5 | 2026-11-03 | 2 | NULL | 0 | 0 | 0 | 0 | 0.014400000000 | 0.014400000000 | 0.000000000000 | 0 | agrees",
	}, openai...), answers(t, "reconcile.sql"), "a day that is loaded again replaces itself")

	ask(t, "duckdb", "SET VARIABLE reconcile_by = 'month'")
	defer ask(t, "duckdb", "RESET VARIABLE reconcile_by")
	assert.Contains(t, answers(t, "reconcile.sql"),
		"anthropic | claude-sonnet-4-5 | 2026-11-01 | 3 | NULL | 0 | 0 | 0 | 0 | 0.034650000000 | 0.032625000000 | 0.002025000000 | 0 | another price")
}
