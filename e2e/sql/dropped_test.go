//go:build sql

package sql

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// dropped are runs of which the configuration dropped attributes. It may drop
// all of a summary but run, part and revision; what is left is told, and what a
// dropped one would say is not made up.
func dropped() []replay.Summary {
	bare := told("bare", "", 0, "", "", nil)
	bare.Attributes = map[string]any{botanu.RunID: "bare", botanu.Part: bare.Part, botanu.Revision: int64(0)}
	// without is a part of a run that does not say how many calls it made.
	without := func(id, eventID, part, cost string) replay.Summary {
		s := told(id, eventID, 0, "success", cost, map[string]any{botanu.Part: part})
		s.Part, s.Attributes = part, maps.Clone(s.Attributes)
		delete(s.Attributes, botanu.LLMCalls)
		return s
	}
	silent := told("silent", "partly", 0, "success", "", map[string]any{botanu.LLMCalls: int64(0)}) // says that it made none
	return []replay.Summary{
		bare,
		without("priced", "priced", "1", "2"), without("priced", "priced", "2", "0.000000000001"),
		without("free", "free", "1", "0"),
		without("unpriced", "unpriced", "1", ""),
		without("torn", "torn", "1", ""), without("torn", "torn", "2", "0"), // 0 is what a part without calls costs
		without("bound", "bound", "1", ""), without("bound", "bound", "2", "3"),
		silent, without("apart", "partly", "1", "0"),
	}
}

// holdDropped holds what an engine says of them.
func holdDropped(t *testing.T, engine string) {
	t.Helper()
	type said struct{ cost, accuracy any }
	hold := func(relation, by string, want map[any]said) {
		t.Helper()
		a := ask(t, engine, "SELECT "+by+" AS id, total_cost, cost_accuracy FROM "+relation)
		got := map[any]said{}
		for _, row := range a.objects() {
			got[row["id"]] = said{read(t, row["total_cost"], money.Amount(0)), row["cost_accuracy"]}
		}
		assert.Equal(t, want, got, relation)
	}
	two := amount(t, "2.000000000001")
	hold("runs", "run_id", map[any]said{
		"bare":     {nil, "unknown"},
		"priced":   {two, "exact"},
		"free":     {money.Amount(0), "exact"},
		"unpriced": {nil, "unknown"},
		"torn":     {nil, "unknown"},
		"bound":    {amount(t, "3"), "unknown"},
		"silent":   {nil, "unknown"},
		"apart":    {money.Amount(0), "exact"},
	})
	hold("events", "event_id", map[any]said{
		"priced":   {two, "exact"},
		"free":     {money.Amount(0), "exact"},
		"unpriced": {nil, "unknown"},
		"torn":     {nil, "unknown"},
		"bound":    {amount(t, "3"), "lower_bound"},
		"partly":   {nil, "unknown"},
	})
}
