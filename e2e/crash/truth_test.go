package crash

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// wrong is what the sink was told of a run that is not the truth; empty where
// there is nothing. Only the highest revision is held against it: after a crash
// one that was on its way is told again as what is known by then, so the
// increases of the revisions that arrived need not add up to the total.
func (r *run) wrong(o *told) string {
	return wrong(o, func(s *replay.Summary) string {
		if t, err := synthetic.Told([]replay.Summary{*s}); err != nil || t != r.Truth {
			return fmt.Sprintf("%+v told, %+v sent, %v", t, r.Truth, err)
		}
		return differs(s, map[string]any{botanu.OutcomeStatus: r.status, botanu.Completion: "root_ended"})
	})
}

func (e *event) wrong(o *told) string {
	var t synthetic.Truth
	var failed synthetic.USD
	for _, r := range e.runs {
		t.Add(r.Truth)
		if r.failed {
			failed += r.Cost
		}
	}
	return wrong(o, func(s *replay.Summary) string {
		for key, cost := range map[string]synthetic.USD{
			botanu.EventCostTotalExact: t.Cost, botanu.EventCostUnsuccessfulExact: failed,
		} {
			if text, ok := s.Attributes[key].(string); ok || cost > 0 {
				if n, err := synthetic.ParseUSD(text); err != nil || n != cost {
					return fmt.Sprintf("%s is %q, not %v", key, text, cost)
				}
			}
		}
		return differs(s, map[string]any{
			botanu.OutcomeStatus: e.status, botanu.EventAttempts: e.attempts, botanu.EventRuns: int64(len(e.runs)),
			botanu.EventLLMCalls: t.Calls, botanu.EventTokensInput: t.Input, botanu.EventTokensOutput: t.Output,
			botanu.EventCostAccuracy: "exact",
		})
	})
}

// wrong holds every form in which the highest revision came against the truth:
// nothing tells consumers which of them to believe.
func wrong(o *told, of func(*replay.Summary) string) string {
	switch {
	case o == nil:
		return "nothing told"
	case len(o.parts) != 1:
		return fmt.Sprintf("parts %v", slices.Sorted(maps.Keys(o.parts)))
	case o.ends["shutdown"] || o.ends["evicted"]:
		return fmt.Sprintf("completions %v", slices.Sorted(maps.Keys(o.ends)))
	}
	for i := range o.latest {
		if text := of(&o.latest[i]); text != "" {
			return fmt.Sprintf("revision %d, told in %d forms: %s", o.highest, len(o.latest), text)
		}
	}
	return ""
}

func differs(s *replay.Summary, want map[string]any) string {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if s.Attributes[key] != want[key] {
			return fmt.Sprintf("%s is %v, not %v", key, s.Attributes[key], want[key])
		}
	}
	return ""
}

// undisturbed is what a collector without storage that nobody kills says of
// the recordings.
type undisturbed struct {
	runs   map[string]*replay.Summary
	events map[eventKey]*replay.Summary
}

// reference plays the recordings into a collector without storage. Recorded
// runs have no truth to the digit in all that a summary says; what is said
// undisturbed the other end-to-end tests hold against what there is.
func reference(t *testing.T, recordings []*replay.Capture) *undisturbed {
	t.Helper()
	sink := startSink(t)
	c := newCollector(t, sink.process.Endpoint)
	c.args = []string{"--config", "yaml:processors::run_rollup::storage: "}
	c.start(t)
	l := newLoad(c.client(), 0, recordings)
	require.NoError(t, l.play(t.Context(), func() float64 { return 1 }))
	awaitQuiet(t, sink)
	require.NoError(t, c.stop())
	sink.stop(t)
	u := &undisturbed{runs: map[string]*replay.Summary{}, events: map[eventKey]*replay.Summary{}}
	for id, o := range sink.runs {
		require.Len(t, o.parts, 1)
		require.NotContains(t, o.ends, "shutdown")
		u.runs[id] = &o.latest[0]
	}
	for key, o := range sink.events {
		require.Len(t, o.parts, 1)
		u.events[key] = &o.latest[0]
	}
	require.NotEmpty(t, u.runs)
	require.NotEmpty(t, u.events)
	return u
}

// quiet is longer than any window after which something more is told: that in
// which spans wait for the run of a parent, and those of runs and events after it.
const quiet = 13 * time.Second

// awaitQuiet waits until summaries come no more.
func awaitQuiet(t *testing.T, sink *sink) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settleLimit)
	defer cancel()
	told, since := -1, time.Now()
	err := replay.Poll(ctx, func() (bool, error) {
		err := sink.read()
		if n := len(sink.revisions); n != told {
			told, since = n, time.Now()
		}
		return time.Since(since) > quiet, err
	})
	require.NoError(t, err)
}

// faults are what is wrong in what the sink was told.
func (u *undisturbed) faults(sink *sink) []string {
	var faults []string
	for id, want := range u.runs {
		if text := alike(sink.runs[id], want); text != "" {
			faults = append(faults, "recorded run "+id+": "+text)
		}
	}
	for key, want := range u.events {
		if text := alike(sink.events[key], want); text != "" {
			faults = append(faults, fmt.Sprintf("recorded event %v: %s", key, text))
		}
	}
	return faults
}

// alike says where two summaries differ in what does not depend on how often
// and when the run was told.
func alike(o *told, want *replay.Summary) string {
	return wrong(o, func(s *replay.Summary) string {
		for _, key := range slices.Sorted(maps.Keys(both(s.Attributes, want.Attributes))) {
			if !perTelling(key) && fmt.Sprint(s.Attributes[key]) != fmt.Sprint(want.Attributes[key]) {
				return fmt.Sprintf("%s is %v, undisturbed %v", key, s.Attributes[key], want.Attributes[key])
			}
		}
		if len(s.Models) != len(want.Models) {
			return fmt.Sprintf("%d models, undisturbed %d", len(s.Models), len(want.Models))
		}
		for i, m := range s.Models {
			for key := range both(m, want.Models[i]) {
				if !perTelling(key) && m[key] != want.Models[i][key] {
					return fmt.Sprintf("model %d: %s is %v, undisturbed %v", i, key, m[key], want.Models[i][key])
				}
			}
		}
		if !s.Start.Equal(want.Start) || !s.End.Equal(want.End) { // its trace is fixed at the first revision, by what is known then
			return fmt.Sprintf("from %v to %v, undisturbed from %v to %v", s.Start, s.End, want.Start, want.End)
		}
		return ""
	})
}

func both(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// perTelling are the attributes that say which telling of how many this is.
func perTelling(key string) bool {
	switch key {
	case botanu.Part, botanu.Revision, botanu.EventPart, botanu.EventRevision, botanu.OutcomePreviousStatus:
		return true
	}
	return strings.Contains(key, "increase")
}

// faults are what is wrong in what the sink was told of the events and their runs.
func (l *load) faults(sink *sink) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var faults []string
	for _, e := range l.events {
		for _, r := range e.runs {
			if text := r.wrong(sink.runs[r.ID]); text != "" {
				faults = append(faults, "run "+r.ID+": "+text)
			}
		}
		if text := e.wrong(sink.events[e.key]); text != "" {
			faults = append(faults, fmt.Sprintf("event %v: %s", e.key, text))
		}
	}
	return faults
}

// lost are the spans that were acknowledged and did not arrive.
func (l *load) lost(sink *sink) int {
	n := 0
	for key := range l.sent {
		if !sink.spans[key] {
			n++
		}
	}
	return n
}
