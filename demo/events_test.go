package main

import (
	"cmp"
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/ledgertest"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// with is attributes that differ, as key, value, key, value.
func with(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

// made is a run made for event e: it began at a second, took one, and cost so
// many dollars. It is told in one part; it says nothing of its attempt.
func made(id string, start int, status string, dollars int, differs map[string]any) replay.Summary {
	a := with(
		botanu.RunID, id, botanu.Attempt, nil, botanu.OutcomeStatus, status,
		botanu.OutcomeTime, second(start+1).Format(stamp), botanu.CostTotalExact, strconv.Itoa(dollars),
	)
	maps.Copy(a, differs)
	return span(summary("1", 0, a), start, start+1)
}

// eventRow is the whole row of an event of so many attempts and runs, of one
// call each, that began at second 1.
func eventRow(attempts, runs, total, unsuccessful, end int, differs map[string]any) map[string]any {
	r := map[string]any{
		"event_id": "e", "customer_id": "c", "workflow": "w", "environment": "prod",
		"outcome_status": "success", "outcome_value_type": "orders", "outcome_value_amount": 2.0, "value_per_unit": 12.5,
		"attempts": int64(attempts), "runs": int64(runs),
		"total_cost": float64(total), "total_cost_pico": int64(total) * 1e12,
		"unsuccessful_cost": float64(unsuccessful), "unsuccessful_cost_pico": int64(unsuccessful) * 1e12,
		"cost_accuracy": "exact",
		"llm_calls":     int64(runs), "input_tokens": int64(100 * runs), "output_tokens": int64(10 * runs),
		"started_at": second(1).Format(stamp), "ended_at": second(end).Format(stamp),
	}
	maps.Copy(r, differs)
	return r
}

// TestEvents has the shapes that events take.
func TestEvents(t *testing.T) {
	const ok, failed = "success", "failed"
	unpriced := with(botanu.CostTotalExact, nil, botanu.CostAccuracy, "unknown", botanu.LLMUnpricedCalls, int64(1))
	callless := with(botanu.LLMCalls, int64(0), botanu.TokensInput, int64(0), botanu.TokensOutput, int64(0))
	unknown := with("total_cost", nil, "total_cost_pico", nil, "unsuccessful_cost", nil, "unsuccessful_cost_pico", nil, "cost_accuracy", "unknown")
	nestedIn := func(parent string) map[string]any { return with(botanu.ParentRun, parent, botanu.Workflow, "lookup") }
	accuracy := func(code string) map[string]any { return with(botanu.CostAccuracy, code) }
	for _, c := range []struct {
		name string
		runs []replay.Summary
		want []map[string]any
	}{
		{"a single run", []replay.Summary{made("a", 1, ok, 5, nil)}, []map[string]any{eventRow(1, 1, 5, 0, 2, nil)}},
		{
			"a single run that fails",
			[]replay.Summary{made("a", 1, failed, 5, nil)},
			[]map[string]any{eventRow(1, 1, 5, 5, 2, with("outcome_status", failed))},
		},
		{
			"retries by lineage, though clocks disagree",
			[]replay.Summary{
				made("c", 1, ok, 4, with(botanu.Attempt, int64(3), botanu.RootRun, "a", botanu.RetryOf, "b")),
				made("b", 2, failed, 2, with(botanu.Attempt, int64(2), botanu.RootRun, "a", botanu.RetryOf, "a")),
				made("a", 3, failed, 1, with(botanu.Attempt, int64(1))),
			},
			[]map[string]any{eventRow(3, 3, 7, 3, 4, nil)},
		},
		{
			"retries by what they retry",
			[]replay.Summary{
				made("a", 3, failed, 1, with(botanu.Attempt, int64(1))), made("b", 2, failed, 2, with(botanu.RetryOf, "a")),
				made("c", 1, ok, 4, with(botanu.RetryOf, "b")),
			},
			[]map[string]any{eventRow(3, 3, 7, 3, 4, nil)},
		},
		{
			"retries with the lean identity alone, by start",
			[]replay.Summary{made("a", 3, ok, 4, nil), made("b", 1, "timeout", 1, nil), made("c", 2, "canceled", 2, nil)},
			[]map[string]any{eventRow(3, 3, 7, 3, 4, nil)},
		},
		{
			"one line over three workflows, each joined by another thing",
			[]replay.Summary{
				made("a", 1, failed, 1, with(botanu.Workflow, "x")),
				made("b", 2, failed, 2, with(botanu.Workflow, "y", botanu.RootRun, "a")),
				made("c", 3, "abandoned", 4, with(botanu.Workflow, "z", botanu.RetryOf, "b")),
				made("d", 4, ok, 8, with(botanu.Workflow, "z")),
			},
			[]map[string]any{eventRow(4, 4, 15, 7, 5, with("workflow", "z"))},
		},
		{
			"an attempt of which the earlier ones were seen elsewhere",
			[]replay.Summary{made("c", 1, ok, 4, with(botanu.Attempt, int64(3)))},
			[]map[string]any{eventRow(3, 1, 4, 0, 2, nil)},
		},
		{
			"what is retried, or the parent, is of another event",
			[]replay.Summary{
				made("a", 1, ok, 1, with(botanu.EventID, "d", botanu.Attempt, int64(5))),
				made("b", 1, ok, 2, with(botanu.RetryOf, "a", botanu.ParentRun, "a")),
			},
			[]map[string]any{eventRow(5, 1, 1, 0, 2, with("event_id", "d")), eventRow(2, 1, 2, 0, 2, nil)},
		},
		{
			"another workflow is added up, but is no attempt",
			[]replay.Summary{made("a", 1, ok, 1, nil), made("b", 2, failed, 2, with(botanu.Workflow, "notify"))},
			[]map[string]any{eventRow(1, 2, 3, 2, 3, nil)},
		},
		{
			"a nested run that fails is made up for by the run around it",
			[]replay.Summary{made("a", 1, ok, 1, nil), made("n", 2, failed, 2, nestedIn("a"))},
			[]map[string]any{eventRow(1, 2, 3, 0, 3, nil)},
		},
		{
			"nested in nested, beneath an attempt that fails and is retried",
			[]replay.Summary{
				made("a", 1, failed, 1, with(botanu.Attempt, int64(1))),
				made("n", 2, ok, 2, nestedIn("a")), made("m", 3, ok, 4, nestedIn("n")),
				made("b", 5, ok, 8, with(botanu.Attempt, int64(2))),
			},
			[]map[string]any{eventRow(2, 4, 15, 7, 6, nil)},
		},
		{
			"a nested run that is retried is no attempt at the event",
			[]replay.Summary{
				made("a", 1, ok, 1, with(botanu.Attempt, int64(1))),
				made("n", 2, failed, 2, with(botanu.ParentRun, "a", botanu.Attempt, int64(1))),
				made("m", 3, ok, 4, with(botanu.ParentRun, "a", botanu.Attempt, int64(2), botanu.RetryOf, "n")),
			},
			[]map[string]any{eventRow(1, 3, 7, 0, 4, nil)},
		},
		{
			"parents in a circle, and a run beneath it",
			[]replay.Summary{
				made("a", 1, ok, 1, with(botanu.ParentRun, "b")), made("b", 2, ok, 2, with(botanu.ParentRun, "a")),
				made("n", 3, ok, 4, with(botanu.ParentRun, "b")),
			},
			[]map[string]any{eventRow(1, 3, 7, 0, 4, nil)},
		},
		{"a run that is its own parent and a retry of itself", []replay.Summary{
			made("a", 1, ok, 1, with(botanu.ParentRun, "a", botanu.RetryOf, "a", botanu.Attempt, int64(1))),
		}, []map[string]any{eventRow(1, 1, 1, 0, 2, nil)}},
		{
			"two customers with one event ID, and one who is not named",
			[]replay.Summary{
				made("a", 1, ok, 1, with(botanu.Customer, nil)), made("b", 1, ok, 2, nil), made("d", 1, failed, 4, with(botanu.Customer, "d")),
				made("n", 1, ok, 8, with(botanu.Customer, nil, botanu.ParentRun, "a")), // of the same event as a
				made("m", 1, ok, 16, with(botanu.ParentRun, "a")),                      // not of the event that its parent is of
			},
			[]map[string]any{
				eventRow(1, 2, 9, 0, 2, with("customer_id", nil)),
				eventRow(2, 2, 18, 0, 2, nil),
				eventRow(1, 1, 4, 4, 2, with("customer_id", "d", "outcome_status", failed)),
			},
		},
		{
			"runs that came in parts and revisions from two collectors",
			[]replay.Summary{
				made("a", 1, failed, 1, nil), made("a", 2, failed, 2, with(botanu.Part, "2")),
				made("b", 3, ok, 100, nil), made("b", 3, ok, 4, with(botanu.Revision, int64(1))),
				made("b", 4, "abandoned", 8, with(botanu.Part, "2", botanu.OutcomeRank, int64(0))),
			},
			[]map[string]any{eventRow(2, 2, 15, 3, 5, with("llm_calls", int64(4), "input_tokens", int64(400), "output_tokens", int64(40)))},
		},
		{
			"no outcome: none is taken from an earlier attempt or a nested run",
			[]replay.Summary{
				made("a", 1, failed, 1, nil),
				made("b", 2, "", 2, with(botanu.OutcomeStatus, nil, botanu.OutcomeValueType, nil, botanu.OutcomeValueAmount, nil, botanu.OutcomeValuePerUnit, nil)),
				made("n", 3, ok, 4, with(botanu.ParentRun, "b")),
			},
			[]map[string]any{eventRow(2, 3, 7, 1, 4, with("outcome_status", nil, "outcome_value_type", nil, "outcome_value_amount", nil, "value_per_unit", nil))},
		},
		{
			"what the last attempt does not say, another run does",
			[]replay.Summary{
				made("a", 1, failed, 1, with(botanu.Environment, "test")),
				made("b", 2, ok, 2, with(botanu.Environment, nil)),
			},
			[]map[string]any{eventRow(2, 2, 3, 1, 3, with("environment", "test"))},
		},
		{"a run without an event ID leaves no event", []replay.Summary{made("a", 1, ok, 1, with(botanu.EventID, nil))}, []map[string]any{}},
		{"no price: the total is unknown, not zero", []replay.Summary{made("a", 1, failed, 0, unpriced)}, []map[string]any{
			eventRow(1, 1, 0, 0, 2, and(unknown, with("outcome_status", failed))),
		}},
		{"no price beside a run without calls: still unknown", []replay.Summary{made("a", 1, ok, 0, unpriced), made("b", 2, ok, 0, callless)}, []map[string]any{
			eventRow(2, 2, 0, 0, 3, and(unknown, with("llm_calls", int64(1), "input_tokens", int64(100), "output_tokens", int64(10)))),
		}},
		{"no price beside a run that has one: what is known, as a bound", []replay.Summary{made("a", 1, failed, 0, unpriced), made("b", 2, ok, 3, nil)}, []map[string]any{
			eventRow(2, 2, 3, 0, 3, with("cost_accuracy", "lower_bound")),
		}},
		{"no calls: the total is zero", []replay.Summary{made("a", 1, ok, 0, callless)}, []map[string]any{
			eventRow(1, 1, 0, 0, 2, with("llm_calls", int64(0), "input_tokens", int64(0), "output_tokens", int64(0))),
		}},
		{"bounded on either side is no bound", []replay.Summary{made("a", 1, ok, 1, accuracy("lower_bound")), made("b", 2, ok, 2, accuracy("upper_bound"))}, []map[string]any{
			eventRow(2, 2, 3, 0, 3, with("cost_accuracy", "estimate")),
		}},
		{"bounded from above", []replay.Summary{made("a", 1, ok, 1, nil), made("b", 2, ok, 2, accuracy("upper_bound"))}, []map[string]any{
			eventRow(2, 2, 3, 0, 3, with("cost_accuracy", "upper_bound")),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, query(t, c.runs, "SELECT * FROM events ORDER BY customer_id, event_id"))
		})
	}
}

// and is a with what differs in b.
func and(a, b map[string]any) map[string]any {
	c := maps.Clone(a)
	maps.Copy(c, b)
	return c
}

// TestViews_sameRuleAsTheCollector holds both views against random runs: runs
// against the contract's rule in plain Go, events against package event, which
// the collector's own event summaries come from.
func TestViews_sameRuleAsTheCollector(t *testing.T) {
	var summaries []replay.Summary
	var runs, events []ledgertest.Row
	circles := map[any]bool{}
	for seed := range uint64(2000) {
		w := ledgertest.New(seed)
		summaries = append(summaries, w.Summaries...)
		runs = append(runs, w.Runs...)
		if w.Event != nil {
			events = append(events, w.Event)
			circles[key(w.Event)] = w.Circles
		}
	}
	slices.SortFunc(events, func(a, b ledgertest.Row) int { return cmp.Compare(key(a), key(b)) })
	db, err := createDatabase(t.Context(), filepath.Join(t.TempDir(), "runs.db"), summaries)
	require.NoError(t, err)
	defer func() { assert.NoError(t, db.Close()) }()

	// The demo's views are small: they end where what they do not have begins.
	columns := ledgertest.RunColumns[:slices.Index(ledgertest.RunColumns, "unpriced_calls")]
	got := rowsOf(t, db, selected(columns, "runs ORDER BY run_id"))
	require.Len(t, got, len(runs))
	for i, want := range runs {
		require.Equal(t, values(want, columns), got[i], want["run_id"])
	}

	columns = ledgertest.EventColumns[:slices.Index(ledgertest.EventColumns, "unpriced_calls")]
	got = rowsOf(t, db, selected(columns, "events ORDER BY event_id, customer_id"))
	bounds := rowsOf(t, db, `SELECT unsuccessful_cost_pico <= total_cost_pico, attempts BETWEEN 1 AND runs + 4
		FROM events ORDER BY event_id, customer_id`)
	require.Len(t, got, len(events))
	for i, want := range events {
		require.NotEqual(t, int64(0), bounds[i][0], "%s: more was unsuccessful than there was", key(want))
		require.Equal(t, int64(1), bounds[i][1], "%s: attempts", key(want))
		has := values(want, columns)
		if circles[key(want)] {
			for j, c := range columns {
				if slices.Contains(ledgertest.Uncertain, c) {
					has[j] = got[i][j]
				}
			}
		}
		require.Equal(t, has, got[i], key(want))
	}
}

// key orders events as the view's event_id, customer_id do.
func key(row ledgertest.Row) string { return fmt.Sprint(row["event_id"], row["customer_id"]) }

// selected reads columns exactly: SQLite has no decimals, and so the views have
// picodollars beside each amount.
func selected(columns []string, from string) string {
	list := slices.Clone(columns)
	for i, c := range list {
		if strings.HasSuffix(c, "_cost") {
			list[i] = c + "_pico"
		}
	}
	return "SELECT " + strings.Join(list, ", ") + " FROM " + from
}

// values are those of a row as the database gives them.
func values(row ledgertest.Row, columns []string) []any {
	list := make([]any, len(columns))
	for i, c := range columns {
		switch v := row[c].(type) {
		case money.Amount:
			list[i] = int64(v)
		case time.Time:
			list[i] = v.Format(stamp)
		default:
			list[i] = v
		}
	}
	return list
}

func rowsOf(t *testing.T, db *sql.DB, statement string) [][]any {
	t.Helper()
	answer, err := ask(t.Context(), db, statement)
	require.NoError(t, err)
	return answer.rows
}

func TestStatementsOfEvents(t *testing.T) {
	of := func(eventID, id string, start int, status, cost string, differs map[string]any) replay.Summary {
		return made(id, start, status, 0, and(with(botanu.EventID, eventID, botanu.CostTotalExact, cost), differs))
	}
	runs := []replay.Summary{
		of("1", "a", 1, "success", "2", nil),
		of("2", "b", 1, "failed", "1", nil), of("2", "c", 2, "success", "3", nil),
		of("3", "d", 1, "failed", "4", nil),
		of("4", "e", 1, "success", "0", with(botanu.CostTotalExact, nil, botanu.CostAccuracy, "unknown", botanu.LLMUnpricedCalls, int64(1))),
		of("5", "f", 1, "success", "7", with(botanu.Workflow, "x")),
	}
	assert.Equal(t, []map[string]any{
		{"workflow": "w", "events": int64(4), "successes": int64(3), "total_cost": 10.0, "unknown_cost": int64(1), "cost_per_success": 5.0},
		{"workflow": "x", "events": int64(1), "successes": int64(1), "total_cost": 7.0, "unknown_cost": int64(0), "cost_per_success": 7.0},
	}, query(t, runs, costPerSuccessOfEvents), "the event of unknown cost is no free success")
	assert.Equal(t, []map[string]any{
		{"workflow": "w", "total_cost": 10.0, "unsuccessful_cost": 5.0, "share": 0.5},
	}, query(t, runs, unsuccessfulShare))
	assert.Equal(t, []map[string]any{
		{"workflow": "w", "attempts": int64(1), "successes": int64(2), "cost_per_success": 2.0, "of_it_unsuccessful": 0.0},
		{"workflow": "w", "attempts": int64(2), "successes": int64(1), "cost_per_success": 4.0, "of_it_unsuccessful": 1.0},
	}, query(t, runs, costByAttempts))
}

// TestAgree: the view and event summaries are held against each other, by what
// the last revision says.
func TestAgree(t *testing.T) {
	db, err := createDatabase(t.Context(), filepath.Join(t.TempDir(), "runs.db"), []replay.Summary{made("a", 1, "failed", 1, nil), made("b", 2, "success", 2, nil)})
	require.NoError(t, err)
	defer func() { assert.NoError(t, db.Close()) }()
	say := func(to ptrace.Traces, differs map[string]any) {
		s := to.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetName(botanu.EventSummary)
		require.NoError(t, s.Attributes().FromRaw(and(with(
			botanu.Customer, "c", botanu.EventID, "e", botanu.Workflow, "w", botanu.Environment, "prod", botanu.OutcomeStatus, "success",
			botanu.EventAttempts, 2, botanu.EventRuns, 2, botanu.EventCostTotalExact, "3", botanu.EventCostUnsuccessfulExact, "1",
			botanu.EventCostAccuracy, "exact", botanu.EventLLMCalls, 2, botanu.EventTokensInput, 200, botanu.EventTokensOutput, 20,
		), differs)))
	}
	td := ptrace.NewTraces()
	_, err = agree(t.Context(), db, []ptrace.Traces{td})
	require.ErrorContains(t, err, "disagree")
	say(td, with(botanu.EventAttempts, 1, botanu.EventCostTotalExact, "1"))
	_, err = agree(t.Context(), db, []ptrace.Traces{td})
	require.ErrorContains(t, err, "disagree")
	say(td, nil)
	n, err := agree(t.Context(), db, []ptrace.Traces{td})
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	say(td, with(botanu.EventID, "of no run"))
	_, err = agree(t.Context(), db, []ptrace.Traces{td})
	require.ErrorContains(t, err, "the collector summarised 2")
}
