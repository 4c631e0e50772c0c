package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// held is how much is held, over all tenants.
type held struct {
	open, late                       int // runs
	events                           int
	openBytes, lateBytes, strayBytes int // about
	evictedBytes                     int // of runs that wait to be summarised as they were let go, or are being
	letGoBytes                       int // of what is let go and kept for the summary that waits, with a log those as well
	eventBytes                       int
	tenantBytes                      int
}

// bytes is about how much memory is held for runs, without what waits to be
// sent, and without those that wait to be summarised as they were let go: these
// have a bound of their own, as letting more go would only make them more.
func (h *held) bytes() int { return h.stateBytes() + h.toldBytes() }

// stateBytes is about what takes in what arrives.
func (h *held) stateBytes() int {
	return h.openBytes + h.lateBytes + h.eventBytes + h.strayBytes + h.tenantBytes
}

// toldBytes is about what is let go, summarised and kept all the same, as the
// next component has not taken the summary.
func (h *held) toldBytes() int { return max(0, h.letGoBytes-h.evictedBytes) }

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
// short, of which no total suffers, and of what is let go and waits to be taken
// the summary alone is kept, which then does not survive a kill; then spans that
// name no run are decided early, if they are most of what is held; then runs are
// evicted.
func (e *Engine) shrink(now time.Time, tally *Tally) {
	for e.held.bytes() > e.config.heldBytes() {
		switch {
		case e.held.toldBytes() > e.held.lateBytes+e.held.eventBytes && e.unsecure(e.config.heldBytes(), now):
		case e.shorten(now, tally):
		case e.unsecure(e.config.heldBytes(), now):
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
// late windows give it, and what is let go and told: a summary that is given up
// is lost, and they are not.
func (e *Engine) yield(unsent int, now time.Time, tally *Tally) {
	limit := e.config.Memory - unsent - e.held.evictedBytes
	for e.held.bytes() > limit {
		switch {
		case e.held.toldBytes() > e.held.lateBytes+e.held.eventBytes && e.unsecure(limit, now):
		case e.shorten(now, tally):
		case e.unsecure(limit, now):
		default: // what is to be told again after a restart does not yield
			e.outbox.allow(max(e.config.Memory-e.config.heldBytes(), limit+unsent-e.held.bytes()))
			return
		}
	}
}

// room is how many bytes summaries may take that wait.
func (e *Engine) room() int {
	firm := e.held.stateBytes() + e.held.evictedBytes - e.held.lateBytes - e.held.eventBytes
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
	j.own = en.caveats
	e.putEvicted(j)
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
		e.putEvicted(e.jobOf(en, cmp.Or(en.heldAs, en.toldAs)))
	}
	e.missed(en)
	e.end(en, en.toldAs)
	e.drop(en)
	tally.CutShort++
}

// putEvicted has a run wait to be summarised as it is let go.
func (e *Engine) putEvicted(j job) {
	j.bytes = j.entry.bytes
	e.held.evictedBytes += j.bytes
	e.evicted = append(e.evicted, j)
}

// takeEvicted gives the runs that wait to be summarised as they were let go. They
// count as evicted until they are.
func (e *Engine) takeEvicted() []job {
	jobs := e.evicted
	e.evicted = nil
	return jobs
}

// A piece is what of the evicted runs is summarised at once, so that whoever
// else has a share to do gets to it.
const (
	pieceJobs    = 200
	pieceOfBytes = 1 << 20
)

// takePiece gives those that have waited for longest, at most limit.
func (e *Engine) takePiece(limit int) []job {
	n, bytes := 0, 0
	for n < min(limit, pieceJobs, len(e.evicted)) && bytes < pieceOfBytes {
		bytes += e.evicted[n].bytes
		n++
	}
	jobs := slices.Clone(e.evicted[:n])
	clear(e.evicted[:n])
	if e.evicted = e.evicted[n:]; len(e.evicted) == 0 {
		e.evicted = nil
	}
	return jobs
}

// summarisePiece summarises evicted runs, at most limit, and says how many and of
// how many bytes.
func (e *Engine) summarisePiece(limit int, now time.Time) (n, bytes int) {
	e.summarising.Lock()
	defer e.summarising.Unlock()
	e.mu.Lock()
	jobs := e.takePiece(limit)
	e.outbox.allow(e.room())
	e.mu.Unlock()
	if len(jobs) == 0 {
		return 0, 0
	}
	for i := range jobs {
		bytes += jobs[i].bytes
	}
	e.summarise(jobs, now)
	e.outbox.ring()
	return len(jobs), bytes
}

// backlogLimit is how many evicted runs may wait to be summarised.
const backlogLimit = 1000

// isBacklogged reports whether more evicted runs wait than may: in number, or by
// an eighth of the memory. The caller holds e.mu.
func (e *Engine) isBacklogged() bool {
	return len(e.evicted) > backlogLimit || len(e.evicted) > 0 && e.held.evictedBytes > e.config.Memory/8
}

// share has whoever evicted more than the summarising goroutine can keep up with
// take a share of its work, so that what waits for it stays bounded: as many as
// it evicted itself, or until no more wait than may. Its deadline is not looked
// at, else those of short patience would leave all of it to others.
func (e *Engine) share(jobs, bytes int, now time.Time) {
	for jobs > 0 || bytes > 0 {
		e.mu.Lock()
		enough := !e.isBacklogged()
		e.mu.Unlock()
		if enough {
			return
		}
		n, size := e.summarisePiece(max(jobs, 1), now)
		if n == 0 {
			return
		}
		jobs -= n
		bytes -= size
	}
}

// unsecure has what is let go and told forgotten, until a sixteenth less is held
// than the limit; the summary alone is kept, until the next component takes it or
// the process is killed. It reports whether there was any.
func (e *Engine) unsecure(limit int, now time.Time) bool {
	if e.held.toldBytes() == 0 || e.noneTold {
		return false
	}
	found := false
	target := limit - limit/16
	for part, g := range e.letGo {
		if e.held.bytes() <= target {
			break
		}
		if ev := g.event; ev != nil && ev.changed && ev.busy == 0 && ev.owed != nil && !ev.owed.again {
			// What came since waits no longer for what was told to be taken.
			ev.owed = nil
			e.log.unsecured++
			e.weigh(ev)
			e.deadlines.set(&ev.timer, now)
		}
		if g.bytes() == 0 || !g.isTold() {
			continue
		}
		found = true
		if g.isOwed() { // else it is kept for the sake of another
			e.log.unsecured++
		}
		e.forgetLetGo(part)
	}
	e.noneTold = !found
	return found
}

// measure brings what is known of a run's size up to date.
func (e *Engine) measure(en *entry) {
	n := en.size()
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

// size is about how many bytes a run takes.
func (en *entry) size() int {
	n := entryBytes + len(en.id) + en.run.Bytes() + (len(en.traces)+len(en.refused)+len(en.keptIn))*traceBytes
	if en.told != nil {
		n += en.told.Bytes()
	}
	for _, o := range en.owed {
		n += owedBytes
		if o.run.Len() != en.run.Len() { // else it is what the run has as well
			n += o.run.Bytes()
		}
	}
	return n
}

// What the indexes take for a run, and for each further trace of one: places
// in maps that are half full, and list elements.
const (
	entryBytes = 640
	traceBytes = 96
	owedBytes  = 256
)
