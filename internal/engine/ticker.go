package engine

import (
	"context"
	"time"
)

// Start begins to hand out summaries. The context that the Collector starts
// components with ends when they have started, so the work has one of its own.
func (e *Engine) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	e.stop = cancel
	e.done.Go(func() { e.loop(ctx) })
	e.done.Go(func() { e.outbox.loop(ctx) })
}

// Bounds on how often, and how seldom, the engine looks for due runs.
const (
	tickLeast = 10 * time.Millisecond
	tickMost  = time.Second
)

func (e *Engine) loop(ctx context.Context) {
	// A run is summarised up to a tick late; a tenth of the shortest wait is not felt.
	tick := min(e.config.QuietPeriod, e.config.IdleTimeout, e.config.MaxDuration) / 10
	ticker := time.NewTicker(min(max(tick, tickLeast), tickMost))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			e.summariseDue(ctx, now)
		case <-e.wake:
			e.summariseDue(ctx, time.Now())
		}
	}
}

// patience is how long the end waits for a next component that hangs: less
// than what those who stop processes wait before they kill.
const patience = 15 * time.Second

// Shutdown ends the goroutines, waits for them, and summarises every run that
// has not been told of as it is. It may be called without Start, and twice.
func (e *Engine) Shutdown(ctx context.Context) error {
	if e.stop != nil {
		e.stop()
		e.done.Wait()
	}
	now := time.Now()
	e.summarising.Lock()
	e.summarise(e.takeAll(now), now)
	e.summariseEvents(e.takeAllEvents(), now)
	e.account(ctx)
	e.summarising.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e.outbox.flush(ctx)
	return e.outbox.failure()
}
