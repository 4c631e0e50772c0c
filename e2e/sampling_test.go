package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/e2e/internal/edit"
	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// sampled is a collector with an example of examples/sampling, and what it has
// been sent.
type sampled struct {
	*collector // its file is that of summaries
	spans      string
	runs       map[string]*synthetic.Run
	traces     map[string]string // the trace of each run
}

func startSampled(t *testing.T, example string, set func(file map[string]any) error) *sampled {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, example)
	require.NoError(t, edit.File(filepath.Join("../examples/sampling", example), config, func(file map[string]any) error {
		return errors.Join(
			edit.Set(file, "300ms", "processors", "run_rollup", "quiet_period"),
			edit.Set(file, "100ms", "exporters", "file/summaries", "flush_interval"),
			edit.Set(file, "100ms", "exporters", "file/spans", "flush_interval"),
			set(file),
		)
	}))
	s := &sampled{spans: filepath.Join(dir, "spans.jsonl"), runs: map[string]*synthetic.Run{}, traces: map[string]string{}}
	out := filepath.Join(dir, "summaries.jsonl")
	c := subject.Start(t, binary, config, "RUNROLLUP_SUMMARIES="+out, "RUNROLLUP_SPANS="+s.spans)
	s.collector = &collector{Collector: c, out: out}
	return s
}

// send sends a run of some calls in one request, so that no sampler decides
// before it is whole.
func (s *sampled) send(t *testing.T, id string, rng *rand.Rand, calls int, change func(root ptrace.Span)) {
	t.Helper()
	r := synthetic.New(id, rng)
	td := r.Root()
	root := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	if change != nil {
		change(root)
	}
	requests := []ptrace.Traces{td}
	for range calls {
		requests = append(requests, r.Call())
	}
	s.runs[id], s.traces[id] = r, root.TraceID().String()
	require.NoError(t, s.Send(t.Context(), together(requests...)))
}

// kept are how many spans of each trace the sampled pipeline has let through.
// None is a summary.
func (s *sampled) kept(t *testing.T) map[string]int64 {
	t.Helper()
	tds, err := replay.ReadFile(s.spans)
	require.NoError(t, err)
	require.Zero(t, len(replay.Summaries(tds)), "summaries in the sampled pipeline")
	spans := map[string]int64{}
	for span := range replay.Spans(tds...) {
		spans[span.TraceID().String()]++
	}
	return spans
}

// holdSummaries holds that each run has been told, once and exactly, and that
// nothing else is where summaries are.
func (s *sampled) holdSummaries(t *testing.T) {
	t.Helper()
	summaries := s.await(t, "a summary of every run", func(latest []replay.Summary) bool { return len(latest) == len(s.runs) })
	for i := range summaries {
		got, err := synthetic.Told(summaries[i : i+1])
		require.NoError(t, err)
		require.Contains(t, s.runs, summaries[i].RunID)
		assert.Equal(t, s.runs[summaries[i].RunID].Truth, got, summaries[i].RunID)
	}
	tds, err := replay.ReadFile(s.out)
	require.NoError(t, err)
	all := 0
	for span := range replay.Spans(tds...) {
		assert.Contains(t, []string{botanu.RunSummary, botanu.EventSummary}, span.Name())
		all++
	}
	assert.Len(t, replay.Summaries(tds), all, "of the scope and the name of summaries")
}

// TestSampling_keepsEverySummary: of the traces of 200 runs a sampler keeps
// about one in ten, and of their summaries all.
func TestSampling_keepsEverySummary(t *testing.T) {
	s := startSampled(t, "collector.yaml", func(map[string]any) error { return nil })
	rng := rand.New(rand.NewPCG(1, 10))
	for i := range 200 {
		s.send(t, fmt.Sprintf("run-%d", i), rng, 1+rng.IntN(4), nil)
	}
	s.holdSummaries(t)
	s.stop(t)
	kept := s.kept(t)
	assert.Greater(t, len(kept), 5, "about one in ten")
	assert.Less(t, len(kept), 50, "about one in ten")
	for id, trace := range s.traces {
		if n, ok := kept[trace]; ok {
			assert.Equal(t, s.runs[id].Spans, n, "a trace is kept whole")
		}
	}
}

// TestSampling_decidesByOutcomeAndCost: traces of runs that failed or were dear
// are kept whole, and few of the others.
func TestSampling_decidesByOutcomeAndCost(t *testing.T) {
	s := startSampled(t, "collector-tail.yaml", func(file map[string]any) error {
		return edit.Set(file, "5s", "processors", "tail_sampling", "decision_wait_after_root_received")
	})
	rng := rand.New(rand.NewPCG(2, 10))
	must := map[string]bool{}
	for i := range 120 {
		id := fmt.Sprintf("run-%d", i)
		s.send(t, id, rng, 1+rng.IntN(3), func(root ptrace.Span) {
			if i%12 != 0 {
				return
			}
			// No span of the trace says that this run failed: it is inferred from the
			// error of its root, and the summary alone says it.
			root.Attributes().Remove(botanu.OutcomeStatus)
			root.Status().SetCode(ptrace.StatusCodeError)
			must[id] = true
		})
		if s.runs[id].Cost >= 1_000_000_000_000 {
			must[id] = true
		}
	}
	require.Greater(t, len(must), 30)
	s.holdSummaries(t)

	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	missing := ""
	err := replay.Poll(ctx, func() (bool, error) {
		kept := s.kept(t)
		for id := range must {
			if kept[s.traces[id]] != s.runs[id].Spans {
				missing = id
				return false, nil
			}
		}
		return true, nil
	})
	require.NoError(t, err, "%s came to nothing or was dear, and its trace is not there", missing)
	s.stop(t)
	others := 0
	for id, trace := range s.traces {
		if _, ok := s.kept(t)[trace]; ok && !must[id] {
			others++
		}
	}
	assert.Less(t, others, (len(s.runs)-len(must))/2, "about one in ten")
}
