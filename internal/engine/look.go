package engine

import (
	"slices"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// Gauges is how much is held, and waits.
type Gauges struct {
	Open, Late     int // runs
	Waiting        int // spans that name no run
	Tenants        int
	Events         int
	Bytes          int // about, of all of it, with what is kept for summaries that wait
	Pending        int // summaries that the next component has not taken
	Rejected       int64
	EvictedWaiting int // runs that were let go, and wait to be summarised
}

// Gauges reads how much is held now.
func (e *Engine) Gauges() Gauges {
	e.mu.Lock()
	g := Gauges{
		Open: e.held.open, Late: e.held.late, Waiting: e.strays.waiting, Tenants: len(e.tenants.byKey), Events: e.held.events,
		Bytes: e.held.bytes() + e.held.evictedBytes, EvictedWaiting: len(e.evicted),
	}
	e.mu.Unlock()
	e.outbox.mu.Lock()
	defer e.outbox.mu.Unlock()
	g.Pending, g.Rejected = e.outbox.pending, e.outbox.rejected
	g.Bytes += e.outbox.bytes
	return g
}

// RunState is what is known of a run that is held, as far as it explains when
// it is summarised.
type RunState struct {
	Metadata [][]string // of its tenant
	ID       string
	Part     uint64
	Late     bool // summarised, and held for late spans
	RootSeen bool
	Spans    int
	Traces   int
	Began    time.Time // arrival of the first span of the part
	LastSpan time.Time // arrival of the last span that changed something
	Due      time.Time // of an open run its summary, of a late one the end of its window
	Visit    time.Time // when it will have been open for max_duration
	Revision int       // of its last summary; -1 where it has none
	Identity run.Identity
	Cost     cost.Bill // so far
}

// Runs gives the held runs, at most limit: the open ones, quiet for longest
// first within each tenant, then the summarised ones.
func (e *Engine) Runs(limit int) []RunState {
	e.mu.Lock()
	var found []*entry
	for _, late := range []bool{false, true} {
		for el := e.tenants.byQuiet.Front(); el != nil; el = el.Next() {
			list := el.Value.(*tenant).open
			if late {
				list = el.Value.(*tenant).late
			}
			for r := list.Front(); r != nil && len(found) < limit; r = r.Next() {
				found = append(found, r.Value.(*entry))
			}
		}
	}
	return e.states(found)
}

// FindRun gives the held runs with an ID, one for each tenant that has one, at
// most limit.
func (e *Engine) FindRun(id string, limit int) []RunState {
	e.mu.Lock()
	var found []*entry
	for el := e.tenants.byQuiet.Front(); el != nil && len(found) < limit; el = el.Next() {
		if en := el.Value.(*tenant).runs[id]; en != nil {
			found = append(found, en)
		}
	}
	return e.states(found)
}

// FindTrace gives the held runs with a span in a trace, at most limit.
func (e *Engine) FindTrace(trace [16]byte, limit int) []RunState {
	e.mu.Lock()
	var found []*entry
	for el := e.tenants.byQuiet.Front(); el != nil && len(found) < limit; el = el.Next() {
		found = append(found, el.Value.(*tenant).traces[trace]...)
	}
	return e.states(found[:min(len(found), limit)])
}

// states reads the state of runs. It is called with e.mu held, and lets it go:
// what the runs cost is worked out without it.
func (e *Engine) states(found []*entry) []RunState {
	states := make([]RunState, len(found))
	jobs := make([]job, len(found))
	for i, en := range found {
		s := &states[i]
		*s = RunState{
			Metadata: en.tenant.metadata, ID: en.id, Part: en.part, Late: en.isLate, RootSeen: en.rootSeen,
			Spans: en.run.Len(), Traces: len(en.traces), Began: en.began, LastSpan: en.touched, Due: en.timer.due, Visit: en.revisitAt, Revision: -1,
		}
		if en.told != nil {
			s.Revision = en.told.Revision
		}
		jobs[i] = e.jobOf(en, run.MaxDuration)
	}
	e.mu.Unlock()
	for i := range jobs {
		s := e.summaryOf(&jobs[i])
		states[i].Identity, states[i].Cost = s.Identity, s.Cost
		states[i].Traces = s.TraceCount
	}
	return slices.Clip(states)
}
