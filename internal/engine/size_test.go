package engine

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// TestSizesAreNearlyRight: what is counted for an event is within a factor of
// two of what it really takes, index and all; a limit on memory rests on it.
func TestSizesAreNearlyRight(t *testing.T) {
	config := testConfig(t)
	withEvents(&config)
	config.MaxEvents = 1 << 30
	e := New(config, nil, nil)
	const events = 20_000
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	var tally Tally
	now := time.Now()
	of := e.tenantOf("", nil, now, &tally)
	for i := range events {
		m := event.Member{RunID: fmt.Sprintf("018f6f3e-7c1a-7000-8000-%012d", i), Part: uint64(i), Calls: 3, Known: true}
		m.Identity[run.Event], m.Identity[run.Customer] = fmt.Sprintf("ticket-%08d", i), fmt.Sprintf("customer-%d", i%100)
		m.Identity[run.Workflow] = "support_ticket"
		m.Outcome = outcome.Outcome{Status: outcome.Success, Source: outcome.FromEmission, ValueType: "tickets_resolved"}
		e.putIntoEvent(&entry{tenant: of, id: m.RunID, part: m.Part}, &m, now, &tally)
	}
	real := heap() - before
	counted := e.Gauges().Bytes
	t.Logf("an event of one run takes %d bytes, and is counted as %d", real/events, counted/events)
	require.InDelta(t, 1, float64(counted)/float64(real), 0.5)
	runtime.KeepAlive(e)
}
