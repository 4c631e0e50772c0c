package e2e

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// difference is a run whose summary cannot say what the truth says, and what
// it says instead. Any more, less or other difference fails the test: a run
// that begins to match is to be taken off the list.
type difference struct {
	setup, scenario, flavour string // * stands for any
	reason                   string
	says                     facts
}

const (
	onRootAlone = "stands on the root span alone, which was never exported"
	noCache     = "the instrumentation does not say which input was cached; the cost is marked upper_bound"
	noReasoning = "the instrumentation does not say how much of the output was reasoning"
	madeUp      = "the instrumentation counts tokens itself where the provider sent none; the cost is marked estimate"
	noUsage     = "the span of a billed call states no usage: it counts as a call, its tokens are unknown"
)

var differences = []difference{
	{"*", "abandoned", "*", onRootAlone, facts{botanu.Environment: "", botanu.Attempt: "", botanu.RootRun: ""}},
	{"*", "abandoned_with_outcome", "*", onRootAlone, facts{botanu.Environment: "", botanu.Attempt: "", botanu.RootRun: ""}},

	{"otel-openai", "cached", "*", noCache, facts{botanu.TokensInputUncached: "21924", botanu.TokensCacheRead: "0"}},
	{"otel-openai", "reasoning", "*", noCache, facts{botanu.TokensInputUncached: "7692", botanu.TokensCacheRead: "0"}},
	{"otel-openai", "reasoning", "*", noReasoning, facts{botanu.TokensReasoning: "0"}},
	{"vercel-ai-v7", "reasoning", "*", noReasoning, facts{botanu.TokensReasoning: "0"}},

	{"openlit", "reasoning", "*", noReasoning, facts{botanu.TokensReasoning: "0"}},
	{"openlit", "stream_without_usage", "*", madeUp, facts{
		botanu.LLMCalls: "1", botanu.TokensInput: "19", botanu.TokensInputUncached: "19", botanu.TokensOutput: "14",
	}},
	{"openlit", "stream_aborted", "*", noUsage, facts{botanu.LLMCalls: "2"}},

	{"otel-openai", "stream_without_usage", "*", noUsage, facts{botanu.LLMCalls: "1"}},
	{"openinference", "streaming", "*", noUsage, facts{botanu.LLMCalls: "3"}},
	{"openinference", "cached", "*", noUsage, facts{botanu.LLMCalls: "6"}},
	{"openinference", "embed_chat", "*", noUsage, facts{botanu.LLMCalls: "3"}},
	{"openinference", "reasoning", "*", noUsage, facts{botanu.LLMCalls: "3"}},
	{"openinference", "parallel_identical", "*", noUsage, facts{botanu.LLMCalls: "5"}},
	{"openinference", "stream_without_usage", "*", noUsage, facts{botanu.LLMCalls: "1"}},
	{"openinference", "stream_aborted", "*", noUsage, facts{botanu.LLMCalls: "2"}},
}

func (d *difference) is(setup string, r *truth) bool {
	return match(d.setup, setup) && match(d.scenario, r.Scenario) && match(d.flavour, r.Flavour)
}

func match(pattern, s string) bool { return pattern == "*" || pattern == s }

var setups = []string{"anthropic-native", "otel-openai", "openinference", "vercel-ai-v7", "openlit"}

// TestRecordings plays what real libraries sent, and holds every summary
// against what really happened.
func TestRecordings(t *testing.T) {
	for _, setup := range setups {
		t.Run(setup, func(t *testing.T) {
			t.Parallel()
			testRecording(t, setup)
		})
	}
}

func testRecording(t *testing.T, setup string) {
	runs := readTruth(t, setup)
	c := start(t, outFile(t))
	recording := capture(t, setup)
	c.play(t, recording)
	summaries := c.await(t, "a complete summary of every run", func(latest []replay.Summary) bool {
		completion, spans := map[string]string{}, int64(0)
		for i := range latest {
			completion[latest[i].RunID] = latest[i].Text(botanu.Completion)
			spans += latest[i].Int(botanu.SpanCount)
		}
		// On a slow machine a run may be summarised before its last request came.
		return spans == int64(recording.SpanCount()) &&
			!slices.ContainsFunc(runs, func(r truth) bool { return completion[r.RunID] != r.completion() })
	})
	c.stop(t)
	require.Equal(t, summaries, c.summaries(t), "the end of the collector changes nothing that was complete")

	byRun := map[string]*replay.Summary{}
	for i := range summaries {
		s := &summaries[i]
		require.NotContains(t, byRun, s.RunID, "one part a run")
		byRun[s.RunID] = s
	}
	assert.Len(t, byRun, len(runs), "no run but those of the truth")
	for i := range runs {
		r := &runs[i]
		t.Run(r.Scenario+" "+r.Flavour+" "+r.RunID, func(t *testing.T) {
			compare(t, setup, r, byRun[r.RunID])
		})
	}
}

func compare(t *testing.T, setup string, r *truth, s *replay.Summary) {
	want := r.facts()
	got := factsOf(s, want)
	for i := range differences {
		d := &differences[i]
		if !d.is(setup, r) {
			continue
		}
		for key, says := range d.says {
			assert.NotEqual(t, want[key], says, "%s: listed as different (%s), but is not", key, d.reason)
			want[key] = says
		}
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		assert.Equal(t, want[key], got[key], key)
	}
	assertAccuracy(t, r, s)
}

// assertAccuracy holds that a total is called exact only where the spans show
// every token that they could have shown of the calls they show.
func assertAccuracy(t *testing.T, r *truth, s *replay.Summary) {
	visible := r.DerivedTotals.Visible
	unmetered := s.Int(botanu.LLMCalls) > visible.Calls
	blind := s.Int(botanu.TokensCacheRead) != visible.CacheRead || s.Int(botanu.TokensCacheWrite) != visible.CacheWrite
	accuracy, caveats := s.Text(botanu.CostAccuracy), s.Attributes[botanu.CostCaveats]
	codes, _ := caveats.([]any)
	switch {
	case unmetered && slices.Contains(codes, any("usage_estimated")):
		assert.Equal(t, "estimate", accuracy)
	case unmetered:
		assert.Contains(t, []string{"lower_bound", "unknown"}, accuracy)
		assert.Contains(t, caveats, "usage_missing")
	}
	if blind {
		assert.Equal(t, "upper_bound", accuracy)
		assert.Contains(t, caveats, "cache_unreported")
	}
	_, known := s.Attributes[botanu.CostTotal]
	assert.Equal(t, accuracy != "unknown", known, "a total is there where it is known, and only there")
}

// TestDifferences_current holds that the list above names runs that exist.
func TestDifferences_current(t *testing.T) {
	for i := range differences {
		d := &differences[i]
		found := slices.ContainsFunc(setups, func(setup string) bool {
			return slices.ContainsFunc(readTruth(t, setup), func(r truth) bool { return d.is(setup, &r) })
		})
		assert.True(t, found, "no run is %s/%s/%s: take it off the list", d.setup, d.scenario, d.flavour)
	}
}
