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
	isLate       bool
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
	return capturedRun{
		part: en.part, tenant: en.tenant.id, id: en.id, began: en.began.UnixNano(), run: en.run.Snapshot(), caveats: en.caveats,
		before: en.before, told: en.told, toldAs: en.toldAs, isLate: en.isLate, letGoAs: en.letGoAs,
	}
}

func captureEvent(ev *eventEntry) capturedEvent {
	return capturedEvent{
		part: ev.part, tenant: ev.tenant.id, key: ev.key, event: ev.event.Snapshot(), claims: slices.Clone(ev.claims),
		before: ev.before, told: ev.told, changed: ev.changed,
	}
}

// write writes a run. What was told stands before the facts where the run is
// open, and after them where nothing has come since.
func (c *capturedRun) write(w *journal.Writer, full func() bool) (stop bool) {
	w.Begin(c.part, c.tenant, c.id, c.began)
	isOpen := !c.isLate && c.letGoAs == ""
	if isOpen {
		c.writeTold(w)
	}
	for i := range c.run.Len() {
		f := c.run.Fact(i)
		if w.Fact(c.part, &f); full() {
			return true
		}
	}
	for _, k := range c.run.Outsides() {
		w.Outside(c.part, k)
	}
	caveats := c.caveats
	if c.run.Truncated() {
		caveats |= billing.SpanLimit
	}
	if caveats != 0 {
		w.Caveats(c.part, caveats)
	}
	if !isOpen {
		c.writeTold(w)
	}
	if c.letGoAs != "" {
		w.LetGo(c.part, c.letGoAs)
	}
	return full()
}

func (c *capturedRun) writeTold(w *journal.Writer) {
	if c.before != nil {
		w.Told(c.part, c.toldAs, c.before)
	}
	if c.told != nil {
		w.Told(c.part, c.toldAs, c.told)
	}
}

func (c *capturedEvent) write(w *journal.Writer) {
	w.EventBegin(c.part, c.tenant, c.key)
	told := func() {
		if c.before != nil {
			w.EventTold(c.part, c.before)
		}
		if c.told != nil {
			w.EventTold(c.part, c.told)
		}
	}
	if c.changed {
		told()
	}
	for i := range c.claims {
		w.Claim(c.part, &c.claims[i])
	}
	for _, m := range c.event.Members() {
		w.Member(c.part, m)
	}
	if !c.changed {
		told()
	}
}
