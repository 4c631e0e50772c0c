package run

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// TestIndexByTraceChangesNothing: a run is summarised beside others, which grow
// and have spans replaced meanwhile, as it is beside plain snapshots of them.
func TestIndexByTraceChangesNothing(t *testing.T) {
	for seed := range uint64(seeds) {
		w := newWorld(seed)
		r := runOf(w.facts())
		var plain, indexed []Run
		for range 1 + w.IntN(3) {
			other := runOf(w.facts())
			for range 3 * w.IntN(3) { // some are long enough for an index
				for _, f := range w.facts() {
					f.Key.Span[7] = byte(w.IntN(3))
					f.Key.Trace[0] = byte(1 + w.IntN(5))
					other.Add(&f, 1_000)
				}
				other.Beside()
			}
			plain, indexed = append(plain, other.Snapshot()), append(indexed, other.Beside())
		}
		want := Summarize(r.Snapshot(), Idle, Options{Explain: true}, plain...)
		require.Equal(t, want, Summarize(r.Snapshot(), Idle, Options{Explain: true}, indexed...), "seed %d", seed)
	}
}

// TestIndexByTraceIsMadeOnce for all snapshots of a run as it is.
func TestIndexByTraceIsMadeOnce(t *testing.T) {
	var r Run
	fact := func(i int) *Fact {
		return &Fact{Key: SpanKey{Trace: [16]byte{byte(i % 5)}, Span: [8]byte{byte(i), byte(i >> 8)}}, Start: 1, End: int64(i)}
	}
	for i := range 100 {
		r.Add(fact(i), 1_000)
	}
	first, second := r.Beside(), r.Beside()
	assert.Same(t, first.traces, second.traces)
	assert.Equal(t, []uint32{0, 5}, first.traces.of([16]byte{0})[:2])
	r.Add(fact(100), 1_000)
	third := r.Beside()
	assert.NotSame(t, first.traces, third.traces)
	assert.Len(t, first.traces.of([16]byte{0}), 20)
	assert.Len(t, third.traces.of([16]byte{0}), 21)
	f := fact(7)
	f.End = 1000
	require.Equal(t, Differs, r.Add(f, 1_000))
	fourth := r.Beside()
	assert.NotSame(t, third.traces, fourth.traces)
	assert.Equal(t, int64(7), third.traces.nodes[7].end)
	assert.Equal(t, int64(1000), fourth.traces.nodes[7].end)
}

// BenchmarkSummarizeNested is of runs of one call, each in another trace of one
// long run. It is to cost twice for twice as many, each beside a run twice as long.
func BenchmarkSummarizeNested(b *testing.B) {
	for _, n := range []int{500, 1000, 2000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var long Run
			nested := make([]Run, n)
			for i := range nested {
				trace := [16]byte{byte(i), byte(i >> 8), 1}
				for j := range byte(10) {
					long.Add(&Fact{Key: SpanKey{Trace: trace, Span: [8]byte{j}}, Start: 1, End: 2}, 100_000)
				}
				nested[i].Add(&Fact{Key: SpanKey{Trace: trace, Span: [8]byte{100}}, Start: 1, End: 2, Detail: &Detail{Record: &genai.Record{Kind: genai.Leaf}}}, 10)
			}
			for b.Loop() {
				beside := make([]Run, n)
				for i := range nested {
					beside[i] = long.Beside()
				}
				for i := range nested {
					Summarize(nested[i].Snapshot(), Idle, Options{}, beside[i])
				}
			}
		})
	}
}
