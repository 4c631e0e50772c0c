package engine

import (
	"container/list"
	"math/rand/v2"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// entry is a run that is held.
type entry struct {
	tenant    *tenant
	id        string
	part      uint64
	run       run.Run
	traces    [][16]byte            // those it is entered under in tenant.traces
	oneTrace  [1][16]byte           // room for the first of them: most runs have one
	refused   map[[16]byte]struct{} // those that it has spans in and, as they are crowded, is not entered under
	itself    [1]*entry             // what stands in tenant.traces for a trace of this run alone
	caveats   billing.Caveats       // of the run, that its own spans do not tell
	hasCalls  bool                  // a span of it has a record
	isLate    bool                  // summarised, held for its late window
	rootSeen  bool
	awaited   bool      // something of it has not been summarised
	customers bool      // spans name several
	bytes     int       // about, as last measured
	began     time.Time // arrival of the first span
	touched   time.Time // arrival of the last change
	revisitAt time.Time // when the run will have been open for max_duration, again
	timer     timer
	element   *list.Element

	eventKey event.Key      // its event, the first that a span named, and its customer as far as that is clear
	event    *eventEntry    // the event that its last summary was put into
	heldAs   run.Completion // as what it was summarised when it was last held as summarised

	// told is of the last summary. It changes under both Engine.summarising and
	// Engine.mu, so that either is enough to read it.
	told *run.Told
	// What a summary that is made again must be like; only where there is a log.
	before  *run.Told      // of the summary before
	toldAs  run.Completion // of the last one
	letGoAs run.Completion // set when it is not held any more
	busy    int            // summaries of it that are being made
	unsure  bool           // after a restart: a summary is to be made, again or at last
	owed    []*owed        // revisions that nobody is known to have taken, oldest first
	keptIn  [][16]byte     // traces under which it is in tenant.kept
}

// join adds one fact to its run.
func (e *Engine) join(t *tenant, f *extract.Owned, now time.Time, tally *Tally) {
	en := t.runs[f.Run]
	if en == nil {
		en = e.begin(t, f.Run, now, tally)
	}
	wasTruncated := en.run.Truncated()
	change := en.run.Add(&f.Fact, e.config.SpansPerRun)
	if w := e.rec(); w != nil {
		switch {
		case change == run.Unchanged, change == run.Full && wasTruncated:
		case change == run.Full: // the span itself is left out, also where it is read under a higher limit
			w.Caveats(en.part, en.caveats|billing.SpanLimit)
		default:
			w.Fact(en.part, &f.Fact)
		}
	}
	switch change {
	case run.Unchanged:
		tally.Duplicates++
		return
	case run.Full:
		tally.Full++
	case run.Differs:
		tally.Conflicts++
	case run.Grown:
		tally.Folded++
		if en.isLate {
			tally.Late++
		}
	}
	en.rootSeen = en.rootSeen || f.Flags.IsRoot()
	isCall := f.Detail != nil && f.Detail.Record != nil
	en.hasCalls = en.hasCalls || isCall
	runs, isCrowded := t.enter(en, f.Key.Trace)
	if !en.rootSeen && len(runs) > 1 {
		en.rootSeen = hasParent(en, f, runs)
	}
	known := en.eventKey
	en.nameEvent(&f.Identity)
	e.measure(en)
	e.touch(en, now, tally)
	if len(runs) > 1 {
		e.tellBeside(en, f, runs, isCall, now, tally)
	}
	if isCrowded {
		e.doubtCrowded(en, runs, now, tally)
	}
	if en.eventKey != known && e.config.Events {
		e.adopt(t, en.eventKey.Event, now, tally)
	}
}

// touch begins a run's wait again.
func (e *Engine) touch(en *entry, now time.Time, tally *Tally) {
	en.touched = now
	if en.isLate {
		e.reopen(en, now, tally)
	}
	en.await()
	en.tenant.open.MoveToBack(en.element)
	e.deadlines.set(&en.timer, e.dueAt(en))
}

// begin opens a run, a new part of it where an earlier one has been let go.
func (e *Engine) begin(t *tenant, id string, now time.Time, tally *Tally) *entry {
	e.makeRoom(tally)
	en := &entry{tenant: t, id: id, part: rand.Uint64(), began: now, revisitAt: now.Add(e.config.MaxDuration)}
	en.timer = timer{run: en, place: -1}
	en.traces, en.itself[0] = en.oneTrace[:0], en
	e.putOpen(en)
	t.runs[id] = en
	if w := e.rec(); w != nil {
		w.Begin(en.part, t.id, id, now.UnixNano())
	}
	return en
}

// reopen moves a summarised run back among the open ones. That is written down:
// what is new of it may be what another run's spans tell, and not its own.
func (e *Engine) reopen(en *entry, now time.Time, tally *Tally) {
	if w := e.rec(); w != nil && en.told != nil { // else it is not written yet that it is summarised
		w.Reopened(en.part, en.told.Revision, 0)
	}
	e.takeOut(en)
	e.makeRoom(tally)
	en.isLate = false
	en.revisitAt = now.Add(e.config.MaxDuration)
	e.putOpen(en)
}

// hold keeps a summarised run for its late window, and for as long as spans of
// its traces wait for their run, as far as there is room.
func (e *Engine) hold(en *entry, as run.Completion, now time.Time, tally *Tally) {
	en.heldAs = as
	until := later(now.Add(e.config.LateWindow), e.straysUntil(en))
	if !until.After(now) || e.config.LateRuns <= 0 {
		e.missed(en)
		e.end(en, as)
		e.drop(en)
		return
	}
	e.makeLateRoom(tally)
	e.takeOut(en)
	en.isLate = true
	en.element = en.tenant.late.PushBack(en)
	en.tenant.lateBytes += en.bytes
	e.held.late++
	e.held.lateBytes += en.bytes
	e.deadlines.set(&en.timer, until)
}

func (e *Engine) putOpen(en *entry) {
	en.element = en.tenant.open.PushBack(en)
	en.tenant.openBytes += en.bytes
	e.held.open++
	e.held.openBytes += en.bytes
}

// takeOut takes a run out of the open or the summarised ones.
func (e *Engine) takeOut(en *entry) {
	if en.isLate {
		en.tenant.late.Remove(en.element)
		en.tenant.lateBytes -= en.bytes
		e.held.late--
		e.held.lateBytes -= en.bytes
		return
	}
	en.tenant.open.Remove(en.element)
	en.tenant.openBytes -= en.bytes
	e.held.open--
	e.held.openBytes -= en.bytes
}

// drop forgets a run. What arrives for it from now on is a new part.
func (e *Engine) drop(en *entry) {
	delete(en.tenant.runs, en.id)
	en.tenant.leave(en)
	e.deadlines.remove(&en.timer)
	en.settled()
	e.takeOut(en)
	e.mayBeIdle(en.tenant)
}

// isHeld reports whether a run has not been dropped.
func (en *entry) isHeld() bool { return en.tenant.runs[en.id] == en }

// dueAt is when an open run is to be summarised if nothing more arrives.
func (e *Engine) dueAt(en *entry) time.Time {
	wait := e.config.IdleTimeout
	if en.rootSeen {
		wait = e.config.QuietPeriod
	}
	due := en.touched.Add(wait)
	if en.revisitAt.Before(due) {
		return en.revisitAt
	}
	return due
}
