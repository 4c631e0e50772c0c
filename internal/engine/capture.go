package engine

import (
	"cmp"
	"iter"
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/journal"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// pieceBytes is about how much of a snapshot is written at once.
const pieceBytes = 1 << 20

// capturedRun is a run as a snapshot of the state has it.
type capturedRun struct {
	part, tenant uint64
	id           string
	began        int64
	run          run.Run
	caveats      billing.Caveats
	before, told *run.Told
	toldAs       run.Completion
	owed         []owed
	isLate       bool
	isDue        bool // a summary of it is being made, or is to be
	letGoAs      run.Completion
}

// capturedStrays is the spans of a trace that name no run.
type capturedStrays struct {
	tenant uint64
	held   run.Run
	taken  []bool
}

type capturedEvent struct {
	part, tenant uint64
	key          event.Key
	event        event.Event
	claims       []run.Fact
	before, told *event.Told
	owed         *eventOwed
	changed      bool
}

// capture takes a snapshot of the state, and gives it in pieces, as entries of
// the journal. It is called with e.mu held; the pieces are made without. Taking
// it costs some nanoseconds a run, as facts are only ever appended; they are put
// in order without the lock, too.
func (e *Engine) capture() iter.Seq[[]byte] {
	var tenants []*tenant
	runs := make([]capturedRun, 0, len(e.letGo)+e.held.open+e.held.late) // grown, it would be copied
	events := make([]capturedEvent, 0, e.held.events)
	var strays []capturedStrays
	seen := map[*tenant]bool{}
	note := func(t *tenant) {
		if !seen[t] {
			seen[t] = true
			tenants = append(tenants, t)
		}
	}
	for _, g := range e.letGo {
		if g.run != nil {
			note(g.run.tenant)
			runs = append(runs, captureRun(g.run))
		} else {
			note(g.event.tenant)
			events = append(events, captureEvent(g.event))
		}
	}
	for el := e.tenants.byQuiet.Front(); el != nil; el = el.Next() {
		t := el.Value.(*tenant)
		note(t)
		for _, en := range t.runs {
			runs = append(runs, captureRun(en))
		}
		for _, ev := range t.events {
			events = append(events, captureEvent(ev))
		}
		for _, s := range t.strays {
			strays = append(strays, capturedStrays{t.id, s.held.Snapshot(), slices.Clone(s.taken)})
		}
	}
	return func(yield func([]byte) bool) {
		order := make([]*capturedRun, len(runs))
		for i := range runs {
			order[i] = &runs[i]
		}
		slices.SortFunc(order, func(a, b *capturedRun) int {
			// Those that were let go come first: a run may have begun anew since.
			return cmp.Or(cmp.Compare(b.letGoAs, a.letGoAs), cmp.Compare(a.part, b.part))
		})
		var w journal.Writer
		full := func() bool { return w.Len() >= pieceBytes && !yield(w.Take()) }
		for _, t := range tenants { // first: what follows names them
			w.Tenant(t.id, t.metadata)
		}
		for _, r := range order {
			if r.write(&w, full) {
				return
			}
		}
		for i := range strays {
			if strays[i].write(&w, full) {
				return
			}
		}
		for i := range events {
			if events[i].write(&w); full() {
				return
			}
		}
		if w.Len() > 0 {
			yield(w.Take())
		}
	}
}

// write writes the spans that have not found their run.
func (c *capturedStrays) write(w *journal.Writer, full func() bool) (stop bool) {
	for at, gone := range c.taken {
		if gone {
			continue
		}
		f := c.held.Fact(at)
		if w.Stray(c.tenant, &f); full() {
			return true
		}
	}
	return false
}

func captureRun(en *entry) capturedRun {
	var list []owed
	for _, o := range en.owed {
		list = append(list, *o)
	}
	return capturedRun{
		owed: list, isDue: en.busy > 0 || en.unsure, part: en.part, tenant: en.tenant.id, id: en.id, began: en.began.UnixNano(), run: en.run.Snapshot(), caveats: en.caveats,
		before: en.before, told: en.told, toldAs: en.toldAs, isLate: en.isLate, letGoAs: en.letGoAs,
	}
}

func captureEvent(ev *eventEntry) capturedEvent {
	return capturedEvent{
		owed: ev.owed, part: ev.part, tenant: ev.tenant.id, key: ev.key, event: ev.event.Snapshot(), claims: slices.Clone(ev.claims),
		before: ev.before, told: ev.told, changed: ev.changed,
	}
}

// write writes a run. What was told stands before the facts where the run is
// open, and after them where nothing has come since. What nobody is known to
// have taken stands where it was told, so that it can be made again.
func (c *capturedRun) write(w *journal.Writer, full func() bool) (stop bool) {
	w.Begin(c.part, c.tenant, c.id, c.began)
	isOpen := !c.isLate && c.letGoAs == ""
	var written run.Run
	if len(c.owed) > 0 {
		if first := &c.owed[0]; first.before != nil {
			w.Told(c.part, first.as, first.before)
			w.Taken(c.part, first.before.Revision)
		}
		for i := range c.owed {
			o := &c.owed[i]
			if c.writeRun(w, written, o.run, o.caveats, full) {
				return true
			}
			w.Told(c.part, o.as, o.told)
			written = o.run
		}
	} else if isOpen {
		c.writeTold(w)
	}
	if c.writeRun(w, written, c.run, c.caveats, full) {
		return true
	}
	if !isOpen && len(c.owed) == 0 {
		c.writeTold(w)
	}
	if c.told != nil && (isOpen || c.isDue) {
		w.Reopened(c.part, c.told.Revision, 0)
	}
	if c.letGoAs != "" {
		w.LetGo(c.part, c.letGoAs)
	}
	return full()
}

// writeRun writes what a run has that another, an earlier state of it, has not.
func (c *capturedRun) writeRun(w *journal.Writer, before, now run.Run, caveats billing.Caveats, full func() bool) (stop bool) {
	for i := range now.Len() {
		f := now.Fact(i)
		if i < before.Len() && before.Fact(i) == f {
			continue
		}
		if w.Fact(c.part, &f); full() {
			return true
		}
	}
	for _, k := range now.Outsides() {
		w.Outside(c.part, k)
	}
	if now.Truncated() {
		caveats |= billing.SpanLimit
	}
	if caveats != 0 {
		w.Caveats(c.part, caveats)
	}
	return false
}

func (c *capturedRun) writeTold(w *journal.Writer) {
	if c.before != nil {
		w.Told(c.part, c.toldAs, c.before)
	}
	if c.told != nil {
		w.Told(c.part, c.toldAs, c.told)
		w.Taken(c.part, c.told.Revision)
	}
}

func (c *capturedEvent) write(w *journal.Writer) {
	w.EventBegin(c.part, c.tenant, c.key)
	state := func(claims []run.Fact, members []*event.Member) {
		for i := range claims {
			w.Claim(c.part, &claims[i])
		}
		for _, m := range members {
			w.Member(c.part, m)
		}
	}
	told := func() {
		if c.before != nil {
			w.EventTold(c.part, c.before)
		}
		if c.told != nil {
			w.EventTold(c.part, c.told)
			w.EventTaken(c.part, c.told.Revision)
		}
	}
	switch o := c.owed; {
	case o != nil:
		if o.before != nil {
			w.EventTold(c.part, o.before)
			w.EventTaken(c.part, o.before.Revision)
		}
		state(o.claims, o.event.Members())
		w.EventTold(c.part, o.told)
		left := map[uint64]bool{}
		for _, m := range c.event.Members() {
			left[m.Part] = true
		}
		for _, m := range o.event.Members() {
			if !left[m.Part] {
				w.MemberRemoved(c.part, m.RunID, m.Part)
			}
		}
		state(c.claims, c.event.Members())
	case c.changed:
		told()
		state(c.claims, c.event.Members())
	default:
		state(c.claims, c.event.Members())
		told()
	}
	if c.changed && c.told != nil {
		w.EventChanged(c.part, c.told.Revision)
	}
}
