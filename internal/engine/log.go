package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/journal"
	"github.com/runrollup/runrollupprocessor/internal/run"
	"github.com/runrollup/runrollupprocessor/internal/store"
)

// log writes down what happens to the state, in the order in which it happens:
// records are added under Engine.mu, by whoever changes what they tell of. One
// goroutine writes what has gathered, in one transaction for all that wait.
//
// While the storage fails nothing is written down. It is tried again with a
// snapshot of the whole state, after which all is well.
type log struct {
	store  *store.Store
	refuse bool        // spans are refused while the storage fails
	report func(error) // the storage began to fail, or, with nil, is well again
	wake   chan struct{}

	// Guarded by Engine.mu.
	records journal.Writer
	on      bool   // records are added
	taken   uint64 // entries taken out of records so far

	unsecured int64 // summaries that wait and would not be made again after a kill

	mu      sync.Mutex    // guards everything declared below; taken after Engine.mu
	written uint64        // of taken, those that survive the process
	failing error         // why nothing is written
	news    chan struct{} // closed when written or failing changes
	stats   LogStats
}

// LogStats is what the log has done.
type LogStats struct {
	Writes, Errors, Replayed, Skipped int64
	Bytes                             int64 // of the snapshot and of the journal after it
	Failing                           bool
	Unsecured                         int64 // summaries that waited and would not have been made again after a kill
}

// ErrStorage says that spans are refused as the storage fails. The sender may
// try again.
var ErrStorage = errors.New("run_rollup cannot write its journal, and storage_failure is refuse")

// retryStorage is how long a storage that fails is left alone.
const retryStorage = time.Second

func newLog(s *store.Store, refuse bool, report func(error)) *log {
	return &log{store: s, refuse: refuse, report: report, wake: make(chan struct{}, 1), news: make(chan struct{})}
}

// rec is where records go; nil where none are written.
func (e *Engine) rec() *journal.Writer {
	if e.log == nil || !e.log.on {
		return nil
	}
	return &e.log.records
}

// pending is the number of the entry that holds everything recorded so far.
// The caller holds Engine.mu.
func (l *log) pending() uint64 {
	if l.records.Len() > 0 {
		return l.taken + 1
	}
	return l.taken
}

// wait waits until an entry survives the process. Where it cannot, it says so
// if spans are to be refused then.
func (l *log) wait(ctx context.Context, entry uint64) error {
	select {
	case l.wake <- struct{}{}:
	default:
	}
	for {
		l.mu.Lock()
		written, failing, news := l.written, l.failing, l.news
		l.mu.Unlock()
		switch {
		case written >= entry:
			return nil
		case failing != nil:
			return l.refusal(failing)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refusal is what senders are answered while the storage fails; nil where
// their spans go on all the same.
func (l *log) refusal(failing error) error {
	if l.refuse {
		return errors.Join(ErrStorage, failing)
	}
	return nil
}

// isFailing is why nothing is written; nil where all is well.
func (l *log) isFailing() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failing
}

// turn tells those who wait, and the report, what has become of the storage.
func (l *log) turn(written uint64, err error) {
	l.mu.Lock()
	was := l.failing
	l.written, l.failing = max(l.written, written), err
	l.stats.Bytes, l.stats.Failing = l.store.Size(), err != nil
	if err == nil {
		l.stats.Writes++
	} else {
		l.stats.Errors++
	}
	close(l.news)
	l.news = make(chan struct{})
	l.mu.Unlock()
	if (was == nil) != (err == nil) {
		l.report(err)
	}
}

// logLoop writes what is recorded, until ctx ends.
func (e *Engine) logLoop(ctx context.Context) {
	l := e.log
	retry := time.NewTicker(retryStorage)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
		case <-l.wake:
			if l.isFailing() != nil {
				continue // until it is time to try again
			}
		}
		e.writeLog(context.WithoutCancel(ctx)) // an entry is written whole or not at all
	}
}

// writeLog writes what has gathered, and the snapshot where that is worth it.
func (e *Engine) writeLog(ctx context.Context) {
	if e.log.isFailing() != nil || e.log.store.IsLong() {
		e.snapshot(ctx)
		return
	}
	e.appendLog(ctx)
}

// appendLog writes what has gathered as one entry.
func (e *Engine) appendLog(ctx context.Context) {
	l := e.log
	e.mu.Lock()
	entry := l.records.Take()
	if entry != nil {
		l.taken++
	}
	taken := l.taken
	e.mu.Unlock()
	if entry == nil {
		return
	}
	if err := l.store.Append(ctx, entry); err != nil {
		e.failLog(err)
		return
	}
	l.turn(taken, nil)
}

// failLog gives up writing records until a snapshot succeeds.
func (e *Engine) failLog(err error) {
	e.mu.Lock()
	e.log.on = false
	e.log.records.Take()
	e.mu.Unlock()
	e.log.turn(0, err)
}

// snapshot writes down the whole state, which then stands for every entry
// before. What is recorded meanwhile is written between its pieces, so that
// nobody waits for all of it.
func (e *Engine) snapshot(ctx context.Context) {
	l := e.log
	e.appendLog(ctx)
	w, err := l.store.Begin(ctx)
	if err != nil {
		e.failLog(err)
		return
	}
	failed := l.isFailing() != nil
	e.mu.Lock()
	pieces := e.capture()
	l.on = true // from here on, what changes is recorded
	taken := l.taken
	e.mu.Unlock()
	for piece := range pieces {
		if err := w.Add(ctx, piece); err != nil {
			e.failLog(err)
			return
		}
		if !failed {
			e.appendLog(ctx)
			if l.isFailing() != nil {
				return
			}
		}
	}
	if err := w.Commit(ctx); err != nil {
		e.failLog(err)
		return
	}
	l.turn(taken, nil)
	if failed {
		e.appendLog(ctx)
	}
}

// letGo is a run's or an event's part that is not held any more, and whose
// newest summary the next component has not taken.
type letGo struct {
	run   *entry
	event *eventEntry
}

// end notes that a part of a run is not held any more. While a summary of it is
// being made, waits to be taken, or may have to be made again, and while another
// run's may that was told beside it, it is kept.
func (e *Engine) end(en *entry, completion run.Completion) {
	if e.log == nil {
		return
	}
	w := e.rec()
	en.tenant.keep(en)
	if !en.isToBeTold() && !e.outbox.waits(en.part) && !en.tenant.isNeeded(en) {
		en.tenant.unkeep(en)
		if w != nil {
			w.Drop(en.part)
		}
		return
	}
	en.letGoAs = cmp.Or(completion, run.Evicted)
	e.letGo[en.part] = letGo{run: en}
	e.held.letGoBytes += en.bytes
	e.noneTold = e.noneTold && en.busy > 0
	if w != nil {
		w.LetGo(en.part, en.letGoAs)
	}
}

// isToBeTold reports whether something is to be told of a run that has been
// summarised, or may be.
func (en *entry) isToBeTold() bool { return en.busy > 0 || en.unsure || len(en.owed) > 0 }

// endEvent is the same for an event.
func (e *Engine) endEvent(ev *eventEntry) {
	if e.log == nil {
		return
	}
	if ev.isToBeTold() || e.outbox.waits(ev.part) {
		e.letGo[ev.part] = letGo{event: ev}
		e.weigh(ev)
		return
	}
	if w := e.rec(); w != nil {
		w.EventDrop(ev.part)
	}
}

// weigh counts an event that is let go, once it is told, or cannot be yet: before
// that it could not be forgotten, and is told at once.
func (e *Engine) weigh(ev *eventEntry) {
	if _, kept := e.letGo[ev.part]; !kept || ev.changed && ev.owed == nil && ev.bytes == 0 {
		return
	}
	n := ev.size()
	e.held.letGoBytes += n - ev.bytes
	ev.bytes = n
	e.noneTold = false
}

// measureRun brings what is known of a run's size up to date, held or not.
func (e *Engine) measureRun(en *entry) {
	if en.isHeld() {
		e.measure(en)
	} else {
		e.weighRun(en)
	}
}

// weighRun brings what counts of a run that is let go up to date.
func (e *Engine) weighRun(en *entry) {
	if _, kept := e.letGo[en.part]; !kept {
		return
	}
	n := en.size()
	e.held.letGoBytes += n - en.bytes
	en.bytes = n
}

func (ev *eventEntry) isToBeTold() bool {
	return ev.changed || ev.busy > 0 || ev.unsure || ev.owed != nil
}

// taken notes that the next component has taken, or refused for good, every
// summary that waited of some parts. Each is one of a part.
func (e *Engine) taken(letters []letterTo) {
	if e.log == nil || len(letters) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range letters {
		l := &letters[i]
		part := l.summary.part()
		if e.outbox.waits(part) {
			continue
		}
		g := e.letGo[part]
		if g.run == nil && l.summary.Run != nil {
			if en := l.tenant.runs[l.summary.Run.RunID]; en != nil && en.part == part {
				g.run = en
			}
		}
		if s := l.summary.Event; g.event == nil && s != nil {
			if ev := l.tenant.events[event.Key{Customer: s.Identity[run.Customer], Event: s.Identity[run.Event]}]; ev != nil && ev.part == part {
				g.event = ev
			}
		}
		switch {
		case g.run != nil:
			e.runTaken(g.run)
		case g.event != nil:
			e.eventTaken(g.event)
		}
	}
}

// runTaken notes that what was sent of a run has been taken.
func (e *Engine) runTaken(en *entry) {
	before := len(en.owed)
	en.owed = slices.DeleteFunc(en.owed, func(o *owed) bool { return !o.again })
	e.measureRun(en)
	if !e.settle(en.part) && before > 0 && len(en.owed) == 0 {
		if w := e.rec(); w != nil {
			w.Taken(en.part, en.told.Revision)
		}
	}
	e.release(en)
}

func (e *Engine) eventTaken(ev *eventEntry) {
	took := ev.owed != nil && !ev.owed.again
	if took {
		ev.owed = nil
		e.measureEvent(ev)
		e.weigh(ev)
	}
	if w := e.rec(); !e.settle(ev.part) && took && w != nil {
		w.EventTaken(ev.part, ev.told.Revision)
	}
}

// release forgets the runs that were kept only as a summary of en might have had
// to be made again.
func (e *Engine) release(en *entry) {
	if len(en.tenant.kept) == 0 || en.isToBeTold() {
		return
	}
	_, kept := en.tenant.around(en)
	for _, other := range kept {
		e.settle(other.part)
	}
}

// settle forgets a part that is not held any more and of which nothing is to be
// told, and reports whether it did.
func (e *Engine) settle(part uint64) bool {
	g, ok := e.letGo[part]
	switch {
	case !ok || e.outbox.waits(part):
		return false
	case g.run != nil && (g.run.isToBeTold() || g.run.tenant.isNeeded(g.run)):
		return false
	case g.event != nil && g.event.isToBeTold():
		return false
	}
	e.forgetLetGo(part)
	return true
}

// forgetLetGo forgets a part that is not held any more, whether its summaries are
// taken or not, and what was kept only for these.
func (e *Engine) forgetLetGo(part uint64) {
	g := e.letGo[part]
	delete(e.letGo, part)
	e.held.letGoBytes -= g.bytes()
	w := e.rec()
	if g.event != nil {
		g.event.owed = nil
		if w != nil {
			w.EventDrop(part)
		}
		return
	}
	_, kept := g.run.tenant.around(g.run)
	g.run.owed = nil // nor does it need those beside it any more
	g.run.tenant.unkeep(g.run)
	if w != nil {
		w.Drop(part)
	}
	for _, other := range kept { // which it may have been the last to need
		e.settle(other.part)
	}
}

// bytes is what counts in held.letGoBytes.
func (g letGo) bytes() int {
	if g.run != nil {
		return g.run.bytes
	}
	return g.event.bytes
}

// isTold reports whether all that there is to tell of a part has been told, after
// a restart once more where that is due.
func (g letGo) isTold() bool {
	if g.run != nil {
		again := slices.ContainsFunc(g.run.owed, func(o *owed) bool { return o.again })
		return g.run.busy == 0 && !g.run.unsure && g.run.told != nil && !again
	}
	ev := g.event
	return ev.busy == 0 && !ev.unsure && !ev.changed && (ev.owed == nil || !ev.owed.again)
}

// isOwed reports whether the next component is not known to have taken all of it.
func (g letGo) isOwed() bool {
	return g.run != nil && len(g.run.owed) > 0 || g.event != nil && g.event.owed != nil
}

// LogStats is what the log has done; zero without storage.
func (e *Engine) LogStats() LogStats {
	if e.log == nil {
		return LogStats{}
	}
	e.mu.Lock()
	unsecured := e.log.unsecured
	e.mu.Unlock()
	e.log.mu.Lock()
	defer e.log.mu.Unlock()
	s := e.log.stats
	s.Unsecured = unsecured
	return s
}
