package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// Emit hands summaries of one tenant to the next component, with the tenant's
// metadata. It may take fewer than it is given, at least one, and says how
// many; the error is about those.
type Emit func(ctx context.Context, metadata [][]string, summaries []Summary) (int, error)

// Summary is one of a run or of an event.
type Summary struct {
	Run   *run.Summary // either
	Event *event.Summary
}

// same reports whether both are of the same part.
func (s Summary) same(o Summary) bool {
	if s.Run != nil {
		return o.Run != nil && s.Run.Part == o.Run.Part && s.Run.RunID == o.Run.RunID
	}
	return o.Event != nil && s.Event.Part == o.Event.Part
}

func (s Summary) part() uint64 {
	if s.Run != nil {
		return s.Run.Part
	}
	return s.Event.Part
}

func (s Summary) revision() int {
	if s.Run != nil {
		return s.Run.Revision
	}
	return s.Event.Revision
}

func (s Summary) bytes() int {
	if s.Run != nil {
		return s.Run.Bytes()
	}
	return s.Event.Bytes()
}

// absorb makes s stand for itself and for the revision before it.
func (s Summary) absorb(old Summary) {
	if s.Run != nil {
		s.Run.Absorb(old.Run)
	} else {
		s.Event.Absorb(old.Event)
	}
}

const (
	outboxBatch = 200    // summaries handed over at once
	outboxLimit = 20_000 // summaries kept while downstream refuses

	backoffLeast = time.Second
	backoffMost  = time.Minute
)

// outbox holds summaries until the next component has taken them. What one
// tenant's are refused for, or hang in, does not keep another's waiting.
type outbox struct {
	emit  Emit
	taken func([]letterTo) // of parts of which nothing waits any more, the last that did
	rung  chan struct{}    // holds one token: there is something new to send

	mu       sync.Mutex // guards everything declared below; never held over a call of emit
	queues   []*queue   // that hold something, in the order in which they first did
	byTenant map[*tenant]*queue
	busy     int            // queues that are being handed over, each by a goroutine of its own
	idle     chan struct{}  // closed when none is any more; nil where nobody waits for that
	unsent   map[uint64]int // by part: summaries that wait, or are about to
	freed    []letterTo     // the last of parts that left unsent since taken was told
	whole    bool           // none takes another's place: each may be made again after a restart
	pending  int
	bytes    int
	limit    int   // of bytes, about
	rejected int64 // given up: refused for good, or pushed out by newer ones
}

// senders is how many tenants' summaries are handed over at once.
const senders = 8

// queue is what waits of one tenant.
type queue struct {
	tenant  *tenant
	waiting []letter
	busy    bool

	offer   int // how many to offer at once; 0 stands for outboxBatch
	backoff time.Duration
	retryAt time.Time
	err     error // of the last attempt
}

// letter is a summary that waits.
type letter struct {
	summary Summary
	bytes   int
	offered bool // the next component has seen it, whatever it said
}

func newOutbox(emit Emit, taken func([]letterTo)) *outbox {
	return &outbox{emit: emit, taken: taken, rung: make(chan struct{}, 1), byTenant: map[*tenant]*queue{}, unsent: map[uint64]int{}}
}

// keepWhole has every summary handed over by itself.
func (o *outbox) keepWhole() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.whole = true
}

// expect announces a summary of a part, which is then put.
func (o *outbox) expect(part uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unsent[part]++
}

// waits reports whether a summary of a part waits to be taken. It is kept only
// of parts that were announced.
func (o *outbox) waits(part uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.unsent[part] > 0
}

// count is how many summaries wait.
func (o *outbox) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pending
}

// tell says which parts have nothing that waits any more. It is called without
// o.mu.
func (o *outbox) tell() {
	o.mu.Lock()
	freed := o.freed
	o.freed = nil
	o.mu.Unlock()
	o.taken(freed)
}

// allow sets about how many bytes may wait.
func (o *outbox) allow(limit int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.limit = limit
}

// size is about how many bytes wait.
func (o *outbox) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes
}

// put adds a summary. It takes the place of an earlier one of the same part
// that has not been offered yet; one that has may have arrived whatever became
// of the offer, so that stays, and the newer one follows it. One that is told
// again after a restart may have been offered by the process before. Over the limits
// what waits longest is given up, of the tenant of which most waits.
func (o *outbox) put(t *tenant, s Summary, again bool) {
	defer o.tell()
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.byTenant[t]
	if q == nil {
		q = &queue{tenant: t}
		o.byTenant[t] = q
		o.queues = append(o.queues, q)
	}
	if !again && !o.whole && s.revision() > 1 { // the first is never left out: consumers count by it
		for i := len(q.waiting) - 1; i >= 0; i-- {
			if old := &q.waiting[i]; old.summary.same(s) && !old.offered && old.summary.revision() > 0 {
				s.absorb(old.summary)
				o.remove(q, i, i+1)
				break
			}
		}
	}
	l := letter{summary: s, bytes: s.bytes(), offered: again}
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
		part := q.waiting[i].summary.part()
		switch n := o.unsent[part]; {
		case n > 1:
			o.unsent[part] = n - 1
		case n == 1:
			delete(o.unsent, part)
			o.freed = append(o.freed, letterTo{tenant: q.tenant, summary: q.waiting[i].summary})
		}
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
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
		case <-o.rung:
		}
		if next := o.dispatch(ctx, time.Now()); !next.IsZero() {
			retry.Reset(max(0, time.Until(next)))
		}
	}
}

// dispatch begins to hand over every queue that is due, as far as there are
// senders; one that is done rings for the others. It gives the time when the
// next of those that are not due is; zero where there is none.
func (o *outbox) dispatch(ctx context.Context, now time.Time) (next time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, q := range o.queues {
		switch {
		case q.busy:
		case q.err != nil && now.Before(q.retryAt):
			if next.IsZero() || q.retryAt.Before(next) {
				next = q.retryAt
			}
		case o.busy < senders:
			q.busy = true
			o.busy++
			go o.drain(ctx, q)
		}
	}
	return next
}

// drain hands over what waits in a queue, until it is empty or refused. What
// is refused for now stays and is tried again, later each time. What is refused
// for good is offered in ever smaller batches until the culprit is alone; that
// one is given up and counted.
func (o *outbox) drain(ctx context.Context, q *queue) {
	for ctx.Err() == nil {
		batch := o.batch(q, time.Now())
		if len(batch) == 0 {
			break
		}
		taken, err := o.emit(ctx, q.tenant.metadata, batch)
		o.settle(q, batch[:taken], err, time.Now())
		o.tell()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	q.busy = false
	if o.busy--; o.busy == 0 && o.idle != nil {
		close(o.idle)
		o.idle = nil
	}
	if len(q.waiting) == 0 {
		delete(o.byTenant, q.tenant)
		o.queues = slices.DeleteFunc(o.queues, func(other *queue) bool { return other == q })
	}
	o.ring()
}

// wait waits until nothing is being handed over, or ctx ends: the next component
// may not care for the context that it is called with.
func (o *outbox) wait(ctx context.Context) {
	o.mu.Lock()
	if o.busy > 0 && o.idle == nil {
		o.idle = make(chan struct{})
	}
	idle := o.idle
	o.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// flush hands over everything, where nobody else does, and tries again what is
// refused for as long as ctx lasts: there is no later chance.
func (o *outbox) flush(ctx context.Context) {
	for ctx.Err() == nil {
		o.hurry()
		for o.dispatch(ctx, time.Now()); ctx.Err() == nil && o.isDue(); o.dispatch(ctx, time.Now()) {
			o.wait(ctx)
		}
		o.wait(ctx)
		if o.isEmpty() {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(backoffLeast):
		}
	}
}

// isDue reports whether there is a queue that nobody hands over or has refused.
func (o *outbox) isDue() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	return slices.ContainsFunc(o.queues, func(q *queue) bool { return len(q.waiting) > 0 && (q.err == nil || !now.Before(q.retryAt)) })
}

func (o *outbox) isEmpty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pending == 0
}

// batch is what to offer next of a queue; nothing where it is not due.
func (o *outbox) batch(q *queue, now time.Time) []Summary {
	o.mu.Lock()
	defer o.mu.Unlock()
	if q.err != nil && now.Before(q.retryAt) {
		return nil
	}
	if q.offer == 0 {
		q.offer = outboxBatch
	}
	letters := q.waiting[:min(len(q.waiting), q.offer)]
	batch := make([]Summary, len(letters))
	for i := range letters {
		letters[i].offered = true
		batch[i] = letters[i].summary
	}
	return batch
}

// settle does what the next component's answer asks for.
func (o *outbox) settle(q *queue, offered []Summary, err error, now time.Time) {
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
	last := offered[len(offered)-1]
	for i := range q.waiting[:min(len(q.waiting), len(offered))] {
		if s := q.waiting[i].summary; s.same(last) && s.revision() == last.revision() {
			o.remove(q, 0, i+1)
			return
		}
	}
}

// hurry makes everything due at once.
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
