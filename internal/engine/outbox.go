package engine

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/runrollup/runrollupprocessor/internal/run"
)

const (
	outboxBatch = 200    // summaries handed over at once
	outboxLimit = 20_000 // summaries kept while downstream refuses

	backoffLeast = time.Second
	backoffMost  = time.Minute
)

// outbox holds summaries until the next component has taken them. Its counts
// may be read by anyone; the rest belongs to whoever summarises.
type outbox struct {
	waiting  []run.Summary
	pending  atomic.Int64 // len(waiting) after the last flush
	rejected atomic.Int64 // summaries given up: refused for good, or pushed out by newer ones

	offer   int // how many to offer at once; 0 stands for outboxBatch
	backoff time.Duration
	retryAt time.Time
	err     error // of the last attempt
}

// put adds a summary. Over the limit the one that waits longest is given up.
func (o *outbox) put(s run.Summary) {
	if len(o.waiting) >= outboxLimit {
		o.waiting = o.waiting[1:]
		o.rejected.Add(1)
	}
	o.waiting = append(o.waiting, s)
}

// flush hands over what waits. What is refused for now stays and is tried
// again, later each time. What is refused for good is offered in ever smaller
// batches until the culprit is alone; that one is given up and counted.
func (o *outbox) flush(ctx context.Context, emit Emit, now time.Time) {
	defer func() { o.pending.Store(int64(len(o.waiting))) }()
	if o.err != nil && now.Before(o.retryAt) {
		return
	}
	for len(o.waiting) > 0 {
		if o.offer == 0 {
			o.offer = outboxBatch
		}
		var taken int
		taken, o.err = emit(ctx, o.waiting[:min(len(o.waiting), o.offer)])
		switch {
		case o.err == nil:
			o.backoff = 0
			o.offer = min(2*o.offer, outboxBatch)
		case consumererror.IsPermanent(o.err) && taken > 1:
			o.offer = taken / 2
			continue
		case consumererror.IsPermanent(o.err):
			o.rejected.Add(1)
			o.offer = outboxBatch
		default:
			o.backoff = min(max(2*o.backoff, backoffLeast), backoffMost)
			o.retryAt = now.Add(o.backoff)
			return
		}
		o.waiting = o.waiting[taken:]
	}
	o.waiting = nil
	o.err = nil
}

// hurry makes the next flush try at once.
func (o *outbox) hurry() { o.retryAt = time.Time{} }

// failure says what could not be handed over, for whoever has no later chance.
func (o *outbox) failure() error {
	if len(o.waiting) == 0 {
		return nil
	}
	return errors.Join(errors.New("run summaries were not taken by the next component before shutdown"), o.err)
}
