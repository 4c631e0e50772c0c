//go:build sql

package sql

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/e2e/internal/clickhouse"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/ledgertest"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// night is an hour at which it is another day where the server is.
var night = time.Date(2026, 11, 2, 23, 0, 0, 0, time.UTC)

// told is a run of an event that began so many seconds after that hour, and
// made one call at so many dollars; "" is a call without a price. differs says
// what else it has, or has not.
func told(id, eventID string, start int, status, cost string, differs map[string]any) replay.Summary {
	a := map[string]any{
		botanu.RunID: id, botanu.Part: "0000000000000001", botanu.Revision: int64(0), botanu.Completion: "root_ended",
		botanu.EventID: eventID, botanu.Customer: "c", botanu.Workflow: "fulfill-order", botanu.OutcomeStatus: status, botanu.OutcomeRank: int64(4),
		botanu.OutcomeValueType: "orders_fulfilled", botanu.OutcomeValueAmount: 2.0, botanu.OutcomeValuePerUnit: 12.5,
		botanu.CostTotalExact: cost, botanu.CostAccuracy: "exact", botanu.LLMCalls: int64(1), botanu.LLMUnpricedCalls: int64(0),
		botanu.TokensInput: int64(100), botanu.TokensOutput: int64(10),
	}
	if cost == "" {
		delete(a, botanu.CostTotalExact)
		a[botanu.CostAccuracy], a[botanu.LLMUnpricedCalls] = "unknown", int64(1)
	}
	maps.Copy(a, differs)
	at := night.Add(time.Duration(start) * time.Second)
	return replay.Summary{RunID: id, Part: "0000000000000001", Start: at, End: at.Add(time.Second), Attributes: a}
}

// model is what one call to a model came to.
func model(name string, input, output int64, cost string) []map[string]any {
	m := map[string]any{
		botanu.ModelProvider: "openai", botanu.ModelName: name, botanu.UsageCalls: int64(1), botanu.UsageUnpricedCalls: int64(0),
		botanu.UsageInputUncached: input, botanu.UsageCacheRead: int64(0), botanu.UsageCacheWrite: int64(0), botanu.UsageOutput: output,
		botanu.UsageCostExact: cost,
	}
	if cost == "" {
		delete(m, botanu.UsageCostExact)
		m[botanu.UsageUnpricedCalls] = int64(1)
	}
	return []map[string]any{m}
}

// ledgerOf is a server with the relations over some summaries.
func ledgerOf(t *testing.T, summaries []replay.Summary) *clickhouse.Server {
	t.Helper()
	s := startClickHouse(t)
	insert(t, s, "otel_traces", spanRows(ledgertest.Traces(summaries)))
	ask(t, "clickhouse", statement(t, "clickhouse", "from_spans.sql")+statement(t, "clickhouse", "schema.sql"))
	return s
}

func TestClickHouse_queries(t *testing.T) {
	a, e := told("a", "1", 0, "success", "2", nil), told("e", "4", 4, "success", "", nil)
	a.Models, e.Models = model("gpt-4o-2024-08-06", 100, 10, "2"), model("gpt-next", 50, 5, "")
	s := ledgerOf(t, []replay.Summary{
		a, e, told("b", "2", 1, "failed", "1", nil), told("c", "2", 2, "success", "3", nil), told("d", "3", 3, "failed", "4", nil),
	})
	ask(t, "clickhouse", statement(t, "clickhouse", "provider.sql"))
	for _, page := range []map[string]any{
		{"provider": "openai", "kind": "usage", "page": `{"data":[{"start_time":1793577600,"results":[{"model":"gpt-4o-2024-08-06","num_model_requests":9,"input_tokens":900,"output_tokens":90}]}]}`},
		// The same day anew: it replaces what was said before.
		{"provider": "openai", "kind": "usage", "page": `{"data":[{"start_time":1793577600,"results":[
			{"model":"gpt-4o-2024-08-06","num_model_requests":1,"input_tokens":100,"input_cached_tokens":0,"output_tokens":10},
			{"model":"gpt-next","num_model_requests":1,"input_tokens":60,"input_cached_tokens":null,"output_tokens":5}]}]}`},
		{"provider": "openai", "kind": "cost", "page": `{"data":[{"start_time":1793577600,"results":[
			{"line_item":"gpt-4o-2024-08-06, input","amount":{"value":1.5,"currency":"usd"}},
			{"line_item":"gpt-4o-2024-08-06, cached input","amount":{"value":"0E-6176","currency":"usd"}},
			{"line_item":"gpt-4o-2024-08-06, output","amount":{"value":"0.500000000000000000","currency":"usd"}},
			{"line_item":"gpt-4o-2024-08-06, output","amount":{"value":"7","currency":"eur"}}]}]}`},
		{"provider": "anthropic", "kind": "usage", "page": `{"data":[{"starting_at":"2026-11-02T00:00:00Z","results":[{"model":"claude-sonnet-4-5-20250929",
			"uncached_input_tokens":3,"cache_read_input_tokens":4,"cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":6},"output_tokens":7}]}]}`},
		{"provider": "anthropic", "kind": "cost", "page": `{"data":[{"starting_at":"2026-11-02T00:00:00Z","results":[
			{"model":"claude-sonnet-4-5-20250929","amount":"81.5","currency":"USD"},{"model":null,"description":"Web Search Usage","amount":"1","currency":"USD"}]}]}`},
	} {
		var row bytes.Buffer
		require.NoError(t, json.NewEncoder(&row).Encode(page))
		require.NoError(t, s.Insert(t.Context(), "INSERT INTO provider_pages (provider, kind, page) FORMAT JSONEachRow", &row))
	}
	reconciled := func(provider, model, finding string, differs map[string]any) map[string]any {
		row := map[string]any{
			"provider": provider, "model": model, "period": "2026-11-02", "calls": nil, "requests": nil,
			"input_uncached_off": nil, "cache_read_off": nil, "cache_write_off": nil, "output_off": nil,
			"cost": nil, "provider_cost": nil, "cost_off": nil, "unpriced_calls": nil, "finding": finding,
		}
		maps.Copy(row, differs)
		return row
	}
	for _, c := range []struct {
		file string
		want []map[string]any
	}{
		// 2.5: the run of unknown cost is no free one.
		{"average_cost_per_success.sql", []map[string]any{{"avg_cost_per_success": "2.5"}}},
		{"return_on_cost.sql", []map[string]any{{"workflow": "fulfill-order", "total_value": "125", "total_cost": "10", "roi": "11.5"}}},
		{"cost_per_success_of_runs.sql", []map[string]any{{
			"workflow": "fulfill-order", "runs": "5", "successes": "3", "total_cost": "10", "unknown_cost": "1", "cost_per_success": "5",
		}}},
		{"cost_per_success_of_events.sql", []map[string]any{{
			"workflow": "fulfill-order", "events": "4", "successes": "3", "total_cost": "10", "unsuccessful_cost": "5",
			"unknown_cost": "1", "cost_per_success": "5",
		}}},
		{"cost_by_customer.sql", []map[string]any{{
			"month": "2026-11-01", "customer_id": "c", "runs": "5", "total_cost": "10", "exact_runs": "4", "unknown_cost": "1",
		}}},
		{"unpriced_share.sql", []map[string]any{{
			"provider": "openai", "model": "gpt-next", "calls": "1", "unpriced_calls": "1", "share": "1", "tokens": "55",
		}}},
		{"reconcile.sql", []map[string]any{
			reconciled("anthropic", "Web Search Usage", "not in the ledger", map[string]any{"provider_cost": "0.01"}),
			reconciled("anthropic", "claude-sonnet-4-5", "not in the ledger", map[string]any{"provider_cost": "0.815"}),
			reconciled("openai", "gpt-4o", "agrees", map[string]any{
				"calls": "1", "requests": "1", "input_uncached_off": "0", "cache_read_off": "0", "cache_write_off": "0", "output_off": "0",
				"cost": "2", "provider_cost": "2", "cost_off": "0", "unpriced_calls": "0",
			}),
			reconciled("openai", "gpt-next", "the provider counted more", map[string]any{
				"calls": "1", "requests": "1", "input_uncached_off": "-10", "cache_read_off": "0", "cache_write_off": "0", "output_off": "0",
				"unpriced_calls": "1",
			}),
		}},
	} {
		got := ask(t, "clickhouse", statement(t, "clickhouse", c.file))
		assert.Equal(t, c.want, got.objects(), c.file)
	}
	usage := ask(t, "clickhouse", "SELECT * FROM provider_usage WHERE provider = 'anthropic'")
	assert.Equal(t, []map[string]any{{
		"provider": "anthropic", "model": "claude-sonnet-4-5-20250929", "day": "2026-11-02", "requests": nil,
		"input_uncached": "3", "cache_read": "4", "cache_write": "11", "output": "7",
	}}, usage.objects())
}

// TestClickHouse_shapes has events that random worlds do not grow to: every
// chain is walked to its end, whatever its length, and an event of many runs
// takes no more memory than it has runs.
func TestClickHouse_shapes(t *testing.T) {
	name := func(event string, i int) string { return fmt.Sprintf("%s/%05d", event, i) }
	var summaries []replay.Summary
	add := func(id, event string, start int, status, cost string, differs map[string]any) {
		summaries = append(summaries, told(id, event, start, status, cost, differs))
	}
	for i := range 300 {
		status, parent := "success", map[string]any{botanu.ParentRun: name("nested", i-1)}
		retries := map[string]any{botanu.RetryOf: name("retried", i-1)}
		if i == 0 {
			status, parent, retries = "failed", nil, map[string]any{botanu.Attempt: int64(1)}
		}
		add(name("nested", i), "nested", 300-i, status, "1", parent)
		if i > 0 {
			status = "timeout"
		}
		if i == 299 {
			status = "success"
		}
		add(name("retried", i), "retried", 300-i, status, "1", retries) // clocks disagree: the last began first
	}
	for i := range 7 {
		add(name("circle", i), "circle", i, map[bool]string{true: "failed", false: "success"}[i == 0], "1", map[string]any{botanu.ParentRun: name("circle", (i+3)%7)})
	}
	add("metered", "metered", 0, "success", "0.5", map[string]any{botanu.LLMCalls: int64(0)})
	add("unpriced", "metered", 1, "success", "", nil)
	for i := range 20000 {
		add(name("wide", i), "wide", i, "failed", "0.000000000001", nil)
	}
	ledgerOf(t, summaries)
	ask(t, "clickhouse", "SET max_memory_usage = 1000000000")
	a := ask(t, "clickhouse", "SELECT event_id, attempts, runs, outcome_status, total_cost, unsuccessful_cost, cost_accuracy FROM events ORDER BY event_id")
	assert.Equal(t, [][]any{
		{"circle", "1", "7", "failed", "7", "7", "exact"},
		{"metered", "2", "2", "success", "0.5", "0", "lower_bound"},
		{"nested", "1", "300", "failed", "300", "300", "exact"},
		{"retried", "300", "300", "success", "300", "299", "exact"},
		{"wide", "20000", "20000", "failed", "0.00000002", "0.00000002", "exact"},
	}, a.Rows)
}
