package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/offline"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// TestEveryFolder plays all recordings into one collector, with their queue
// hops, late spans and interleaved runs, and holds each summary against what
// the whole recording gives when nothing is in a hurry.
func TestEveryFolder(t *testing.T) {
	folders, err := filepath.Glob("../testdata/captures/*")
	require.NoError(t, err)
	card, err := ratecard.Embedded()
	require.NoError(t, err)
	x := extract.New(offline.Config(card))
	want := map[string]facts{}
	spans := 0
	c := start(t, outFile(t))
	for _, folder := range folders {
		f, err := os.Open(filepath.Join(folder, "traces.jsonl"))
		require.NoError(t, err)
		recorded, err := offline.Read(f, x)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		offline.Assign(recorded)
		for _, r := range offline.Runs(recorded) {
			want[r.ID] = unhurried(&r)
			spans += r.Summary.SpanCount
		}
		c.play(t, capture(t, filepath.Base(folder)))
	}
	summaries := c.await(t, "a complete summary of every run", func(latest []replay.Summary) bool {
		n := int64(0)
		for i := range latest {
			n += latest[i].Int(botanu.SpanCount)
		}
		return n == int64(spans)
	})
	require.Len(t, summaries, len(want), "one part a run")
	for i := range summaries {
		s := &summaries[i]
		assert.Equal(t, want[s.RunID], factsOf(s, want[s.RunID]), s.RunID)
	}
	c.stop(t)
}

// unhurried are what a summary must say that times do not change.
func unhurried(r *offline.Run) facts {
	s := &r.Summary
	f := facts{
		botanu.SpanCount: strconv.Itoa(s.SpanCount), botanu.TraceCount: strconv.Itoa(s.TraceCount),
		botanu.LLMCalls: strconv.Itoa(s.Cost.Calls), botanu.LLMDiscardedSpans: strconv.Itoa(s.Cost.Discarded),
		botanu.TokensInput: strconv.FormatInt(s.Cost.Tokens.InputTotal(), 10), botanu.TokensOutput: strconv.FormatInt(s.Cost.Tokens.OutputTotal(), 10),
		botanu.CostAccuracy: s.Cost.Accuracy.String(), botanu.OutcomeSource: s.Outcome.Source.String(),
		botanu.OutcomeStatus: s.Outcome.Status.String(), botanu.CostTotalExact: "",
	}
	if s.Cost.Known {
		f[botanu.CostTotalExact] = s.Cost.Total.String()
	}
	return f
}
