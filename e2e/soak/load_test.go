package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/e2e/internal/peer"
	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
)

// rest is how many times as long as a request took a worker pauses after it,
// so that all workers together keep about one core busy.
const rest = 1

// workers are those that send well-behaved runs; as many again send hostile
// spans, more seldom.
const workers = 2

// tenants are asked for through a request header.
const (
	tenants      = 10_000
	tenantHeader = "X-Tenant"
)

// load sends until it is told to stop.
type load struct {
	client *peer.Client
	book   *book
	sent   sync.WaitGroup

	mu    sync.Mutex // guards spans, err
	spans int
	err   error
}

// deliver sends a request for one tenant, and pauses. It says how often it had
// to be sent.
func (l *load) deliver(ctx context.Context, td ptrace.Traces, tenant string, pauses float64) (tries int) {
	header := http.Header{}
	if tenant != "" {
		header.Set(tenantHeader, tenant)
	}
	spans, began := td.SpanCount(), time.Now()
	tries, err := l.client.Deliver(ctx, td, header)
	took := time.Since(began)
	l.mu.Lock()
	l.spans += spans
	if err != nil && l.err == nil {
		l.err = err
	}
	l.mu.Unlock()
	time.Sleep(time.Duration(float64(took) * pauses)) // the pace of the load
	return tries
}

func (l *load) count() (spans int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.spans, l.err
}

// behaved sends well-behaved runs until the context ends, and then what is
// left of those that have begun.
func (l *load) behaved(stop, ctx context.Context, worker int) {
	defer l.sent.Done()
	rng := rand.New(rand.NewPCG(uint64(worker), 1))
	var open []*script
	for n := 0; stop.Err() == nil || len(open) > 0; n++ {
		if stop.Err() == nil {
			tenant := fmt.Sprint("tenant ", rng.IntN(tenants))
			s := newScript(synthetic.New(fmt.Sprintf("good-%d-%d", worker, n), rng), tenant, rng)
			l.book.open(s)
			open = append(open, s)
		}
		now, rest := time.Now(), open[:0]
		for _, s := range open {
			if now.Before(s.next) {
				rest = append(rest, s)
				continue
			}
			if l.step(ctx, s); len(s.steps) > 0 {
				rest = append(rest, s)
			} else {
				l.book.close(s)
			}
		}
		open = rest
		if stop.Err() != nil {
			time.Sleep(time.Millisecond) // nothing begins: do not spin
		}
	}
}

// hostile sends what no library would.
func (l *load) hostile(stop, ctx context.Context, worker int) {
	defer l.sent.Done()
	rng := rand.New(rand.NewPCG(uint64(worker), 2))
	for stop.Err() == nil {
		tenant := fmt.Sprint("tenant ", rng.IntN(tenants))
		switch rng.IntN(20) {
		case 0:
			tenant = ""
		case 1:
			tenant = fmt.Sprintf("%0*d", 4000+2000*rng.IntN(2), rng.IntN(tenants))
		}
		l.deliver(ctx, hostile[rng.IntN(len(hostile))](rng), tenant, 3*rest)
	}
}

// step sends the next request of a run.
func (l *load) step(ctx context.Context, s *script) {
	step, before := s.steps[0], s.run.Truth
	s.steps = s.steps[1:]
	td := step.make()
	tries := l.deliver(ctx, td, s.tenant, rest)
	if step.twice {
		tries += l.deliver(ctx, td, s.tenant, rest)
	}
	for range tries - 1 {
		s.repeated.Add(s.run.Truth.Minus(before))
	}
	s.next = time.Now().Add(step.wait)
}

// script is a well-behaved run and what is to be sent of it.
type script struct {
	run    *synthetic.Run
	tenant string
	steps  []step
	next   time.Time

	repeated synthetic.Truth // what was sent again
}

type step struct {
	make  func() ptrace.Traces // its times are those of its sending
	twice bool
	wait  time.Duration // before the step after it
}

func newScript(run *synthetic.Run, tenant string, rng *rand.Rand) *script {
	s := &script{run: run, tenant: tenant}
	calls := func() ptrace.Traces { return synthetic.Together(run.Inherited(), run.Call()) }
	all := step{make: func() ptrace.Traces { return synthetic.Together(run.Call(), run.Root(), run.Inherited()) }}
	switch kind := rng.IntN(100); {
	case kind < 50: // at once
		s.steps = []step{all}
	case kind < 65: // in parts, the root last
		s.steps = []step{{make: run.Call}, {make: calls}, {make: run.Root}}
	case kind < 75: // in parts, the root first
		s.steps = []step{{make: run.Root}, {make: calls}, {make: run.Call}}
	case kind < 85: // delivered again
		s.steps = []step{{make: calls, twice: true}, {make: run.Root}}
	case kind < 93: // late, within the window
		all.wait = 300*time.Millisecond + time.Duration(rng.Int64N(int64(700*time.Millisecond)))
		s.steps = []step{all, {make: run.Call}}
	case kind < 97: // too late: a new part
		all.wait = 3 * time.Second
		s.steps = []step{all, {make: run.Call}}
	default: // open for longer than max_duration
		for range 25 {
			s.steps = append(s.steps, step{make: run.Call, wait: 150 * time.Millisecond})
		}
		s.steps = append(s.steps, step{make: run.Root})
	}
	return s
}
