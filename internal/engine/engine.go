// Package engine holds the state of all runs: it takes in spans, knows which
// run is due, and hands out summaries. It is the one place with locks and
// goroutines; what a span says and what a run amounts to is decided in the pure
// packages beneath it.
//
// Two goroutines work beside those that bring spans. One makes summaries of
// the runs that are due, the other hands them to the next component: that this
// one refuses or hangs keeps nothing from being summed up.
package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// Engine rolls spans up into runs.
type Engine struct {
	config Config
	intake atomic.Pointer[intake]
	tell   func(context.Context, Tally)

	stop context.CancelFunc
	done sync.WaitGroup
	wake chan struct{} // holds one token: something waits to be summarised or counted

	// summarising is held by whoever makes summaries, from taking what is due
	// to putting them into the outbox, so that revisions come in order. It is
	// taken before mu.
	summarising sync.Mutex

	mu        sync.Mutex // guards everything declared below; nothing foreign runs under it
	tenants   tenants
	deadlines deadlines
	held      held
	evicted   []job
	strays    strays
	dueEvents []*eventEntry
	toSpread  []*eventEntry
	letGo     map[uint64]letGo // by part; only where there is a log
	noneTold  bool             // as far as was seen, none of letGo has told all that there is to tell
	tenantSeq uint64
	lost      []lost // decided, and not yet counted
	aside     Tally  // what became of spans aside from any batch

	outbox  *outbox
	log     *log // nil without storage
	rested  bool // the state was written down at the end; it is the next process's
	stopLog context.CancelFunc
	logDone sync.WaitGroup
	again   []letGo // parts whose newest summary is to be made once more after the start
}

// intake reads spans by one rate card.
type intake struct {
	extract *extract.Extractor
	batches sync.Pool // of *extract.Batch
}

// New makes an engine that hands summaries to emit, in batches, and tells what
// became of spans aside from any batch. It calls emit for one batch of a tenant
// at a time, and for several tenants at once.
func New(config Config, emit Emit, tell func(context.Context, Tally)) *Engine {
	e := &Engine{
		config:  config,
		tell:    tell,
		wake:    make(chan struct{}, 1),
		tenants: newTenants(),
		strays:  newStrays(),
		letGo:   map[uint64]letGo{},
	}
	e.outbox = newOutbox(emit, e.taken)
	e.outbox.allow(e.room())
	e.UseCard(config.Extract.Card)
	return e
}

// UseCard makes card the one in force: spans that arrive from now on are
// priced by it, those that have arrived are not priced anew.
func (e *Engine) UseCard(card *ratecard.Card) {
	config := e.config.Extract
	config.Card = card
	config.Unowned = e.config.Inherit || e.config.Events // an outcome can come without a run
	x := extract.New(config)
	e.intake.Store(&intake{extract: x, batches: sync.Pool{New: func() any { return x.NewBatch() }}})
}

// Observe takes in a batch of spans that arrived at now, from the tenant that
// metadata tells of: each key that keeps tenants apart and its values, in one
// fixed order, none where there is no such key. It only reads td, and keeps
// nothing of it. It is safe for concurrent use.
func (e *Engine) Observe(td ptrace.Traces, metadata [][]string, now time.Time) Tally {
	in := e.intake.Load()
	b := in.batches.Get().(*extract.Batch)
	in.extract.Read(b, td, now)
	tally := Tally{NoRun: b.NoRun, Summaries: b.Summaries, Invalid: b.Invalid}
	if key, ok := tenantKey(metadata); ok {
		e.takeIn(b.Facts, key, metadata, now, &tally)
	} else {
		tally.Invalid[extract.BadMetadata] += len(b.Facts)
	}
	b.Clear()
	in.batches.Put(b)
	return tally
}

// Accept is Observe where the state survives the process: what the batch
// changed has been written down when it returns. Where that is not possible, it
// says so if spans are to be refused then.
func (e *Engine) Accept(ctx context.Context, td ptrace.Traces, metadata [][]string, now time.Time) (Tally, error) {
	if e.log == nil {
		return e.Observe(td, metadata, now), nil
	}
	if err := e.log.isFailing(); err != nil && e.log.refuse {
		return Tally{}, errors.Join(ErrStorage, err)
	}
	tally := e.Observe(td, metadata, now)
	e.mu.Lock()
	entry := e.log.pending()
	e.mu.Unlock()
	return tally, e.log.wait(ctx, entry)
}

// takeIn adds the facts of a batch to the state.
func (e *Engine) takeIn(facts []extract.Owned, key string, metadata [][]string, now time.Time, tally *Tally) {
	if len(facts) == 0 {
		return
	}
	e.mu.Lock()
	jobs, bytes := len(e.evicted), e.held.evictedBytes
	t := e.tenantOf(key, metadata, now, tally)
	for i := range facts {
		if t.gone { // what the last fact did made room by letting all of it go
			t = e.tenantOf(key, metadata, now, tally)
		}
		if f := &facts[i]; f.Run != "" {
			e.fold(t, f, now, tally)
		} else if e.config.Inherit {
			e.stray(t, f, now, tally)
		} else {
			e.claimsOf(t, []run.Fact{f.Fact}, now, tally)
		}
		e.shrink(now, tally)
	}
	if e.held.toldBytes() > 0 { // else nothing has waited for long
		e.yield(e.outbox.size(), now, tally)
	}
	e.releaseIdle()
	waits := len(e.evicted)+len(e.lost) > 0
	jobs, bytes = len(e.evicted)-jobs, e.held.evictedBytes-bytes
	e.mu.Unlock()
	if waits {
		e.awake()
	}
	e.share(jobs, bytes, now)
}

// awake has the summarising goroutine look at once.
func (e *Engine) awake() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// fold adds one fact to its run, and what has waited for it.
func (e *Engine) fold(t *tenant, f *extract.Owned, now time.Time, tally *Tally) {
	e.join(t, f, now, tally)
	if len(t.strays) > 0 {
		e.gather(t, f, now, tally)
	}
}
