package engine

import (
	"context"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// job is a summary to be made.
type job struct {
	entry      *entry
	run        run.Run   // snapshot
	beside     []run.Run // snapshots of other runs in its traces
	completion run.Completion
	caveats    billing.Caveats
	touched    time.Time
	bytes      int       // of an evicted run
	told       *run.Told // of the summary, once it is made
}

// jobOf is the job to summarise a run as it is now.
func (e *Engine) jobOf(en *entry, completion run.Completion) job {
	j := job{entry: en, run: en.run.Snapshot(), completion: completion, caveats: en.caveats, touched: en.touched}
	beside, caveats := e.beside(en)
	j.beside = beside
	j.caveats |= caveats
	return j
}

// summariseDue makes the summaries that are due by now.
func (e *Engine) summariseDue(ctx context.Context, now time.Time) {
	e.summarising.Lock()
	defer e.summarising.Unlock()
	e.summarise(ctx, e.take(now))
}

// take collects what is due by now: summaries to make, and windows to end.
func (e *Engine) take(now time.Time) []job {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.decideDue(now, &e.aside)
	jobs := e.takeEvicted()
	e.outbox.allow(e.room())
	for {
		en := e.deadlines.popDue(now)
		switch {
		case en == nil:
			e.releaseIdle()
			return jobs
		case en.isLate:
			e.drop(en)
		default:
			jobs = append(jobs, e.close(en, now))
		}
	}
}

// close makes a due run a job, and leaves the run open, held or forgotten.
func (e *Engine) close(en *entry, now time.Time) job {
	j := e.jobOf(en, run.MaxDuration)
	switch {
	case en.rootSeen && !now.Before(en.touched.Add(e.config.QuietPeriod)):
		j.completion = run.RootEnded
	case !en.rootSeen && !now.Before(en.touched.Add(e.config.IdleTimeout)):
		j.completion = run.Idle
	default: // open for max_duration: it stays open, and is revisited
		en.revisitAt = now.Add(e.config.MaxDuration)
		e.deadlines.set(en, e.dueAt(en))
		return j
	}
	e.hold(en, now, &e.aside)
	return j
}

// takeAll empties the engine.
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
			jobs = append(jobs, e.jobOf(r.Value.(*entry), run.Shutdown))
		}
		for _, en := range t.runs {
			all = append(all, en)
		}
	}
	for _, en := range all {
		e.drop(en)
	}
	e.releaseIdle()
	return jobs
}

// summarise makes the summaries of jobs, leaves out those that say nothing
// new, and puts the rest into the outbox. The caller holds e.summarising.
func (e *Engine) summarise(ctx context.Context, jobs []job) {
	for i := range jobs {
		j := &jobs[i]
		o := e.config.Summary
		o.Caveats = j.caveats
		s := run.Summarize(j.run, j.completion, o, j.beside...)
		if s.Start == 0 { // no span of it has a usable time
			s.Start, s.End = j.touched.UnixNano(), j.touched.UnixNano()
		}
		s.Tenant, s.RunID, s.Part = j.entry.tenant.key, j.entry.id, j.entry.part
		if last := j.entry.told; last != nil && !s.Revise(last) {
			continue
		}
		told := s.Told()
		j.told = &told
		e.outbox.put(j.entry.tenant, &s)
	}
	e.remember(jobs)
	e.outbox.ring()
	e.account(ctx)
}

// remember keeps what was told, for the revisions.
func (e *Engine) remember(jobs []job) {
	unsent := e.outbox.size()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.yield(unsent, &e.aside)
	for i := range jobs {
		if j := &jobs[i]; j.told != nil {
			j.entry.told = j.told
			if j.entry.isHeld() {
				e.measure(j.entry)
			}
		}
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
