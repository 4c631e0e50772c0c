package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// TestCrowdedTraceIsNeverExact: a trace that holds more runs than may know of
// each other bills an agent of one and the call beneath it of another. Both say
// so, whichever comes first, and also where one was told before, or comes when
// there is room again.
func TestCrowdedTraceIsNeverExact(t *testing.T) {
	agent := func(e *Engine) { e.observeNow(usageOn(spanOf("aaa", 1), "invoke_agent", 100, 10)) }
	call := func(e *Engine) { e.observeNow(usageOn(spanOf("bbb", 100), "chat", 100, 10)) }
	crowd := func(e *Engine) {
		for i := range 70 {
			e.observeNow(spanOf(fmt.Sprintf("%03d", i), byte(i+2)))
		}
	}
	pause := func(*Engine) { after(20 * time.Second) }
	for _, tc := range []struct {
		name  string
		steps []func(*Engine)
	}{
		{"agent first", []func(*Engine){agent, crowd, call}},
		{"call first", []func(*Engine){call, crowd, agent}},
		{"both late", []func(*Engine){crowd, call, agent}},
		{"agent told before", []func(*Engine){agent, pause, crowd, call}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, e *Engine, s *sink) {
				for _, step := range tc.steps {
					step(e)
				}
				after(time.Hour)
				newest := map[string]run.Summary{}
				for _, summary := range s.take() {
					newest[summary.RunID] = summary
				}
				require.Len(t, newest, 72)
				for _, id := range []string{"aaa", "bbb"} {
					assert.Equal(t, 1, newest[id].Cost.Calls, id)
					assert.NotEqual(t, billing.Exact, newest[id].Cost.Accuracy, id)
					assert.Contains(t, newest[id].Cost.Caveats, "possible_duplicate", id)
				}
				assert.Zero(t, e.Gauges().Tenants)
			})
		})
	}
}

// TestTraceIsCrowdedForAsLongAsItIsHeld: a run that comes when another has made
// room may repeat the calls of one that had found none.
func TestTraceIsCrowdedForAsLongAsItIsHeld(t *testing.T) {
	e := New(testConfig(t), (&sink{}).emit, (&sink{}).tell)
	for i := range runsPerTrace {
		e.observeNow(spanOf(fmt.Sprintf("%03d", i), byte(i+2)))
	}
	e.mu.Lock()
	tenant := e.tenants.byKey[""]
	assert.Empty(t, tenant.crowded)
	e.mu.Unlock()
	e.observeNow(usageOn(spanOf("bbb", 100), "chat", 100, 10))
	e.mu.Lock()
	e.drop(tenant.runs["000"])
	e.mu.Unlock()
	e.observeNow(usageOn(spanOf("aaa", 1), "invoke_agent", 100, 10))
	e.mu.Lock()
	defer e.mu.Unlock()
	assert.NotZero(t, tenant.runs["aaa"].caveats&billing.PossibleDuplicate)
	for _, en := range tenant.runs {
		e.drop(en)
	}
	assert.Empty(t, tenant.crowded)
	assert.Empty(t, tenant.traces)
}
