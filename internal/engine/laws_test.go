package engine

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/replay"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// recorded is what a real library sent, span by span, as if just now.
func recorded(t *testing.T, setup string) []ptrace.Traces {
	c, err := replay.Load("../../testdata/captures/" + setup)
	require.NoError(t, err)
	c.ShiftTo(time.Now())
	var spans []ptrace.Traces
	for _, td := range c.Requests {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					one := ptrace.NewTraces()
					r := one.ResourceSpans().AppendEmpty()
					rs.Resource().CopyTo(r.Resource())
					s := r.ScopeSpans().AppendEmpty()
					ss.Scope().CopyTo(s.Scope())
					span.CopyTo(s.Spans().AppendEmpty())
					spans = append(spans, one)
				}
			}
		}
	}
	return spans
}

// TestBatchingNeverMatters: however spans are shuffled, repeated and cut into
// batches, the summaries of the runs are the same.
func TestBatchingNeverMatters(t *testing.T) {
	config := testConfig(t)
	for _, setup := range []string{"vercel-ai-v7", "langchain-openllmetry", "claude-agent-sdk"} {
		t.Run(setup, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spans := recorded(t, setup)
				rollUp := func(spans []ptrace.Traces, batch func() int) map[string]run.Summary {
					s := &sink{}
					e := New(config, s.emit, s.tell)
					for len(spans) > 0 {
						td := ptrace.NewTraces()
						n := min(batch(), len(spans))
						for _, one := range spans[:n] {
							one.ResourceSpans().At(0).CopyTo(td.ResourceSpans().AppendEmpty())
						}
						spans = spans[n:]
						e.observeNow(td)
					}
					require.NoError(t, e.Shutdown(t.Context()))
					byRun := map[string]run.Summary{}
					for _, summary := range s.take() {
						summary.Part = 0
						byRun[summary.RunID] = summary
					}
					return byRun
				}
				want := rollUp(spans, func() int { return len(spans) })
				require.NotEmpty(t, want)
				for seed := range uint64(5) {
					r := rand.New(rand.NewPCG(seed, 5))
					mixed := append([]ptrace.Traces{}, spans...)
					for range len(spans) / 4 {
						mixed = append(mixed, spans[r.IntN(len(spans))])
					}
					r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
					require.Equal(t, want, rollUp(mixed, func() int { return 1 + r.IntN(40) }), "seed %d", seed)
				}
			})
		})
	}
}
