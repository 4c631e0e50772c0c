package engine

import (
	"context"
	"slices"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// owed is a revision that waits to be taken, and what it takes to make it again
// as it was.
type owed struct {
	told, before *run.Told // before is of the revision before
	as           run.Completion
	run          run.Run         // as it was
	caveats      billing.Caveats // of the run, as they were
	again        bool            // after a restart it is to be made once more
	courtesy     bool            // it was taken before the restart
	views        []view          // after a restart: the runs beside it, where they are known as they were
}

// again gives the parts of which summaries are to be made once more: those that
// nobody is known to have taken, and the newest of each part that is held, which
// may be lost behind the next component.
func (r *restorer) again(held []*entry) []letGo {
	var list []letGo
	for _, rr := range r.order {
		if g, ok := r.e.letGo[rr.part]; ok && g.run.isToBeTold() {
			list = append(list, g)
		}
	}
	for _, en := range held {
		if len(en.owed) == 0 && en.told != nil {
			if en.isLate {
				en.owed = append(en.owed, &owed{
					told: en.told, before: en.before, as: en.toldAs, run: en.run.Snapshot(), caveats: en.caveats,
					again: true, courtesy: true,
				})
			} else {
				en.unsure = true // it shows when it is summarised
			}
		}
		if len(en.owed) > 0 {
			list = append(list, letGo{run: en})
			r.e.measure(en)
		}
	}
	for _, ev := range r.inOrder {
		if ev.told == nil || r.events[ev.part] == nil {
			continue
		}
		switch {
		case ev.owed != nil:
		case ev.changed:
			ev.unsure = true
			continue
		default:
			ev.owed = &eventOwed{told: ev.told, before: ev.before, event: ev.event.Snapshot(), claims: slices.Clip(ev.claims), again: true, courtesy: true}
		}
		list = append(list, letGo{event: ev})
	}
	return list
}

const (
	againBatch = 200                   // parts whose summaries are made again at once
	againPause = 20 * time.Millisecond // until it is looked again whether there is room for more
)

// againLoop has the newest summaries made once more, as fast as the next
// component takes them: there may be more than the outbox holds.
func (e *Engine) againLoop(ctx context.Context) {
	pause := time.NewTicker(againPause)
	defer pause.Stop()
	for len(e.again) > 0 {
		if e.outbox.count() > againBatch {
			select {
			case <-ctx.Done():
				return
			case <-pause.C:
			}
			continue
		}
		n := min(againBatch, len(e.again))
		e.tellAgain(e.again[:n])
		e.again = e.again[n:]
	}
}

// runAgain is what is to be told again of a run, and views of the runs beside it.
type runAgain struct {
	entry *entry
	owed  []*owed
	views []view
}

// view is the runs beside one, as one may see them.
type view struct {
	beside  []run.Run
	caveats billing.Caveats
}

// eventAgain is the same of an event.
type eventAgain struct {
	entry *eventEntry
	owed  *eventOwed
}

// tellAgain makes summaries once more as they were, under the numbers that
// they had; and at last those of parts that were let go before there was one.
func (e *Engine) tellAgain(list []letGo) {
	e.summarising.Lock()
	defer e.summarising.Unlock()
	runs, events, jobs := e.takeAgain(list)
	now := time.Now()
	var letters []letterTo
	var others []func() // what is known of a summary that could not be made as it was
	for i := range runs {
		a := &runs[i]
		for _, o := range a.owed {
			s, same := e.remake(a, o)
			switch {
			case same:
			case o.courtesy: // somebody has it as it was
				continue
			default:
				told := s.Told()
				others = append(others, func() { a.entry.tellOther(o, &told); e.doubt(a.entry, billing.PossibleDuplicate) })
			}
			letters = append(letters, letterTo{a.entry.tenant, Summary{Run: s}, true})
		}
	}
	for i := range events {
		a := &events[i]
		s := eventSummaryOf(&eventJob{entry: a.entry, event: a.owed.event}, now)
		switch {
		case eventAsTold(s, a.owed.told, a.owed.before):
		case a.owed.courtesy:
			continue
		default:
			s.Revision = a.owed.told.Revision
			told := s.Told()
			others = append(others, func() {
				if a.entry.told == a.owed.told {
					a.entry.told = &told
				}
			})
		}
		letters = append(letters, letterTo{a.entry.tenant, Summary{Event: s}, true})
	}
	e.mu.Lock()
	for _, l := range letters {
		e.outbox.expect(l.summary.part())
	}
	for _, change := range others {
		change()
	}
	for i := range runs {
		en := runs[i].entry
		en.busy--
		for _, o := range runs[i].owed {
			o.again, o.views = false, nil
		}
		if !e.outbox.waits(en.part) { // nothing of it is sent
			e.runTaken(en)
		}
	}
	for i := range events {
		ev := events[i].entry
		ev.busy--
		events[i].owed.again = false
		if !e.outbox.waits(ev.part) {
			e.eventTaken(ev)
		}
	}
	e.mu.Unlock()
	e.send(letters)
	e.summarise(jobs, now)
	e.outbox.ring()
}

// takeAgain takes what is to be made once more, and makes the jobs of what was
// never made.
func (e *Engine) takeAgain(list []letGo) (runs []runAgain, events []eventAgain, jobs []job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, g := range list {
		if ev := g.event; ev != nil {
			if ev.owed != nil && ev.owed.again {
				ev.busy++
				events = append(events, eventAgain{ev, ev.owed})
			}
			continue
		}
		en := g.run
		views := e.viewsOf(en)
		if list := slices.DeleteFunc(slices.Clone(en.owed), func(o *owed) bool { return !o.again }); len(list) > 0 {
			en.busy++
			runs = append(runs, runAgain{en, list, views})
		}
		if _, isLetGo := e.letGo[en.part]; isLetGo && en.unsure {
			en.busy++
			j := e.jobOf(en, en.letGoAs)
			j.beside = views[0].beside
			j.caveats |= views[0].caveats
			jobs = append(jobs, j)
		}
	}
	return runs, events, jobs
}

// viewsOf gives the runs beside one in the ways in which they may have been seen
// when it was told: with those that were let go or without, as they are or as
// they were told themselves.
func (e *Engine) viewsOf(en *entry) []view {
	held, kept := en.tenant.around(en)
	all := slices.Concat(held, kept)
	if len(all) == 0 {
		return []view{{}}
	}
	views := []view{e.viewOf(all, false), e.viewOf(all, true)}
	if len(kept) > 0 {
		views = append(views, e.viewOf(held, false))
	}
	return append(views, view{})
}

func (e *Engine) viewOf(list []*entry, asTold bool) view {
	beside, caveats := e.lookAt(slices.Values(list), asTold)
	return view{beside, caveats}
}

// remake makes a summary once more, and reports whether it is what was told.
// One that is not says so: what was beside its run then is not known any more.
func (e *Engine) remake(a *runAgain, o *owed) (*run.Summary, bool) {
	make := func(v *view, caveats billing.Caveats) *run.Summary {
		j := job{entry: a.entry, run: o.run, beside: v.beside, completion: o.as, caveats: caveats | v.caveats, began: a.entry.began}
		return e.summaryOf(&j)
	}
	views := slices.Concat(o.views, a.views)
	for _, caveats := range [...]billing.Caveats{o.caveats, o.caveats &^ billing.PossibleDuplicate} { // which may have come while it was made
		for i := range views {
			if s := make(&views[i], caveats); asTold(s, o.told, o.before) {
				return s, true
			}
		}
	}
	s := make(&a.views[0], o.caveats|billing.PossibleDuplicate)
	asTold(s, o.told, o.before)
	s.Revision = o.told.Revision
	return s, false
}

// tellOther notes that a revision is told other than it was: the next one is by
// how much it differs from that.
func (en *entry) tellOther(o *owed, told *run.Told) {
	for _, next := range en.owed {
		if next.before == o.told {
			next.before = told
		}
	}
	if en.told == o.told {
		en.told = told
	}
	if en.before == o.told {
		en.before = told
	}
	o.told = told
}

// asTold makes s the summary that last is of, and reports whether it is.
func asTold(s *run.Summary, last, before *run.Told) bool {
	s.Anchor = last.Anchor
	if before != nil && !s.Revise(before) {
		s.Increase, s.ModelIncrease = 0, nil
	}
	told := s.Told()
	if told.Digest != last.Digest {
		return false
	}
	s.Revision = last.Revision
	return true
}

func eventAsTold(s *event.Summary, last, before *event.Told) bool {
	if before != nil {
		s.Revise(before)
	} else {
		s.Anchor = last.Anchor
	}
	told := s.Told()
	if told.Digest != last.Digest {
		return false
	}
	s.Revision = last.Revision
	return true
}
