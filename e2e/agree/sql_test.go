//go:build agree

package agree

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/e2e/internal/clickhouse"
	"github.com/runrollup/runrollupprocessor/e2e/internal/duckdb"
	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
)

// sqlEngine runs statements, and gives the rows of the last.
type sqlEngine func(t *testing.T, statements string) [][]any

func startDuckDB(t *testing.T) sqlEngine {
	t.Helper()
	e, err := duckdb.Start(engines)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, e.Stop()) })
	return func(t *testing.T, statements string) [][]any {
		t.Helper()
		rows, err := e.Query(statements)
		require.NoError(t, err, statements)
		return rows
	}
}

func startClickHouse(t *testing.T) (*clickhouse.Server, sqlEngine) {
	t.Helper()
	s, err := clickhouse.Start(engines, "TZ=Asia/Kolkata")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Stop()) })
	return s, func(t *testing.T, statements string) [][]any {
		t.Helper()
		a, err := s.Query(t.Context(), statements)
		require.NoError(t, err, statements)
		return a.Rows
	}
}

// views are the statements of an example that make its relations.
func views(t *testing.T, example, from string) string {
	t.Helper()
	text := ""
	for _, file := range []string{from, "schema.sql"} {
		b, err := os.ReadFile(filepath.Join(repository, "examples", example, file))
		require.NoError(t, err)
		text += string(b)
	}
	return text
}

// revisionsInSQL is how many revisions of parts an engine has.
func revisionsInSQL(t *testing.T, engine sqlEngine) int {
	t.Helper()
	return int(whole(t, engine(t, `SELECT COUNT(*) FROM (SELECT DISTINCT part, revision FROM summaries) AS revisions`)[0][0]))
}

// inSQL asks the relations of an engine: each run, each event, and, by
// statements of their own, what they come to.
func inSQL(t *testing.T, engine sqlEngine) answers {
	t.Helper()
	a := answers{runs: map[string]row{}, events: map[string]eventRow{}, figures: map[string]figures{}}
	for _, r := range engine(t, `SELECT run_id, workflow, outcome_status, parts, llm_calls, input_tokens, output_tokens, total_cost FROM runs`) {
		a.runs[text(r[0])] = row{text(r[1]), text(r[2]), whole(t, r[3]), whole(t, r[4]), whole(t, r[5]), whole(t, r[6]), amount(t, r[7])}
	}
	for _, r := range engine(t, `SELECT event_id, workflow, outcome_status, runs, total_cost, unsuccessful_cost FROM events`) {
		a.events[text(r[0])] = eventRow{text(r[1]), text(r[2]), whole(t, r[3]), amount(t, r[4]), amount(t, r[5])}
	}
	for _, by := range []string{"workflow", "'" + all + "'"} {
		for _, r := range engine(t, `SELECT `+by+`, COUNT(*), COUNT(total_cost), SUM(total_cost),
			COUNT(CASE WHEN outcome_status = 'success' THEN 1 END),
			COUNT(CASE WHEN outcome_status = 'success' THEN total_cost END),
			SUM(CASE WHEN outcome_status = 'success' THEN total_cost END),
			AVG(CASE WHEN outcome_status = 'success' THEN total_cost END)
			FROM runs GROUP BY 1`) {
			f := figures{
				Runs: whole(t, r[1]), Priced: whole(t, r[2]), Cost: amount(t, r[3]),
				Successes: whole(t, r[4]), PricedSuccesses: whole(t, r[5]), SuccessCost: amount(t, r[6]),
			}
			near(t, f.perSuccess(), r[7], "cost per success of %s", text(r[0]))
			a.figures[text(r[0])] = f
		}
		for _, r := range engine(t, `SELECT `+by+`, COUNT(*), COUNT(CASE WHEN outcome_status = 'success' THEN 1 END),
			SUM(total_cost), SUM(unsuccessful_cost),
			SUM(total_cost) / NULLIF(COUNT(CASE WHEN outcome_status = 'success' THEN 1 END), 0)
			FROM events GROUP BY 1`) {
			f := a.figures[text(r[0])]
			f.Events, f.EventSuccesses, f.EventCost, f.Unsuccessful = whole(t, r[1]), whole(t, r[2]), amount(t, r[3]), amount(t, r[4])
			near(t, f.perEventSuccess(), r[5], "cost per success with all attempts of %s", text(r[0]))
			a.figures[text(r[0])] = f
		}
	}
	return a
}

// The two statements of the contract, section 7, as written there.
const (
	averageCost = `SELECT AVG(total_cost) AS avg_cost_per_success FROM runs WHERE workflow = 'fulfill-order'
       AND outcome_status = 'success' AND outcome_value_type = 'orders_fulfilled';`
	returns = `SELECT workflow, SUM(outcome_value_amount * value_per_unit) AS total_value, SUM(total_cost) AS total_cost,
       (SUM(outcome_value_amount * value_per_unit) - SUM(total_cost)) / SUM(total_cost) AS roi FROM runs GROUP BY workflow;`
)

// statements are the files of an example that hold the contract's statements.
func statements(t *testing.T, example string) (average, returned string) {
	t.Helper()
	line := func(text []byte) string { return strings.Join(strings.Fields(string(text)), " ") }
	contract, err := os.ReadFile(filepath.Join(repository, "docs", "contract.md"))
	require.NoError(t, err)
	read := func(file, statement string) string {
		text, err := os.ReadFile(filepath.Join(repository, "examples", example, file))
		require.NoError(t, err)
		require.Contains(t, line(contract), line([]byte(statement)))
		require.Contains(t, line(text), line([]byte(statement)), file)
		return string(text)
	}
	return read("average_cost_per_success.sql", averageCost), read("return_on_cost.sql", returns)
}

// holdStatements holds what an engine answers to the contract's statements
// against the truth.
func (w *world) holdStatements(t *testing.T, engine sqlEngine, example string) (lines []string) {
	t.Helper()
	average, returned := statements(t, example)
	orders := figures{}
	for _, r := range w.runs {
		if r.workflow == "fulfill-order" && r.valueType == "orders_fulfilled" {
			orders.run(r.row())
		}
	}
	require.NotNil(t, orders.perSuccess())
	got := engine(t, average)
	require.Len(t, got, 1)
	near(t, orders.perSuccess(), got[0][0], "the average cost of a success")
	lines = append(lines, fmt.Sprintf("average cost of a fulfilled order: %s", shown(got[0][0])))

	truth := w.answers().figures
	rows := engine(t, returned)
	require.Len(t, rows, len(truth)-1) // all but the sum of all
	for _, r := range rows {
		workflow := text(r[0])
		require.Contains(t, truth, workflow)
		f, worth := truth[workflow], w.worth(workflow)
		assert.Equal(t, f.Cost, amount(t, r[2]), "total cost of %s", workflow)
		var value, roi *big.Rat
		if worth.known {
			value = worth.rat()
		}
		if worth.known && f.Cost.known {
			roi = new(big.Rat).Sub(worth.rat(), f.Cost.rat())
			roi.Quo(roi, f.Cost.rat())
		}
		near(t, value, r[1], "total value of %s", workflow)
		near(t, roi, r[3], "return on %s", workflow)
		lines = append(lines, fmt.Sprintf("return on %s: value %s, cost %s, roi %s", workflow, shown(r[1]), shown(r[2]), shown(r[3])))
	}
	return lines
}

// success is a row of cost_per_success_of_runs.sql, or of events.
type success struct {
	count, successes, unknown int64
	cost, unsuccessful        money // the latter of events alone
	priced                    int64 // successes of which the cost is known
}

func (s *success) add(status string, cost money) {
	s.count++
	s.cost = s.cost.plus(cost)
	if !cost.known {
		s.unknown++
	}
	if status != "success" {
		return
	}
	s.successes++
	if cost.known {
		s.priced++
	}
}

// per is the cost of a success in whole picodollars.
func (s *success) per() money {
	if !s.cost.known || s.priced == 0 {
		return money{}
	}
	return money{s.cost.usd / synthetic.USD(s.priced), true}
}

// holdPerSuccess holds what an example's files say of the cost of a success
// against the truth, to the last digit.
func (w *world) holdPerSuccess(t *testing.T, where, example string, engine sqlEngine) {
	t.Helper()
	runs, events := map[string]*success{}, map[string]*success{}
	of := func(m map[string]*success, workflow string) *success {
		if m[workflow] == nil {
			m[workflow] = &success{}
		}
		return m[workflow]
	}
	truth := w.answers()
	for _, r := range truth.runs {
		of(runs, r.Workflow).add(r.Status, r.Cost)
	}
	for _, e := range truth.events {
		s := of(events, e.Workflow)
		s.add(e.Status, e.Cost)
		s.unsuccessful = s.unsuccessful.plus(e.Unsuccessful)
	}
	for file, want := range map[string]map[string]*success{
		"cost_per_success_of_runs.sql": runs, "cost_per_success_of_events.sql": events,
	} {
		statement, err := os.ReadFile(filepath.Join(repository, "examples", example, file))
		require.NoError(t, err)
		rows := engine(t, string(statement))
		require.Len(t, rows, len(want), "%s in %s", file, where)
		for _, r := range rows {
			workflow := text(r[0])
			s := want[workflow]
			require.NotNil(t, s, "%s in %s: %s", file, where, workflow)
			expected := []any{s.count, s.successes, s.cost, s.unknown, s.per()}
			got := []any{whole(t, r[1]), whole(t, r[2]), amount(t, r[3]), whole(t, r[len(r)-2]), amount(t, r[len(r)-1])}
			if file == "cost_per_success_of_events.sql" {
				require.Len(t, r, 7)
				expected, got = append(expected, s.unsuccessful), append(got, amount(t, r[4]))
			}
			assert.Equal(t, expected, got, "%s in %s: %s", file, where, workflow)
		}
	}
}

// near holds a quotient, which engines give as a float, against the exact one;
// nil is NULL.
func near(t *testing.T, want *big.Rat, got any, what string, args ...any) {
	t.Helper()
	what = fmt.Sprintf(what, args...)
	if want == nil || got == nil {
		assert.True(t, want == nil && got == nil, "%s: %v, not %v", what, got, want)
		return
	}
	n, err := strconv.ParseFloat(text(got), 64)
	require.NoError(t, err)
	exact, _ := want.Float64()
	assert.LessOrEqual(t, math.Abs(n-exact), tolerance*max(1, math.Abs(exact)), "%s: %v, not %v", what, n, exact)
}

// shown is a value for who reads it.
func shown(v any) string { return cmp.Or(text(v), "NULL") }

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func whole(t *testing.T, v any) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text(v), 10, 64)
	require.NoError(t, err)
	return n
}

func amount(t *testing.T, v any) money {
	t.Helper()
	m, err := parseMoney(v)
	require.NoError(t, err)
	return m
}
