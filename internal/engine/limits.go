package engine

import (
	"cmp"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// held is how much is held, over all tenants.
type held struct {
	open, late                                     int // runs
	events                                         int
	openBytes, lateBytes, strayBytes, evictedBytes int // about
	letGoBytes                                     int // of runs that are kept for the summary that waits
	eventBytes                                     int
	tenantBytes                                    int
}

// bytes is about how much memory is held for runs, without what waits to be
// sent.
func (h *held) bytes() int {
	return h.openBytes + h.lateBytes + h.eventBytes + h.strayBytes + h.tenantBytes
}

// Limit is one that runs are evicted to stay within.
type Limit uint8

const (
	ByOpenRuns Limit = iota
	ByMemory
	ByTenants
	ByEvents
	Limits // how many there are
)

// LimitNames are the configuration keys of the limits.
var LimitNames = [Limits]string{ByOpenRuns: "open_runs", ByMemory: "memory_mib", ByTenants: "tenants", ByEvents: "max_events"}

// makeRoom lets the open run that has been quiet for longest go, of the tenant
// that holds most of them, where one more would be too many.
func (e *Engine) makeRoom(tally *Tally) {
	for e.held.open >= e.config.OpenRuns {
		t := e.most(func(t *tenant) int { return t.open.Len() })
		e.evict(t.open.Front().Value.(*entry), ByOpenRuns, tally)
	}
}

// makeLateRoom lets the summarised run that has been held for longest go, of
// the tenant that holds most of them, where one more would be too many.
func (e *Engine) makeLateRoom(tally *Tally) {
	for e.held.late >= e.config.LateRuns {
		t := e.most(func(t *tenant) int { return t.late.Len() })
		e.cutShort(t.late.Front().Value.(*entry), tally)
	}
}

// shrink keeps the memory within its limit, doing the least harmful first
// (contract, section 8): late windows and the retention of events are cut
// short, of which no total suffers; then spans that name no run are decided early, if they are most of
// what is held; then runs are evicted.
func (e *Engine) shrink(now time.Time, tally *Tally) {
	for e.held.bytes() > e.config.heldBytes() {
		switch {
		case e.shorten(now, tally):
		case e.held.strayBytes > e.held.openBytes:
			e.decide(e.strays.byQuiet.Front().Value.(*strayTrace), now, tally)
			tally.DecidedEarly++
		case e.held.open > 0:
			t := e.most(func(t *tenant) int { return t.openBytes })
			e.evict(t.open.Front().Value.(*entry), ByMemory, tally)
		default:
			return // the tenants themselves; their number has a limit of its own
		}
	}
}

// shorten lets go of what is kept for what may come later: an event or a
// summarised run, whichever of them take more, of the tenant that holds most.
// It reports whether there was any.
func (e *Engine) shorten(now time.Time, tally *Tally) bool {
	switch {
	case e.held.events > 0 && (e.held.late == 0 || e.held.eventBytes > e.held.lateBytes):
		t := e.most(func(t *tenant) int { return t.eventBytes })
		e.closeEvent(t.byTouch.Front().Value.(*eventEntry), now, tally)
	case e.held.late > 0:
		t := e.most(func(t *tenant) int { return t.lateBytes })
		e.cutShort(t.late.Front().Value.(*entry), tally)
	default:
		return false
	}
	return true
}

// yield makes room for summaries that wait for the next component, as far as
// late windows give it: a summary that is given up is lost, and they are not.
func (e *Engine) yield(unsent int, now time.Time, tally *Tally) {
	for e.held.bytes()+unsent > e.config.Memory && e.shorten(now, tally) {
	}
}

// room is how many bytes summaries may take that wait.
func (e *Engine) room() int {
	firm := e.held.bytes() + e.held.evictedBytes + e.held.letGoBytes - e.held.lateBytes - e.held.eventBytes
	return max(e.config.Memory-e.config.heldBytes(), e.config.Memory-firm)
}

// evict summarises an open run early and lets it go.
func (e *Engine) evict(en *entry, by Limit, tally *Tally) {
	e.tellEarly(en, by, tally)
	e.missed(en)
	e.end(en, run.Evicted)
	e.drop(en)
}

// tellEarly makes the job of an evicted run.
func (e *Engine) tellEarly(en *entry, by Limit, tally *Tally) {
	en.busy++
	j := e.jobOf(en, run.Evicted)
	if en.hasCalls && !en.rootSeen {
		// What is still to come, and will be a part of its own, may repeat them.
		e.doubt(en, billing.PossibleDuplicate)
	}
	e.doubt(en, e.strayCaveat(en))
	j.caveats |= en.caveats
	e.held.evictedBytes += en.bytes
	e.evicted = append(e.evicted, j)
	tally.Evicted[by]++
}

// missed marks the runs that one is no longer there to be looked at beside:
// where they are summed up again, they may repeat its calls, or those of a third
// that it joined them to.
func (e *Engine) missed(en *entry) {
	for other := range en.tenant.beside(en) {
		e.doubt(other, billing.PossibleDuplicate)
	}
}

// doubt adds what a run's own spans do not tell to its caveats.
func (e *Engine) doubt(en *entry, c billing.Caveats) {
	if en.caveats|c == en.caveats {
		return
	}
	en.caveats |= c
	if w := e.rec(); w != nil {
		w.Caveats(en.part, en.caveats)
	}
}

// cutShort ends the late window of a summarised run early. Where spans wait that
// may be its own, it has said more than it knows, and is told once more.
func (e *Engine) cutShort(en *entry, tally *Tally) {
	if c := e.strayCaveat(en); c&^en.caveats != 0 {
		e.doubt(en, c)
		en.busy++
		e.evicted = append(e.evicted, e.jobOf(en, cmp.Or(en.heldAs, en.toldAs)))
		e.held.evictedBytes += en.bytes
	}
	e.missed(en)
	e.end(en, en.toldAs)
	e.drop(en)
	tally.CutShort++
}

// takeEvicted gives the runs that wait to be summarised as they were let go.
func (e *Engine) takeEvicted() []job {
	jobs := e.evicted
	e.evicted, e.held.evictedBytes = nil, 0
	return jobs
}

// measure brings what is known of a run's size up to date.
func (e *Engine) measure(en *entry) {
	n := entryBytes + len(en.id) + en.run.Bytes() + (len(en.traces)+len(en.refused))*traceBytes
	if en.told != nil {
		n += en.told.Bytes()
	}
	d := n - en.bytes
	if d == 0 {
		return
	}
	en.bytes = n
	if en.isLate {
		en.tenant.lateBytes += d
		e.held.lateBytes += d
	} else {
		en.tenant.openBytes += d
		e.held.openBytes += d
	}
}

// What the indexes take for a run, and for each further trace of one: places
// in maps that are half full, and list elements.
const (
	entryBytes = 640
	traceBytes = 96
)
