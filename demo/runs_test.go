package main

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// second is a time in the life of the runs below.
func second(n int) time.Time { return time.Date(2030, 1, 1, 0, 0, n, 0, time.UTC) }

// summary is a part's revision of run r: from second 10 to 20, one call of
// 100 + 10 tokens for 0.25 USD, its root ended in success. with says what is
// different; a nil takes an attribute away.
func summary(part string, revision int64, with map[string]any) replay.Summary {
	s := replay.Summary{RunID: "r", Part: part, Revision: revision, Start: second(10), End: second(20)}
	s.Attributes = map[string]any{
		botanu.RunID: "r", botanu.Part: part, botanu.Revision: revision, botanu.Completion: "root_ended",
		botanu.EventID: "e", botanu.Customer: "c", botanu.Workflow: "w", botanu.Environment: "prod", botanu.Attempt: int64(1),
		botanu.OutcomeStatus: "success", botanu.OutcomeRank: int64(4), botanu.OutcomeTime: second(20).Format(stamp),
		botanu.OutcomeValueType: "orders", botanu.OutcomeValueAmount: 2.0, botanu.OutcomeValuePerUnit: 12.5,
		botanu.CostTotalExact: "0.25", botanu.CostAccuracy: "exact", botanu.LLMCalls: int64(1), botanu.LLMUnpricedCalls: int64(0),
		botanu.TokensInput: int64(100), botanu.TokensOutput: int64(10),
	}
	for key, v := range with {
		if v == nil {
			delete(s.Attributes, key)
		} else {
			s.Attributes[key] = v
		}
	}
	return s
}

// The whole row of the run that summary describes.
func row(with map[string]any) map[string]any {
	r := map[string]any{
		"run_id": "r", "event_id": "e", "customer_id": "c", "workflow": "w", "environment": "prod", "attempt": int64(1),
		"parent_run_id": nil, "root_run_id": nil, "retry_of_run_id": nil,
		"outcome_status": "success", "outcome_value_type": "orders", "outcome_value_amount": 2.0, "value_per_unit": 12.5,
		"total_cost": 0.25, "total_cost_pico": int64(250_000_000_000), "cost_accuracy": "exact",
		"llm_calls": int64(1), "input_tokens": int64(100), "output_tokens": int64(10),
		"started_at": second(10).Format(stamp), "ended_at": second(20).Format(stamp), "parts": int64(1), "revision": int64(0),
	}
	maps.Copy(r, with)
	return r
}

func span(s replay.Summary, start, end int) replay.Summary {
	s.Start, s.End = second(start), second(end)
	return s
}

func TestRuns(t *testing.T) {
	unpriced := map[string]any{botanu.CostTotalExact: nil, botanu.CostAccuracy: "unknown", botanu.LLMUnpricedCalls: int64(1)}
	silent := map[string]any{ // a part without a root, a call or a word
		botanu.Completion: "idle", botanu.Environment: nil, botanu.Attempt: nil,
		botanu.OutcomeStatus: "abandoned", botanu.OutcomeRank: int64(0), botanu.OutcomeTime: nil,
		botanu.OutcomeValueType: nil, botanu.OutcomeValueAmount: nil, botanu.OutcomeValuePerUnit: nil,
		botanu.CostTotalExact: "0", botanu.LLMCalls: int64(0), botanu.TokensInput: int64(0), botanu.TokensOutput: int64(0),
	}
	accuracy := func(code string) map[string]any { return map[string]any{botanu.CostAccuracy: code} }
	twice := map[string]any{ // what two parts of one call each add up to
		"total_cost": 0.5, "total_cost_pico": int64(500_000_000_000), "parts": int64(2),
		"llm_calls": int64(2), "input_tokens": int64(200), "output_tokens": int64(20),
	}
	for _, c := range []struct {
		name      string
		summaries []replay.Summary
		want      map[string]any
	}{
		{"one part", []replay.Summary{summary("1", 0, nil)}, row(nil)},
		{"delivered twice", []replay.Summary{summary("1", 0, nil), summary("1", 0, nil)}, row(nil)},
		{
			"the highest revision restates the part, in any order of arrival",
			[]replay.Summary{summary("1", 2, map[string]any{botanu.CostTotalExact: "0.000000000001", botanu.OutcomeStatus: "failed"}), summary("1", 0, nil), summary("1", 1, nil)},
			row(map[string]any{"total_cost": 1e-12, "total_cost_pico": int64(1), "outcome_status": "failed", "revision": int64(2)}),
		},
		{
			"parts add up; least start, greatest end",
			[]replay.Summary{span(summary("1", 3, nil), 5, 15), span(summary("2", 1, nil), 12, 30)},
			row(and(twice, map[string]any{"started_at": second(5).Format(stamp), "ended_at": second(30).Format(stamp), "revision": int64(3)})),
		},
		{
			"the higher rank is believed, though it is earlier",
			[]replay.Summary{
				summary("1", 0, map[string]any{botanu.OutcomeStatus: "partial", botanu.OutcomeTime: second(1).Format(stamp)}),
				summary("2", 0, map[string]any{botanu.OutcomeStatus: "failed", botanu.OutcomeRank: int64(3)}),
			},
			row(and(twice, map[string]any{"outcome_status": "partial"})),
		},
		{
			"of equal rank the later is believed, whole: its missing value is not taken from the other",
			[]replay.Summary{
				summary("2", 0, nil),
				summary("1", 0, map[string]any{
					botanu.OutcomeStatus: "failed", botanu.OutcomeTime: second(21).Format(stamp),
					botanu.OutcomeValueType: nil, botanu.OutcomeValueAmount: nil, botanu.OutcomeValuePerUnit: nil,
				}),
			},
			row(and(twice, map[string]any{
				"outcome_status": "failed", "outcome_value_type": nil, "outcome_value_amount": nil, "value_per_unit": nil,
			})),
		},
		{
			"of equal rank and time the greater part",
			[]replay.Summary{summary("b", 0, map[string]any{botanu.OutcomeStatus: "failed"}), summary("a", 0, nil)},
			row(and(twice, map[string]any{"outcome_status": "failed"})),
		},
		{
			"the part with the root knows who the run is",
			[]replay.Summary{
				span(summary("1", 0, map[string]any{botanu.Completion: "idle", botanu.Customer: "z", botanu.Workflow: "z"}), 1, 20),
				summary("2", 0, map[string]any{botanu.Environment: nil}),
			},
			row(and(twice, map[string]any{"started_at": second(1).Format(stamp)})),
		},
		{
			"lineage, as the part with the root knows it, else another",
			[]replay.Summary{
				span(summary("1", 0, map[string]any{botanu.Completion: "idle", botanu.ParentRun: "x", botanu.RootRun: "y"}), 1, 20),
				summary("2", 0, map[string]any{botanu.ParentRun: "p", botanu.RetryOf: "z"}),
			},
			row(and(twice, map[string]any{
				"started_at": second(1).Format(stamp), "parent_run_id": "p", "root_run_id": "y", "retry_of_run_id": "z",
			})),
		},
		{"no price: the total is unknown, not zero", []replay.Summary{summary("1", 0, unpriced)}, row(map[string]any{"total_cost": nil, "total_cost_pico": nil, "cost_accuracy": "unknown"})},
		{"no call: the total is zero", []replay.Summary{summary("1", 0, map[string]any{botanu.CostTotalExact: "0", botanu.LLMCalls: int64(0)})}, row(map[string]any{"total_cost": 0.0, "total_cost_pico": int64(0), "llm_calls": int64(0)})},
		{"no price beside a part without calls: still unknown", []replay.Summary{summary("1", 0, unpriced), summary("2", 0, silent)}, row(map[string]any{
			"total_cost": nil, "total_cost_pico": nil, "cost_accuracy": "unknown", "parts": int64(2),
		})},
		{"no price beside a priced part: what is known, marked", []replay.Summary{summary("1", 0, unpriced), summary("2", 0, nil)}, row(and(twice, map[string]any{
			"total_cost": 0.25, "total_cost_pico": int64(250_000_000_000), "cost_accuracy": "unknown",
		}))},
		{"the weakest accuracy", []replay.Summary{summary("1", 0, accuracy("estimate")), summary("2", 0, accuracy("lower_bound"))}, row(and(twice, map[string]any{"cost_accuracy": "estimate"}))},
		{"bounded from below", []replay.Summary{summary("1", 0, accuracy("exact")), summary("2", 0, accuracy("lower_bound"))}, row(and(twice, map[string]any{"cost_accuracy": "lower_bound"}))},
		{"bounded on either side is no bound", []replay.Summary{summary("1", 0, accuracy("upper_bound")), summary("2", 0, accuracy("lower_bound"))}, row(and(twice, map[string]any{"cost_accuracy": "estimate"}))},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := query(t, c.summaries, "SELECT * FROM runs")
			for _, which := range []string{"may_be_higher", "may_be_lower"} { // told by the accuracy
				require.Contains(t, got[0], which)
				delete(got[0], which)
			}
			assert.Equal(t, []map[string]any{c.want}, got)
		})
	}
}

// query asks a fresh database that holds the summaries.
func query(t *testing.T, summaries []replay.Summary, statement string) []map[string]any {
	t.Helper()
	db, err := createDatabase(t.Context(), filepath.Join(t.TempDir(), "runs.db"), summaries)
	require.NoError(t, err)
	defer func() { assert.NoError(t, db.Close()) }()
	answer, err := ask(t.Context(), db, statement)
	require.NoError(t, err)
	rows := make([]map[string]any, len(answer.rows))
	for i, values := range answer.rows {
		rows[i] = map[string]any{}
		for j, v := range values {
			rows[i][answer.columns[j]] = v
		}
	}
	return rows
}

func TestStatements(t *testing.T) {
	order := func(run, status, cost string) replay.Summary {
		s := summary("1", 0, map[string]any{
			botanu.RunID: run, botanu.Workflow: "fulfill-order", botanu.OutcomeStatus: status,
			botanu.OutcomeValueType: "orders_fulfilled", botanu.CostTotalExact: cost,
		})
		if cost == "" {
			delete(s.Attributes, botanu.CostTotalExact)
			s.Attributes[botanu.LLMUnpricedCalls] = int64(1)
		}
		return s
	}
	orders := []replay.Summary{order("1", "success", "0.5"), order("2", "success", "1.5"), order("3", "failed", "8"), order("4", "success", "")}
	assert.Equal(t, []map[string]any{{"avg_cost_per_success": 1.0}}, query(t, orders, costPerSuccess), "the run of unknown cost is no free one")
	assert.Equal(t, []map[string]any{{"workflow": "fulfill-order", "total_value": 100.0, "total_cost": 10.0, "roi": 9.0}}, query(t, orders, returnOnCost))
	assert.Equal(t, []map[string]any{
		{"workflow": "fulfill-order", "outcome": "failed", "runs": int64(1), "calls": int64(1), "total_cost": 8.0, "cost_per_outcome": 8.0, "exact_runs": int64(1), "unknown_cost": int64(0)},
		{"workflow": "fulfill-order", "outcome": "success", "runs": int64(3), "calls": int64(3), "total_cost": 2.0, "cost_per_outcome": 1.0, "exact_runs": int64(3), "unknown_cost": int64(1)},
	}, query(t, orders, costPerOutcome))
}

func TestTable_write(t *testing.T) {
	var b strings.Builder
	answer := table{
		columns: []string{"workflow", "n", "cost", "value"},
		rows:    [][]any{{"größer", int64(12), 0.0000015, 1234.5}, {nil, int64(3), nil, 0.125}},
	}
	require.NoError(t, answer.write(&b))
	assert.Equal(t, strings.Join([]string{
		"  workflow   n      cost    value",
		"  --------  --  --------  -------",
		"  größer    12  0.000002  1234.50",
		"  NULL       3      NULL     0.12",
		"",
	}, "\n"), b.String())
}

func TestRename(t *testing.T) {
	capture, err := replay.Load(filepath.Join("..", "testdata", "captures", renamed))
	require.NoError(t, err)
	rename(capture)
	names := map[string]int{}
	for span := range replay.Spans(capture.Requests...) {
		names[span.Name()]++
		for _, v := range span.Attributes().All() {
			assert.NotContains(t, renames, v.AsString(), "%s", span.Name())
		}
	}
	assert.NotZero(t, names["botanu.run/fulfill-order"])
	assert.NotZero(t, names["botanu.run/orchestrator"], "other workflows keep their names")
	assert.Zero(t, names["botanu.run/support_ticket"])
}
