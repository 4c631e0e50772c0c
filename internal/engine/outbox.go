package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/runrollup/runrollupprocessor/internal/run"
)

// Emit hands summaries of one tenant to the next component, with the tenant's
// metadata. It may take fewer than it is given, at least one, and says how
// many; the error is about those.
type Emit func(ctx context.Context, metadata [][]string, summaries []run.Summary) (int, error)

const (
	outboxBatch = 200    // summaries handed over at once
	outboxLimit = 20_000 // summaries kept while downstream refuses

	backoffLeast = time.Second
	backoffMost  = time.Minute
)

// outbox holds summaries until the next component has taken them. What one
// tenant's are refused for does not keep another's waiting.
type outbox struct {
	emit  Emit
	limit int           // bytes, about
	rung  chan struct{} // holds one token: there is something new to send

	// sending is held by whoever hands summaries over; it is taken before mu.
	sending sync.Mutex

	mu       sync.Mutex // guards everything declared below; never held over a call of emit
	queues   []*queue   // that hold something, in the order in which they first did
	byTenant map[*tenant]*queue
	pending  int
	bytes    int
	rejected int64 // given up: refused for good, or pushed out by newer ones
}

// queue is what waits of one tenant.
type queue struct {
	tenant  *tenant
	waiting []letter

	offer   int // how many to offer at once; 0 stands for outboxBatch
	backoff time.Duration
	retryAt time.Time
	err     error // of the last attempt
}

// letter is a summary that waits.
type letter struct {
	summary run.Summary
	bytes   int
	offered bool // the next component has seen it, whatever it said
}

func newOutbox(emit Emit, limit int) *outbox {
	return &outbox{emit: emit, limit: limit, rung: make(chan struct{}, 1), byTenant: map[*tenant]*queue{}}
}

// put adds a summary. It takes the place of an earlier one of the same part
// that has not been offered yet; one that has may have arrived whatever became
// of the offer, so that stays, and the newer one follows it. Over the limits
// what waits longest is given up, of the tenant of which most waits.
func (o *outbox) put(t *tenant, s *run.Summary) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.byTenant[t]
	if q == nil {
		q = &queue{tenant: t}
		o.byTenant[t] = q
		o.queues = append(o.queues, q)
	}
	if s.Revision > 1 { // the first is never left out: consumers count by it
		for i := len(q.waiting) - 1; i >= 0; i-- {
			if old := &q.waiting[i]; old.summary.Part == s.Part && old.summary.RunID == s.RunID && !old.offered && old.summary.Revision > 0 {
				s.Absorb(&old.summary)
				o.remove(q, i, i+1)
				break
			}
		}
	}
	l := letter{summary: *s, bytes: s.Bytes()}
	q.waiting = append(q.waiting, l)
	o.pending++
	o.bytes += l.bytes
	for o.pending > outboxLimit || o.bytes > o.limit && o.pending > 1 {
		most := slices.MaxFunc(o.queues, func(a, b *queue) int { return cmp.Compare(len(a.waiting), len(b.waiting)) })
		o.remove(most, 0, 1)
		o.rejected++
	}
}

// remove takes letters out of a queue.
func (o *outbox) remove(q *queue, from, to int) {
	for i := from; i < to; i++ {
		o.bytes -= q.waiting[i].bytes
	}
	o.pending -= to - from
	if from == 0 {
		clear(q.waiting[:to])
		q.waiting = q.waiting[to:]
	} else {
		q.waiting = slices.Delete(q.waiting, from, to)
	}
}

// ring tells the sending goroutine that there may be something to send.
func (o *outbox) ring() {
	select {
	case o.rung <- struct{}{}:
	default:
	}
}

// loop sends what comes, and again what was refused.
func (o *outbox) loop(ctx context.Context) {
	retry := time.NewTimer(backoffMost)
	defer retry.Stop()
	for {
		now := time.Now()
		select {
		case <-ctx.Done():
			return
		case now = <-retry.C:
		case <-o.rung:
			now = time.Now()
		}
		o.flush(ctx, now)
		if at, ok := o.nextRetry(); ok {
			retry.Reset(max(0, time.Until(at)))
		}
	}
}

// nextRetry is when the first of the refused queues is to be tried again.
func (o *outbox) nextRetry() (time.Time, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var next time.Time
	for _, q := range o.queues {
		if len(q.waiting) > 0 && (next.IsZero() || q.retryAt.Before(next)) {
			next = q.retryAt
		}
	}
	return next, !next.IsZero()
}

// flush hands over what waits and is due. What is refused for now stays and is
// tried again, later each time. What is refused for good is offered in ever
// smaller batches until the culprit is alone; that one is given up and counted.
func (o *outbox) flush(ctx context.Context, now time.Time) {
	o.sending.Lock()
	defer o.sending.Unlock()
	o.mu.Lock()
	queues := slices.Clone(o.queues)
	o.mu.Unlock()
	for _, q := range queues {
		for ctx.Err() == nil {
			batch := o.batch(q, now)
			if len(batch) == 0 {
				break
			}
			taken, err := o.emit(ctx, q.tenant.metadata, batch)
			o.settle(q, batch[:taken], err, now)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queues = slices.DeleteFunc(o.queues, func(q *queue) bool {
		if len(q.waiting) > 0 {
			return false
		}
		delete(o.byTenant, q.tenant)
		return true
	})
}

// batch is what to offer next of a queue; nothing where it is not due.
func (o *outbox) batch(q *queue, now time.Time) []run.Summary {
	o.mu.Lock()
	defer o.mu.Unlock()
	if q.err != nil && now.Before(q.retryAt) {
		return nil
	}
	if q.offer == 0 {
		q.offer = outboxBatch
	}
	letters := q.waiting[:min(len(q.waiting), q.offer)]
	batch := make([]run.Summary, len(letters))
	for i := range letters {
		letters[i].offered = true
		batch[i] = letters[i].summary
	}
	return batch
}

// settle does what the next component's answer asks for.
func (o *outbox) settle(q *queue, offered []run.Summary, err error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil:
		q.backoff, q.err = 0, nil
		q.offer = min(2*q.offer, outboxBatch)
	case consumererror.IsPermanent(err) && len(offered) > 1:
		q.offer = len(offered) / 2
		return
	case consumererror.IsPermanent(err):
		o.rejected++
		q.err = nil
		q.offer = outboxBatch
	default:
		q.err = err
		q.backoff = min(max(2*q.backoff, backoffLeast), backoffMost)
		q.retryAt = now.Add(q.backoff)
		return
	}
	// Meanwhile the first of them may have been given up for newer ones.
	last := &offered[len(offered)-1]
	for i := range q.waiting[:min(len(q.waiting), len(offered))] {
		if s := &q.waiting[i].summary; s.Part == last.Part && s.Revision == last.Revision && s.RunID == last.RunID {
			o.remove(q, 0, i+1)
			return
		}
	}
}

// hurry makes the next flush try everything at once.
func (o *outbox) hurry() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, q := range o.queues {
		q.retryAt = time.Time{}
	}
}

// failure says what could not be handed over, for whoever has no later chance.
func (o *outbox) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending == 0 {
		return nil
	}
	errs := []error{errors.New("run summaries were not taken by the next component before shutdown")}
	for _, q := range o.queues {
		if len(q.waiting) > 0 && !slices.ContainsFunc(errs, func(err error) bool { return q.err == nil || err.Error() == q.err.Error() }) {
			errs = append(errs, q.err)
		}
	}
	return errors.Join(errs...)
}
