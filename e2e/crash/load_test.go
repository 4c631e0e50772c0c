package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// run is a run whose truth is known.
type run struct {
	*synthetic.Run
	status string
	failed bool // itself, or the run that it is nested in
}

// event is one business transaction: attempts, and runs nested in them.
type event struct {
	key      eventKey
	runs     []*run
	attempts int64
	status   string // of the last attempt
}

// fragment is spans that are sent together, and when. Its spans are one or
// two: how many come in one request is the sender's matter.
type fragment struct {
	td  ptrace.Traces
	due time.Time
}

// makeEvent makes an event and all the spans of its runs, in no order.
func makeEvent(id string, rng *rand.Rand) (*event, []fragment) {
	e := &event{key: eventKey{fmt.Sprint("customer-", rng.IntN(50)), id}, attempts: 1 + rng.Int64N(3)}
	var all []ptrace.Traces
	before := ""
	for n := int64(1); n <= e.attempts; n++ {
		r := &run{Run: synthetic.New(fmt.Sprintf("%s-%d", id, n), rng), status: "failed", failed: true}
		if n == e.attempts {
			r.status = []string{"success", "success", "success", "partial", "timeout"}[rng.IntN(5)]
			r.failed = r.status == "timeout"
			e.status = r.status
		}
		root := r.Root()
		set(root, func(span ptrace.Span) {
			span.Attributes().PutInt(botanu.Attempt, n)
			if before != "" {
				span.Attributes().PutStr(botanu.RetryOf, before)
			}
		})
		all = append(all, e.add(r, root, rng)...)
		if rng.IntN(3) == 0 {
			all = append(all, e.nested(r, root, rng)...)
		}
		before = r.ID
	}
	now := time.Now()
	fragments := make([]fragment, len(all))
	for i, td := range all {
		fragments[i] = fragment{td, now.Add(delay(rng))}
		if rng.IntN(10) == 0 { // delivered twice
			fragments = append(fragments, fragment{td, now.Add(delay(rng))})
		}
	}
	return e, fragments
}

// delay is when a span is sent. Most of a run come before it is summarised for
// the first time, some come late, within the late window of any such time.
func delay(rng *rand.Rand) time.Duration {
	most := 200 * time.Millisecond
	switch n := rng.IntN(20); {
	case n < 2:
		most = 4 * time.Second
	case n < 8:
		most = 1500 * time.Millisecond
	}
	return time.Duration(rng.Int64N(int64(most)))
}

// nested makes a run within another: in a trace of its own, as behind a queue,
// or in the same.
func (e *event) nested(parent *run, parentRoot ptrace.Traces, rng *rand.Rand) []ptrace.Traces {
	r := &run{Run: synthetic.New(parent.ID+"-in", rng), status: "success", failed: parent.failed}
	root := r.Root()
	set(root, func(span ptrace.Span) { span.Attributes().PutStr(botanu.ParentRun, parent.ID) })
	all := e.add(r, root, rng)
	if rng.IntN(2) == 0 {
		return all
	}
	for above := range replay.Spans(parentRoot) {
		set(root, func(span ptrace.Span) { span.SetParentSpanID(above.SpanID()) })
		for span := range replay.Spans(all...) {
			span.SetTraceID(above.TraceID())
		}
	}
	return all
}

// add makes the spans of a run, and of them one of the event's.
func (e *event) add(r *run, root ptrace.Traces, rng *rand.Rand) []ptrace.Traces {
	e.runs = append(e.runs, r)
	set(root, func(span ptrace.Span) { span.Attributes().PutStr(botanu.OutcomeStatus, r.status) })
	all := []ptrace.Traces{root}
	for range 1 + rng.IntN(4) {
		all = append(all, r.Call())
	}
	for range rng.IntN(3) {
		both := r.Inherited()
		if rng.IntN(2) == 0 {
			all = append(all, both)
			continue
		}
		for _, rs := range both.ResourceSpans().All() { // the span that names its run may come after the one that inherits it
			one := ptrace.NewTraces()
			rs.CopyTo(one.ResourceSpans().AppendEmpty())
			all = append(all, one)
		}
	}
	for span := range replay.Spans(all...) {
		if _, named := span.Attributes().Get(botanu.RunID); named {
			a := span.Attributes()
			a.PutStr(botanu.EventID, e.key.event)
			a.PutStr(botanu.Customer, e.key.customer)
			a.PutStr(botanu.Workflow, "crash")
		}
	}
	return all
}

func set(td ptrace.Traces, change func(ptrace.Span)) {
	for span := range replay.Spans(td) {
		change(span)
	}
}

// workers are how many requests are on their way at once; pace is how long
// each rests after one.
const (
	workers = 4
	pace    = 15 * time.Millisecond
)

// load is what is sent.
type load struct {
	client     *client
	seed       uint64
	recordings []*replay.Capture

	mu     sync.Mutex // guards everything declared below
	events []*event
	sent   map[spanKey]bool
	errs   []error
}

func newLoad(c *client, seed uint64, recordings []*replay.Capture) *load {
	return &load{client: c, seed: seed, recordings: recordings, sent: map[spanKey]bool{}}
}

// recorded are the recordings, moved to now.
func recorded(t *testing.T) []*replay.Capture {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	var all []*replay.Capture
	for _, folder := range folders {
		c, err := replay.Load(folder)
		require.NoError(t, err)
		c.ShiftTo(time.Now())
		all = append(all, c)
	}
	return all
}

// start starts the senders. They begin nothing new once stop ends, and finish
// what they began.
func (l *load) start(ctx, stop context.Context, progress func() float64) (wait func() error) {
	var senders sync.WaitGroup
	for n := range workers {
		senders.Go(func() { l.fail(l.work(ctx, stop, n)) })
	}
	senders.Go(func() { l.fail(l.play(ctx, progress)) })
	return func() error {
		senders.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		return errors.Join(l.errs...)
	}
}

func (l *load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

// work makes events and sends their spans, those of several in one request.
func (l *load) work(ctx, stop context.Context, n int) error {
	rng := rand.New(rand.NewPCG(l.seed, uint64(n)))
	var open []fragment
	for i := 0; stop.Err() == nil || len(open) > 0; i++ {
		if stop.Err() == nil {
			e, fragments := makeEvent(fmt.Sprintf("crash-%d-%d", n, i), rng)
			for _, f := range fragments {
				l.note(nil, f.td)
			}
			l.note(e)
			open = append(open, fragments...)
		}
		var due []ptrace.Traces
		rest := open[:0]
		for _, f := range open {
			if time.Now().Before(f.due) {
				rest = append(rest, f)
			} else {
				due = append(due, f.td)
			}
		}
		open = rest
		rng.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
		for len(due) > 0 {
			some := min(len(due), 1+rng.IntN(100))
			if err := l.client.deliver(ctx, synthetic.Together(due[:some]...)); err != nil {
				return err
			}
			due = due[some:]
		}
		time.Sleep(pace)
	}
	return nil
}

// note puts down what is to be told; e is nil where the recording says that.
func (l *load) note(e *event, spans ...ptrace.Traces) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e != nil {
		l.events = append(l.events, e)
	}
	for span := range replay.Spans(spans...) {
		l.sent[keyOf(span)] = true
	}
}

// play sends the recordings, one after the other, spread over the test.
func (l *load) play(ctx context.Context, progress func() float64) error {
	for i, recording := range l.recordings {
		begin := float64(i) / float64(len(l.recordings))
		if err := replay.Poll(ctx, func() (bool, error) { return progress() >= begin, nil }); err != nil {
			return err
		}
		for _, request := range recording.Requests {
			if err := l.client.deliver(ctx, request); err != nil {
				return fmt.Errorf("%s: %w", recording.Name, err)
			}
		}
		l.note(nil, recording.Requests...)
	}
	return nil
}
