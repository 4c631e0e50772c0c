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
	if e.log != nil {
		// It ends after those who wait for what it writes.
		ctx, cancel := context.WithCancel(context.Background())
		e.stopLog = cancel
		e.logDone.Go(func() { e.logLoop(ctx) })
	}
	if len(e.again) > 0 {
		e.done.Go(func() { e.againLoop(ctx) })
	}
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

// Shutdown ends the goroutines, waits for them, but no longer than patience for
// one that the next component does not let go, and summarises every run that
// has not been told of as it is; with storage, open runs wait there for the
// restart. It may be called without Start, and twice.
func (e *Engine) Shutdown(ctx context.Context) error {
	e.halt()
	if e.rested { // by now the storage may be closed, which says nothing of it
		return nil
	}
	if e.log != nil && e.rest(ctx) {
		e.rested = true
		return nil
	}
	now := time.Now()
	e.summarising.Lock()
	e.summarise(e.takeAll(now), now)
	e.summariseEvents(e.takeAllEvents(), now)
	e.account(ctx)
	e.summarising.Unlock()
	e.offerAll(ctx)
	return e.outbox.failure()
}

// halt ends the goroutines and waits for them, but for those that hand summaries
// over.
func (e *Engine) halt() {
	if e.stop != nil {
		e.stop()
		e.done.Wait()
	}
	if e.stopLog != nil {
		e.stopLog()
		e.logDone.Wait()
	}
}

// offerAll hands over what waits, for as long as patience lasts.
func (e *Engine) offerAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e.outbox.flush(ctx)
}

// rest writes down what has not been, and, where nothing is left to be told,
// that all ended in good order. It reports false where the storage fails: then
// what is held is told as without one, lest nobody ever is.
func (e *Engine) rest(ctx context.Context) bool {
	e.offerAll(ctx)
	e.mu.Lock()
	if w := e.rec(); w != nil && len(e.evicted)+len(e.letGo)+len(e.lost)+len(e.again) == 0 && e.outbox.isEmpty() {
		w.Clean()
	}
	e.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	if e.log.isFailing() != nil {
		e.snapshot(ctx)
	} else {
		e.appendLog(ctx)
	}
	return e.log.isFailing() == nil
}
