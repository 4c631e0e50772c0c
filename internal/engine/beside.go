package engine

import (
	"iter"
	"slices"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// runsPerTrace bounds how many runs of one trace know of each other, and with
// that the work a span makes. Real traces hold a handful.
const runsPerTrace = 64

// runsBeside bounds how many other runs a run is looked at together with.
const runsBeside = 64

// rootScan bounds the spans of a run that are looked through for a child of a
// span of another. A longer run without a root is summarised as idle, and has
// its root recognised then.
const rootScan = 256

// enter notes that a run has spans in a trace, and gives all that are known to
// have. It reports whether the run came to a trace now that holds more runs than
// may know of each other.
func (t *tenant) enter(en *entry, trace [16]byte) (runs []*entry, isCrowded bool) {
	runs = t.traces[trace]
	if slices.Contains(runs, en) {
		return runs, false
	}
	if len(runs) == runsPerTrace {
		if _, known := en.refused[trace]; known {
			return runs, false
		}
		if en.refused == nil {
			en.refused = map[[16]byte]struct{}{}
		}
		en.refused[trace] = struct{}{}
		t.crowded[trace]++
		return runs, true
	}
	if len(t.crowded) > 0 { // most of the time none is
		_, isCrowded = t.crowded[trace]
		if _, known := en.refused[trace]; known {
			delete(en.refused, trace)
			t.crowded[trace]--
		}
	}
	if len(runs) == 0 {
		runs = en.itself[:]
	} else {
		runs = append(slices.Clip(runs), en)
	}
	t.traces[trace] = runs
	en.traces = append(en.traces, trace)
	return runs, isCrowded
}

// leave undoes enter for all traces of a run. A trace is crowded for as long as
// a run is held that was there when it was.
func (t *tenant) leave(en *entry) {
	for trace := range en.refused {
		t.crowded[trace]--
		t.clear(trace)
	}
	for _, trace := range en.traces {
		runs := t.traces[trace]
		if len(runs) == 1 {
			delete(t.traces, trace)
			t.clear(trace)
		} else {
			t.traces[trace] = slices.DeleteFunc(slices.Clone(runs), func(other *entry) bool { return other == en })
		}
	}
	en.traces, en.refused = nil, nil
}

// clear forgets that a trace was crowded, once nothing is held of it.
func (t *tenant) clear(trace [16]byte) {
	if t.crowded[trace] == 0 && len(t.traces[trace]) == 0 {
		delete(t.crowded, trace)
	}
}

// doubtCrowded marks the runs of a trace that holds more of them than may know
// of each other: one of them may repeat the calls of another that it is not
// looked at beside, and what names no run may be of one that is not asked.
// en is the one that came now.
func (e *Engine) doubtCrowded(en *entry, runs []*entry, now time.Time, tally *Tally) {
	e.doubt(en, billing.PossibleDuplicate|e.doubtOfStrays())
	for _, other := range runs { // touching one may evict another
		if other == en || !other.isHeld() || other.caveats&billing.PossibleDuplicate != 0 {
			continue
		}
		e.doubt(other, billing.PossibleDuplicate)
		if other.isLate && other.hasCalls {
			e.touch(other, now, tally)
		}
	}
}

// doubtOfStrays is what a run says whose traces have spans that name no run and
// that it is not asked about.
func (e *Engine) doubtOfStrays() billing.Caveats {
	if e.config.Inherit {
		return billing.AttributionSuspect
	}
	return 0
}

// hasParent reports whether the parent of a run's span is in another run: it
// is the run's root then (contract, section 6).
func hasParent(en *entry, f *extract.Owned, runs []*entry) bool {
	parent := run.SpanKey{Trace: f.Key.Trace, Span: f.Parent}
	return slices.ContainsFunc(runs, func(other *entry) bool { return other != en && other.run.Has(parent) })
}

// tellBeside does what a new span of a run means to the other runs of its
// trace: it may show the root of one, and it may show one that has been
// summarised that a call is not its own. That it may do by being the call, or by
// joining what lies above it to what lies beneath.
func (e *Engine) tellBeside(en *entry, f *extract.Owned, runs []*entry, isCall bool, now time.Time, tally *Tally) {
	joins := isCall || slices.ContainsFunc(runs, func(other *entry) bool {
		return other.run.Len() > rootScan || other.run.HasChild(f.Key)
	})
	for _, other := range runs { // touching one may evict another, which makes a new list
		if other == en || !other.isHeld() {
			continue
		}
		e.seeRootBeneath(other, f.Key, now, tally)
		if joins && other.isLate && other.hasCalls {
			e.touch(other, now, tally)
		}
	}
}

// seeRootBeneath looks whether a span that is not of a run has a child in it.
// A run that was told without its root is told again.
func (e *Engine) seeRootBeneath(en *entry, parent run.SpanKey, now time.Time, tally *Tally) {
	if en.rootSeen || !en.isHeld() || en.run.Len() > rootScan || !en.run.HasChild(parent) {
		return
	}
	en.rootSeen = true
	if en.isLate {
		e.touch(en, now, tally)
	} else {
		e.deadlines.set(&en.timer, e.dueAt(en))
	}
}

// beside gives the other runs of a run's traces, each once.
func (t *tenant) beside(en *entry) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		var known map[*entry]bool
		for _, trace := range en.traces {
			runs := t.traces[trace]
			if len(runs) == 1 {
				continue
			}
			for _, other := range runs {
				if other == en || known[other] {
					continue
				}
				if known == nil {
					known = map[*entry]bool{}
				}
				known[other] = true
				if !yield(other) {
					return
				}
			}
		}
	}
}

// heldBeside is until when the other runs of a run's traces are held, as far as
// it is known; zero where there is none.
func (e *Engine) heldBeside(en *entry, now time.Time) (until time.Time) {
	for other := range en.tenant.beside(en) {
		end := other.timer.due
		if !other.isLate {
			end = now.Add(e.config.LateWindow)
		}
		if end.After(until) {
			until = end
		}
	}
	return until
}

// snapshotsBeside gives the other runs that a run is to be looked at together
// with, as they are now, and what follows from those that are left out.
func (e *Engine) snapshotsBeside(en *entry) (list []run.Run, caveats billing.Caveats) {
	return e.lookAt(en.tenant.beside(en), false)
}

// lookAt takes snapshots of runs, as they are or as they were last told.
func (e *Engine) lookAt(runs iter.Seq[*entry], asTold bool) (list []run.Run, caveats billing.Caveats) {
	spans := 0
	for other := range runs {
		if spans += other.run.Len(); len(list) == runsBeside || spans > e.config.SpansPerRun {
			return list, billing.PossibleDuplicate // what is left out may hold calls that this run repeats
		}
		if other.run.Truncated() {
			caveats |= billing.PossibleDuplicate // so may what it left out itself
		}
		if n := len(other.owed); asTold && n > 0 {
			list = append(list, other.owed[n-1].run.Beside())
		} else {
			list = append(list, other.run.Beside())
		}
	}
	return list, caveats
}

// keep has a run that is not held any more found by its traces: a run that was
// beside it may have to be made again as it was. One that is alone is not needed.
// No more are found by a trace than know of each other in it.
func (t *tenant) keep(en *entry) {
	for _, trace := range en.traces {
		kept := t.kept[trace]
		if len(kept) == 0 && len(t.traces[trace]) <= 1 {
			continue
		}
		en.keptIn = append(en.keptIn, trace)
		t.list(en, trace)
	}
}

func (t *tenant) list(en *entry, trace [16]byte) {
	if t.kept == nil {
		t.kept = map[[16]byte][]*entry{}
	}
	if kept := t.kept[trace]; len(kept) < runsPerTrace {
		t.kept[trace] = append(slices.Clip(kept), en)
	}
}

// unkeep undoes keep.
func (t *tenant) unkeep(en *entry) {
	for _, trace := range en.keptIn {
		rest := slices.DeleteFunc(slices.Clone(t.kept[trace]), func(other *entry) bool { return other == en })
		if len(rest) == 0 {
			delete(t.kept, trace)
		} else {
			t.kept[trace] = rest
		}
	}
	en.keptIn = nil
}

// around gives the runs of a run's traces: those that are held, and those that
// are kept until they need not be made again.
func (t *tenant) around(en *entry) (held, kept []*entry) {
	add := func(list []*entry, runs []*entry) []*entry {
		for _, other := range runs {
			if other != en && !slices.Contains(list, other) {
				list = append(list, other)
			}
		}
		return list
	}
	for _, traces := range [...][][16]byte{en.traces, en.keptIn} {
		for _, trace := range traces {
			held, kept = add(held, t.traces[trace]), add(kept, t.kept[trace])
		}
	}
	return held, kept
}

// isNeeded reports whether a run beside one that is not held any more may have to
// be made again: what it says may hang on this one. Only one that is found by a
// trace is, else nobody would say when it is not needed any more.
func (t *tenant) isNeeded(en *entry) bool {
	waits := func(other *entry) bool { return other != en && other.isToBeTold() }
	return slices.ContainsFunc(en.keptIn, func(trace [16]byte) bool {
		kept := t.kept[trace]
		return slices.Contains(kept, en) && (slices.ContainsFunc(t.traces[trace], waits) || slices.ContainsFunc(kept, waits))
	})
}
