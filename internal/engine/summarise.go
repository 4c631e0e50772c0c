package engine

import (
	"context"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// job is a summary to be made.
type job struct {
	entry      *entry
	run        run.Run   // snapshot
	beside     []run.Run // snapshots of other runs in its traces
	completion run.Completion
	caveats    billing.Caveats
	own        billing.Caveats // of them, those that are the run's for good
	began      time.Time
	bytes      int          // of an evicted run
	again      bool         // told once more, as it was
	told       *run.Told    // of the summary, once it is made; nil where that says nothing new
	member     event.Member // what its event keeps of the summary
}

// jobOf is the job to summarise a run as it is now.
func (e *Engine) jobOf(en *entry, completion run.Completion) job {
	j := job{entry: en, run: en.run.Snapshot(), completion: completion, caveats: en.caveats, own: en.caveats, began: en.began}
	beside, caveats := e.snapshotsBeside(en)
	j.beside = beside
	j.caveats |= caveats
	return j
}

// summariseDue makes the summaries that are due by now.
func (e *Engine) summariseDue(ctx context.Context, now time.Time) {
	e.mu.Lock()
	evicted := len(e.evicted)
	e.mu.Unlock()
	for evicted > 0 { // not more than those: what is due is not to wait for ever
		n, _ := e.summarisePiece(evicted, now)
		if n == 0 {
			break
		}
		evicted -= n
	}
	e.summarising.Lock()
	defer e.summarising.Unlock()
	// The runs first: their events go by their summaries.
	e.summarise(e.take(now), now)
	e.summariseEvents(e.takeEvents(now), now)
	e.outbox.ring()
	e.account(ctx)
}

// take collects what is due by now: summaries to make, and windows to end.
func (e *Engine) take(now time.Time) []job {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.decideDue(now, &e.aside)
	jobs := e.takeEvicted()
	e.outbox.allow(e.room())
	// First the jobs, then the end: each may look at the others beside it.
	var due []*entry
	for next := e.deadlines.popDue(now); next != nil; next = e.deadlines.popDue(now) {
		en := next.run
		if en == nil {
			e.dueEvents = append(e.dueEvents, next.event)
			continue
		}
		if !en.isLate && len(en.owed) > 0 {
			// One revision at a time: those that wait could not all be made again
			// as they were, nor be told apart from those that arrived.
			e.deadlines.set(&en.timer, now.Add(e.config.QuietPeriod))
			continue
		}
		due = append(due, en)
		if !en.isLate {
			en.busy++
			as := e.completionOf(en, now)
			if as != run.MaxDuration && e.config.LateRuns <= 0 {
				e.doubt(en, e.strayCaveat(en)) // it is not there when they are decided
			}
			jobs = append(jobs, e.jobOf(en, as))
		}
	}
	for _, en := range due {
		switch {
		case !en.isHeld(): // what was done with another has let it go
		case en.isLate:
			e.endLate(en, now)
		default:
			e.close(en, now)
		}
	}
	e.releaseIdle()
	return jobs
}

// completionOf says why a due run is summarised.
func (e *Engine) completionOf(en *entry, now time.Time) run.Completion {
	switch {
	case en.rootSeen && !now.Before(en.touched.Add(e.config.QuietPeriod)):
		return run.RootEnded
	case !en.rootSeen && !now.Before(en.touched.Add(e.config.IdleTimeout)):
		return run.Idle
	default:
		return run.MaxDuration
	}
}

// close leaves a run that is summarised open, held or forgotten.
func (e *Engine) close(en *entry, now time.Time) {
	en.settled()
	as := e.completionOf(en, now)
	if as == run.MaxDuration { // it stays open, and is revisited
		en.revisitAt = now.Add(e.config.MaxDuration)
		e.deadlines.set(&en.timer, e.dueAt(en))
		return
	}
	e.hold(en, as, now, &e.aside)
}

// endLate ends a late window. A run is held on for as long as another run of
// one of its traces is: that one may repeat its calls, or those of a third that
// this one joins it to. So it is while spans wait that may be its own.
func (e *Engine) endLate(en *entry, now time.Time) {
	if until := later(e.heldBeside(en, now), e.straysUntil(en)); until.After(now) {
		e.deadlines.set(&en.timer, until)
		return
	}
	e.missed(en)
	e.end(en, en.toldAs)
	e.drop(en)
}

// takeAll empties the engine of runs. Their tenants stay until their events are told.
func (e *Engine) takeAll(now time.Time) []job {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.strays.byQuiet.Len() > 0 {
		e.decide(e.strays.byQuiet.Front().Value.(*strayTrace), now, &e.aside)
	}
	jobs := e.takeEvicted()         // after the strays, which may evict
	e.outbox.allow(e.config.Memory) // nothing else will be held
	var all []*entry
	for el := e.tenants.byQuiet.Front(); el != nil; el = el.Next() {
		t := el.Value.(*tenant)
		// First the jobs, then the end: each may look at the others beside it.
		for r := t.open.Front(); r != nil; r = r.Next() {
			r.Value.(*entry).busy++
			jobs = append(jobs, e.jobOf(r.Value.(*entry), run.Shutdown))
		}
		for _, en := range t.runs {
			all = append(all, en)
		}
	}
	for _, en := range all {
		e.drop(en)
	}
	return jobs
}

// summarise makes the summaries of jobs, leaves out those that say nothing
// new, and puts the rest into the outbox. The caller holds e.summarising.
func (e *Engine) summarise(jobs []job, now time.Time) {
	letters := make([]letterTo, 0, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		s := e.summaryOf(j)
		if last := j.entry.told; last != nil && !s.Revise(last) {
			if again := e.summaryOf(j); j.entry.unsure && asTold(again, last, j.entry.before) {
				j.again = true
				letters = append(letters, letterTo{j.entry.tenant, Summary{Run: again}, true})
			}
			continue
		}
		told := s.Told()
		j.told = &told
		if e.config.Events {
			j.member = event.Of(s)
		}
		letters = append(letters, letterTo{tenant: j.entry.tenant, summary: Summary{Run: s}})
	}
	e.remember(jobs, now)
	e.send(letters)
}

// summaryOf is the summary of a job, as if none had been told before.
func (e *Engine) summaryOf(j *job) *run.Summary {
	o := e.config.Summary
	o.Caveats = j.caveats
	s := run.Summarize(j.run, j.completion, o, j.beside...)
	j.completion = s.Completion
	if s.Start == 0 { // no span of it has a usable time
		s.Start, s.End = j.began.UnixNano(), j.began.UnixNano()
	}
	s.Tenant, s.RunID, s.Part = j.entry.tenant.key, j.entry.id, j.entry.part
	return &s
}

// letterTo is a summary and the tenant whose it is.
type letterTo struct {
	tenant  *tenant
	summary Summary
	again   bool // it was told before, maybe by another process
}

// send puts summaries into the outbox. What they tell of survives the process
// by then, or nothing does.
func (e *Engine) send(letters []letterTo) {
	if e.log != nil && len(letters) > 0 {
		e.mu.Lock()
		entry := e.log.pending()
		e.mu.Unlock()
		_ = e.log.wait(context.Background(), entry) // that the storage fails is told elsewhere
	}
	for i := range letters {
		e.outbox.put(letters[i].tenant, letters[i].summary, letters[i].again)
	}
}

// remember keeps what was told, for the revisions and for the event.
func (e *Engine) remember(jobs []job, now time.Time) {
	unsent := e.outbox.size()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.noneTold = false
	e.yield(unsent, now, &e.aside)
	for i := range jobs {
		j := &jobs[i]
		j.entry.busy--
		j.entry.unsure = false
		e.held.evictedBytes -= j.bytes
		if j.again {
			e.outbox.expect(j.entry.part)
			continue
		}
		if j.told == nil {
			e.settle(j.entry.part)
			e.release(j.entry)
			continue
		}
		if e.log != nil {
			j.entry.before, j.entry.toldAs = j.entry.told, j.completion
			j.entry.owed = append(j.entry.owed, &owed{
				told: j.told, before: j.entry.told, as: j.completion, run: j.run, caveats: j.own,
			})
			e.outbox.expect(j.entry.part)
			if w := e.rec(); w != nil {
				w.Told(j.entry.part, j.completion, j.told)
				if j.entry.isHeld() && !j.entry.isLate { // reopened while the summary was made, or open all along
					w.Reopened(j.entry.part, j.told.Revision, j.run.Len())
				}
			}
		}
		j.entry.told = j.told
		e.measureRun(j.entry)
		if e.config.Events {
			e.putIntoEvent(j.entry, &j.member, now, &e.aside)
		}
	}
	e.spreadAll(now, &e.aside)
	e.shrink(now, &e.aside)
	e.releaseIdle()
	if len(e.evicted) > 0 {
		e.awake()
	}
}

// account tells what became of spans aside from any batch, and what those cost
// that belong to no run.
func (e *Engine) account(ctx context.Context) {
	e.mu.Lock()
	tally, list := e.aside, e.lost
	e.aside, e.lost = Tally{}, nil
	e.mu.Unlock()
	for i := range list {
		bill := run.Summarize(list[i].run, run.Idle, run.Options{Prefer: e.config.Summary.Prefer}, list[i].beside...).Cost
		tally.Lost.Calls += bill.Calls
		tally.Lost.Unpriced += bill.Unpriced
		if sum, err := tally.Lost.Cost.Add(bill.Total); err == nil {
			tally.Lost.Cost = sum
		}
	}
	if tally != (Tally{}) {
		e.tell(ctx, tally)
	}
}
