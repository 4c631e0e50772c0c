package engine

import (
	"container/list"
	"iter"
	"slices"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// strays holds the spans that name no run, until their trace shows which run
// they belong to or has been quiet for long enough (contract, section 3). It
// is guarded by the engine's lock.
type strays struct {
	byQuiet *list.List // of *strayTrace, quiet for longest first
	waiting int        // spans held
}

// strayTrace is the strays of one trace. A span of it is some hundred bytes;
// one that has found its run is marked as taken, and forgotten once most are.
type strayTrace struct {
	tenant  *tenant
	id      [16]byte
	held    run.Run         // the facts
	taken   []bool          // by place in held: has found its run
	left    int             // how many have not
	last    map[[8]byte]int // by parent: the place in held of its last child
	before  []int           // by place: the child before of the same parent, -1 for none
	calls   bool            // there was a call among them
	touched time.Time
	bytes   int // about, as last measured
	element *list.Element
}

func newStrays() strays { return strays{byQuiet: list.New()} }

// strayBytes is what the index by parent and the marks take of a stray.
const strayBytes = 64

// addStray remembers a stray, and says whether it was there.
func (e *Engine) addStray(of *tenant, f *run.Fact, now time.Time) run.Change {
	t := of.strays[f.Key.Trace]
	if t == nil {
		t = &strayTrace{tenant: of, id: f.Key.Trace, last: map[[8]byte]int{}}
		t.element = e.strays.byQuiet.PushBack(t)
		of.strays[t.id] = t
	}
	e.strays.touch(t, now)
	change := t.hold(f)
	if w := e.rec(); w != nil && change != run.Unchanged {
		w.Stray(of.id, f)
	}
	if change == run.Grown {
		e.strays.waiting++
	}
	e.measureStrays(t)
	return change
}

// measureStrays brings what is known of the size of a trace's strays up to date.
func (e *Engine) measureStrays(t *strayTrace) {
	n := entryBytes + t.held.Bytes() + t.held.Len()*strayBytes
	e.held.strayBytes += n - t.bytes
	t.bytes = n
}

// hold adds a fact, and says whether it was there.
func (t *strayTrace) hold(f *run.Fact) run.Change {
	t.calls = t.calls || f.Detail != nil && f.Detail.Record != nil
	if change := t.held.Add(f, noLimit); change != run.Grown {
		return change
	}
	before, ok := t.last[f.Parent]
	if !ok {
		before = -1
	}
	t.last[f.Parent] = t.held.Len() - 1
	t.before = append(t.before, before)
	t.taken = append(t.taken, false)
	t.left++
	return run.Grown
}

// noLimit is more spans than memory holds: the bound is on all strays together.
const noLimit = 1 << 40

func (s *strays) touch(t *strayTrace, now time.Time) {
	t.touched = now
	s.byQuiet.MoveToBack(t.element)
}

func (e *Engine) dropStrays(t *strayTrace) {
	e.strays.waiting -= t.left
	e.strays.byQuiet.Remove(t.element)
	e.held.strayBytes -= t.bytes
	delete(t.tenant.strays, t.id)
	e.mayBeIdle(t.tenant)
}

// take marks a stray as one that has found its run.
func (s *strays) take(t *strayTrace, at int) {
	t.taken[at] = true
	t.left--
	s.waiting--
}

// beneath takes the strays beneath a span out, and gives each to give. Where
// one of them bears a stray's subtree, so goes the subtree.
func (s *strays) beneath(t *strayTrace, span [8]byte, give func(*run.Fact)) {
	up := [][8]byte{span}
	for len(up) > 0 {
		parent := up[len(up)-1]
		up = up[:len(up)-1]
		at, ok := t.last[parent]
		if !ok {
			continue
		}
		delete(t.last, parent) // a child that comes later finds its parent in a run
		for ; at >= 0; at = t.before[at] {
			if t.taken[at] {
				continue
			}
			s.take(t, at)
			f := t.held.Fact(at)
			up = append(up, f.Key.Span)
			give(&f)
		}
	}
}

// rest splits what is left of a trace: spans whose chain of parents is broken
// by one that never came, or runs in a circle, and spans whose chain is whole
// and names no run. Each place is walked over once.
func (t *strayTrace) rest() (broken, whole []run.Fact) {
	const unknown, walking, isBroken, isWhole = 0, 1, 2, 3
	state := make([]byte, t.held.Len())
	var path []int
	for i := range state {
		path = path[:0]
		verdict := byte(isBroken)
		for at := i; ; {
			if state[at] != unknown {
				if state[at] != walking { // else it is a circle
					verdict = state[at]
				}
				break
			}
			state[at] = walking
			path = append(path, at)
			f := t.held.Fact(at)
			if f.Flags&run.NoParent != 0 {
				verdict = isWhole
				break
			}
			next, ok := t.held.Find(run.SpanKey{Trace: t.id, Span: f.Parent})
			if !ok {
				break
			}
			at = next
		}
		for _, at := range path {
			state[at] = verdict
		}
	}
	for i, verdict := range state {
		switch {
		case t.taken[i]:
		case verdict == isWhole:
			whole = append(whole, t.held.Fact(i))
		default:
			broken = append(broken, t.held.Fact(i))
		}
	}
	return broken, whole
}

// compact forgets the facts that have found their run, once they are most of
// what is held, so that a trace that goes on does not keep them all.
func (t *strayTrace) compact() {
	if t.held.Len() < compactFrom || 2*t.left > t.held.Len() {
		return
	}
	kept := strayTrace{last: map[[8]byte]int{}}
	for at, gone := range t.taken {
		if !gone {
			f := t.held.Fact(at)
			kept.hold(&f)
		}
	}
	t.held, t.taken, t.last, t.before = kept.held, kept.taken, kept.last, kept.before
}

// compactFrom is how many facts are not worth the work.
const compactFrom = 64

// lost is the spans of a trace that belong to no run, with the runs beside them.
type lost struct {
	run    run.Run
	beside []run.Run
}

// stray takes in a span that names no run: it goes to the run of its parent,
// where that is known, else it waits.
func (e *Engine) stray(t *tenant, f *extract.Owned, now time.Time, tally *Tally) {
	parent := run.SpanKey{Trace: f.Key.Trace, Span: f.Parent}
	for _, en := range t.traces[f.Key.Trace] {
		if en.run.Has(f.Key) { // found its run before, and comes again
			e.give(t, en.id, &f.Fact, now, tally)
			return
		}
	}
	for _, en := range t.traces[f.Key.Trace] {
		if en.run.Has(parent) {
			tally.Inherited++
			e.give(t, en.id, &f.Fact, now, tally)
			return
		}
	}
	switch e.addStray(t, &f.Fact, now) {
	case run.Unchanged:
		tally.Duplicates++
		return
	case run.Differs:
		tally.Conflicts++
		return
	}
	for e.strays.waiting > e.config.InheritSpans {
		e.decide(e.strays.byQuiet.Front().Value.(*strayTrace), now, tally)
		tally.DecidedEarly++
	}
}

// give adds a span to a run that it does not name itself, and with it the
// strays beneath it.
func (e *Engine) give(t *tenant, runID string, f *run.Fact, now time.Time, tally *Tally) {
	e.fold(t, &extract.Owned{Run: runID, Fact: *f}, now, tally)
}

// gather gives the strays beneath a span to the span's run.
func (e *Engine) gather(t *tenant, f *extract.Owned, now time.Time, tally *Tally) {
	waiting := t.strays[f.Key.Trace]
	if waiting == nil {
		return
	}
	e.strays.touch(waiting, now)
	e.strays.beneath(waiting, f.Key.Span, func(child *run.Fact) {
		tally.Inherited++
		e.join(t, &extract.Owned{Run: f.Run, Fact: *child}, now, tally)
	})
	if waiting.left == 0 {
		e.dropStrays(waiting)
		return
	}
	waiting.compact()
	e.measureStrays(waiting)
}

// decide ends a trace's wait: spans with a broken chain of parents go to the
// trace's run if it has exactly one; the rest belongs to none.
func (e *Engine) decide(t *strayTrace, now time.Time, tally *Tally) {
	e.dropStrays(t)
	if w := e.rec(); w != nil {
		w.Decided(t.tenant.id, t.id)
	}
	broken, whole := t.rest()
	runs := t.tenant.traces[t.id]
	if len(runs) == 1 {
		id := runs[0].id
		for i := range broken {
			tally.Inherited++
			e.join(t.tenant, &extract.Owned{Run: id, Fact: broken[i]}, now, tally)
		}
		broken = nil
	}
	if len(broken)+len(whole) == 0 {
		return
	}
	facts := e.claimsOf(t.tenant, slices.Concat(broken, whole), now, tally)
	tally.Unattributed += len(facts)
	l := lost{}
	calls := false
	for i := range facts {
		l.run.Add(&facts[i], noLimit)
		calls = calls || facts[i].Detail != nil && facts[i].Detail.Record != nil
	}
	held := slices.Clone(t.tenant.traces[t.id]) // touching one may evict another
	calls = calls && len(e.lost) < lostLimit    // else nothing of theirs costs anything, or nobody has counted for long
	// First all that is to be known of the runs, then that they are told again.
	var again []*entry
	place := make(map[run.SpanKey]int, len(facts))
	for i := range facts {
		place[facts[i].Key] = i
	}
	children := make([][]int, len(held)) // by run: the places of the facts that a span of it is beneath
	for n, en := range held {
		if calls {
			l.beside = append(l.beside, en.run.Beside())
			if en.caveats&billing.AttributionSuspect == 0 {
				// The call is one of theirs, or nobody's: neither's total is exact.
				e.doubt(en, billing.AttributionSuspect)
				again = append(again, en)
			}
		}
		children[n] = beneath(en, place)
		for _, i := range children[n] {
			en.run.Outside(facts[i].Key)
			if w := e.rec(); w != nil {
				w.Outside(en.part, facts[i].Key)
			}
		}
	}
	for _, en := range again {
		if en.isHeld() {
			e.touch(en, now, tally)
		}
	}
	for n, en := range held {
		if len(children[n]) > 0 {
			e.seeRootBeneath(en, facts[children[n][0]].Key, now, tally)
		}
	}
	if calls {
		e.lost = append(e.lost, l)
	}
}

// beneath gives the places of the spans that a span of a run is beneath, in
// order. It looks at every span of the run once.
func beneath(en *entry, place map[run.SpanKey]int) (found []int) {
	if en.run.Len() > rootScan {
		return nil
	}
	for i := range en.run.Len() {
		f := en.run.Fact(i)
		if at, ok := place[run.SpanKey{Trace: f.Key.Trace, Span: f.Parent}]; ok {
			found = append(found, at)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// lostLimit bounds what waits to be counted. Past it the spans are counted as
// unattributed, and their cost is not.
const lostLimit = 10_000

// straysUntil is until when spans wait in a run's traces that may be its own, if
// nothing more arrives; zero where there are none.
func (e *Engine) straysUntil(en *entry) (until time.Time) {
	for t := range en.straysBeside() {
		until = later(until, t.touched.Add(e.config.InheritQuiet))
	}
	return until
}

// strayCaveat is what a run says that will not be there when it is decided
// whose the spans are that wait in its traces: a call of them may be its own.
func (e *Engine) strayCaveat(en *entry) billing.Caveats {
	for t := range en.straysBeside() {
		if t.calls {
			return billing.AttributionSuspect
		}
	}
	return 0
}

// straysBeside gives the spans that name no run in a run's traces.
func (en *entry) straysBeside() iter.Seq[*strayTrace] {
	return func(yield func(*strayTrace) bool) {
		if len(en.tenant.strays) == 0 {
			return
		}
		for _, trace := range en.traces {
			if t := en.tenant.strays[trace]; t != nil && !yield(t) {
				return
			}
		}
		for trace := range en.refused {
			if t := en.tenant.strays[trace]; t != nil && !yield(t) {
				return
			}
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// decideDue ends the wait of every trace that has been quiet for long enough.
func (e *Engine) decideDue(now time.Time, tally *Tally) {
	for e.strays.byQuiet.Len() > 0 {
		t := e.strays.byQuiet.Front().Value.(*strayTrace)
		if now.Before(t.touched.Add(e.config.InheritQuiet)) {
			return
		}
		e.decide(t, now, tally)
	}
}
