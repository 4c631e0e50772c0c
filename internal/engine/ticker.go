package engine

import (
	"context"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/run"
)

// Start begins to hand out summaries. The context that the Collector starts
// components with ends when they have started, so the work has one of its own.
func (e *Engine) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	e.stop = cancel
	e.done = make(chan struct{})
	go e.loop(ctx)
}

// tickLimit bounds how often, and how seldom, the engine looks for due runs.
const (
	tickLeast = 10 * time.Millisecond
	tickMost  = time.Second
)

func (e *Engine) loop(ctx context.Context) {
	defer close(e.done)
	// A run is summarised up to a tick late; a tenth of the shortest wait is not felt.
	tick := min(e.config.QuietPeriod, e.config.IdleTimeout, e.config.MaxDuration) / 10
	ticker := time.NewTicker(min(max(tick, tickLeast), tickMost))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			e.summarise(ctx, e.take(now), now)
		case <-e.wake:
			now := time.Now()
			e.summarise(ctx, e.take(now), now)
		}
	}
}

// Shutdown ends the ticker, waits for it, and summarises every run that has
// not been told of as it is. It may be called without Start, and twice.
func (e *Engine) Shutdown(ctx context.Context) error {
	if e.stop != nil {
		e.stop()
		<-e.done
	}
	e.outbox.hurry()
	now := time.Now()
	e.summarise(ctx, e.takeAll(now), now)
	return e.outbox.failure()
}

// takeAll empties the engine.
func (e *Engine) takeAll(now time.Time) []job {
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.strays.byQuiet.Len() > 0 {
		e.decide(e.strays.byQuiet.Front().Value.(*strayTrace), now, &e.aside)
	}
	jobs := e.evicted // after the strays, which may evict
	e.evicted = nil
	// First the jobs, then the end: each may look at the others beside it.
	for el := e.open.Front(); el != nil; el = el.Next() {
		jobs = append(jobs, e.jobOf(el.Value.(*entry), run.Shutdown))
	}
	for _, en := range e.runs {
		e.drop(en)
	}
	return jobs
}

// summarise makes the summaries of jobs, leaves out those that say nothing
// new, and sends the rest.
func (e *Engine) summarise(ctx context.Context, jobs []job, now time.Time) {
	for i := range jobs {
		j := &jobs[i]
		o := e.config.Summary
		o.Caveats = j.caveats
		s := run.Summarize(j.run, j.completion, o, j.beside...)
		if s.Start == 0 { // no span of it has a usable time
			s.Start, s.End = j.touched.UnixNano(), j.touched.UnixNano()
		}
		s.RunID, s.Part = j.entry.id, j.entry.part
		if last := j.entry.last; last != nil {
			s.Revise(last)
			if s.Restates(last) {
				continue
			}
		}
		j.entry.last = &s
		e.outbox.put(s)
	}
	e.outbox.flush(ctx, e.emit, now)
	e.account(ctx)
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
