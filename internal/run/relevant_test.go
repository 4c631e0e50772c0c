package run

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// outcomeOf is what a bill says, without where the spans stood.
type outcomeOf struct {
	calls, discards, failed int
	tokens                  usage.Tokens
	caveats                 billing.Caveats
}

func outcomeOfBill(b billing.Bill) outcomeOf {
	o := outcomeOf{calls: len(b.Calls), discards: len(b.Discards), failed: b.FailedTries, caveats: b.Caveats}
	for i := range b.Calls {
		o.tokens = o.tokens.Add(b.Calls[i].Tokens)
	}
	return o
}

func spansOf(nodes []node, own int) []billing.Span {
	spans := make([]billing.Span, len(nodes))
	for i := range nodes {
		spans[i] = nodes[i].billed()
		spans[i].Foreign = i >= own
	}
	return spans
}

// TestLeavingOutChangesNothing: billing says of what is left what it says of
// all spans.
func TestLeavingOutChangesNothing(t *testing.T) {
	for seed := range uint64(seeds) {
		w := newWorld(seed)
		nodes, _ := runOf(w.facts()).sorted()
		beside, _ := runOf(w.facts()).sorted()
		if w.IntN(2) == 0 {
			beside = nil
		}
		for i := range beside { // other spans of the same traces
			beside[i].key.Span[7]++
			if w.IntN(3) > 0 {
				beside[i].parent[7]++
			}
		}
		all := append(append([]node{}, nodes...), beside...)
		want := outcomeOfBill(billing.Resolve(spansOf(all, len(nodes))))
		left, own := relevant(nodes, beside)
		got := outcomeOfBill(billing.Resolve(spansOf(left, own)))
		if want.caveats.Has(billing.UsageConflict) {
			// Of three records that quarrel about one response ID, which two are taken
			// together follows their kinship. The bill says that it may be another.
			got.tokens = want.tokens
		}
		require.Equal(t, want, got, "seed %d", seed)
	}
}

// TestLongChainsAreClimbedOnce: every span of a chain that does not matter has
// a call at its end, and the work stays linear. It would take minutes else.
func TestLongChainsAreClimbedOnce(t *testing.T) {
	const long = 30_000
	id := func(n int) [8]byte { return [8]byte{byte(n >> 16), byte(n >> 8), byte(n), 1} }
	call := &Detail{Record: &genai.Record{Kind: genai.Leaf}}
	var nodes []node
	for i := range long {
		nodes = append(nodes, node{key: SpanKey{Span: id(i)}, parent: id(i + 1)})
		nodes = append(nodes, node{key: SpanKey{Span: id(long + 1 + i)}, parent: id(0), detail: call})
	}
	left, own := relevant(nodes, nil)
	assert.Equal(t, long, own)
	assert.Equal(t, id(long), left[0].parent)
	assert.Equal(t, id(long), left[long-1].parent)

	circle := []node{
		{key: SpanKey{Span: id(1)}, parent: id(2)}, {key: SpanKey{Span: id(2)}, parent: id(1)},
		{key: SpanKey{Span: id(3)}, parent: id(1), detail: call},
	}
	left, _ = relevant(circle, nil)
	assert.Equal(t, [8]byte{}, left[0].parent)
}
