package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/journal"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
	"github.com/runrollup/runrollupprocessor/internal/store"
)

// UseStore makes the state again that is written down in s, and has what
// changes from now on written down there. It is called before Start. Timers
// start afresh: each open run gets a full quiet period or idle timeout, each
// summarised one a full late window (contract, section 6). Summaries that nobody
// is known to have taken are sent again, and, where the component did not end in
// good order, the newest of each part that is held.
func (e *Engine) UseStore(ctx context.Context, s *store.Store, refuse bool, report func(error), now time.Time) (store.Loaded, error) {
	r := newRestorer(e, now)
	e.mu.Lock()
	loaded, err := s.Load(ctx,
		func(entry []byte) error { return journal.Read(entry, r) },
		func(err error) bool { return errors.Is(err, journal.ErrNewer) })
	if err != nil {
		e.mu.Unlock()
		return loaded, fmt.Errorf("read the journal: %w", err)
	}
	e.log = newLog(s, refuse, report)
	e.log.on = true
	e.outbox.keepWhole()
	e.log.stats = LogStats{Replayed: int64(loaded.Entries), Skipped: int64(loaded.Skipped), Bytes: s.Size()}
	e.again = r.finish()
	e.mu.Unlock()
	return loaded, nil
}

// restorer makes the state again from the records of a journal. Records are
// told in the order in which they were written, some of them twice: a snapshot
// knows some of what the entries after it tell.
type restorer struct {
	e   *Engine
	now time.Time

	tenants map[uint64]*tenant
	runs    map[uint64]*restoredRun
	order   []*restoredRun
	events  map[uint64]*eventEntry
	inOrder []*eventEntry
	traces  map[besideOf][]*restoredRun
	clean   bool
}

// besideOf is a trace of a tenant.
type besideOf struct {
	tenant *tenant
	trace  [16]byte
}

func newRestorer(e *Engine, now time.Time) *restorer {
	return &restorer{
		e: e, now: now, tenants: map[uint64]*tenant{}, runs: map[uint64]*restoredRun{}, events: map[uint64]*eventEntry{},
		traces: map[besideOf][]*restoredRun{},
	}
}

// restoredRun is a part of a run on its way back.
type restoredRun struct {
	*entry
	changed bool   // something came since it was told
	ended   []view // the runs beside it when it was let go
	dropped bool
}

// errUnknown is of a record of something that no record before it tells of: an
// entry before it was skipped.
var errUnknown = errors.New("a record of something unknown")

func (r *restorer) Tenant(id uint64, metadata [][]string) error {
	r.clean = false
	if r.tenants[id] != nil {
		return nil
	}
	key, ok := tenantKey(metadata)
	if !ok {
		return errUnknown
	}
	t := r.e.tenants.byKey[key]
	if t == nil {
		t = r.e.addTenant(key, metadata)
	}
	t.id = id // what is written from now on says the same
	r.e.tenantSeq = max(r.e.tenantSeq, id)
	r.tenants[id] = t
	return nil
}

func (r *restorer) Begin(part, tenant uint64, runID string, began int64) error {
	r.clean = false
	if r.runs[part] != nil {
		return nil
	}
	t := r.tenants[tenant]
	if t == nil {
		return errUnknown
	}
	en := &entry{tenant: t, id: runID, part: part, began: time.Unix(0, began)}
	en.timer = timer{run: en, place: -1}
	en.traces, en.itself[0] = en.oneTrace[:0], en
	rr := &restoredRun{entry: en}
	r.runs[part] = rr
	r.order = append(r.order, rr)
	return nil
}

func (r *restorer) Fact(part uint64, f *run.Fact) error {
	r.clean = false
	rr := r.runs[part]
	if rr == nil {
		return nil // of a part that ended in an entry that was skipped, or began in one
	}
	r.takeStray(rr.tenant, f.Key) // first: a snapshot may know the fact, and an entry after it the stray
	switch rr.run.Add(f, r.e.config.SpansPerRun) {
	case run.Unchanged:
		return nil
	default:
		rr.changed = true
	}
	if f.Flags&run.Apart != 0 {
		return nil // it is of none of the run's traces
	}
	rr.rootSeen = rr.rootSeen || f.Flags.IsRoot()
	rr.hasCalls = rr.hasCalls || f.Detail != nil && f.Detail.Record != nil
	rr.nameEvent(&f.Identity)
	if !slices.Contains(rr.traces, f.Key.Trace) {
		rr.traces = append(rr.traces, f.Key.Trace)
		of := besideOf{rr.tenant, f.Key.Trace}
		if beside := r.traces[of]; len(beside) < 2*runsPerTrace { // of those held, and of those let go
			r.traces[of] = append(beside, rr)
		}
	}
	return nil
}

// takeStray forgets a stray that has found its run.
func (r *restorer) takeStray(t *tenant, k run.SpanKey) {
	if s := t.strays[k.Trace]; s != nil {
		if at, ok := s.held.Find(k); ok && !s.taken[at] {
			if r.e.strays.take(s, at); s.left == 0 {
				r.e.dropStrays(s)
			}
		}
	}
}

func (r *restorer) Outside(part uint64, k run.SpanKey) error {
	r.clean = false
	if rr := r.runs[part]; rr != nil {
		rr.run.Outside(k)
		rr.rootSeen, rr.changed = true, true
	}
	return nil
}

func (r *restorer) Caveats(part uint64, c billing.Caveats) error {
	r.clean = false
	if rr := r.runs[part]; rr != nil {
		if c&billing.SpanLimit != 0 {
			rr.run.Truncate()
		}
		rr.caveats |= c &^ billing.SpanLimit
	}
	return nil
}

func (r *restorer) Told(part uint64, completion run.Completion, t *run.Told) error {
	r.clean = false
	rr := r.runs[part]
	if rr == nil || rr.told != nil && rr.told.Revision >= t.Revision {
		return nil
	}
	told := *t
	if rr.run.Len() > 0 { // else a snapshot has what was told before the spans, and not how many there were
		rr.owed = append(rr.owed, &owed{
			told: &told, before: rr.told, as: completion, run: rr.run.Snapshot(), caveats: rr.caveats, again: true,
			views: append(slices.Clip(rr.ended), r.viewsOf(rr)...),
		})
	}
	rr.before, rr.told, rr.toldAs = rr.told, &told, completion
	rr.changed = completion == run.MaxDuration // it stayed open
	return nil
}

// viewsOf gives the runs beside one as they are by now: those that are held, and
// with those that are let go, which may have been when its snapshot was taken.
func (r *restorer) viewsOf(rr *restoredRun) []view {
	var all, held []*entry
	for _, trace := range rr.traces {
		for _, other := range r.traces[besideOf{rr.tenant, trace}] {
			if other == rr || other.dropped || slices.Contains(all, other.entry) {
				continue
			}
			if all = append(all, other.entry); other.letGoAs == "" {
				held = append(held, other.entry)
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	views := []view{r.e.viewOf(all, false)}
	if len(held) < len(all) {
		views = append(views, r.e.viewOf(held, false))
	}
	return views
}

func (r *restorer) Taken(part uint64, revision int) error {
	r.clean = false
	if rr := r.runs[part]; rr != nil {
		rr.owed = slices.DeleteFunc(rr.owed, func(o *owed) bool { return o.told.Revision <= revision })
	}
	return nil
}

func (r *restorer) Reopened(part uint64, revision, spans int) error {
	r.clean = false
	rr := r.runs[part]
	if rr == nil || rr.told == nil || rr.told.Revision != revision {
		return nil
	}
	rr.changed = true
	if n := len(rr.owed); n > 0 && spans > 0 {
		rr.owed[n-1].run = rr.owed[n-1].run.First(spans)
	}
	return nil
}

func (r *restorer) LetGo(part uint64, completion run.Completion) error {
	r.clean = false
	if rr := r.runs[part]; rr != nil {
		rr.letGoAs = completion
		rr.ended = r.viewsOf(rr) // its last summary may be made of it as it is now, and told later
	}
	return nil
}

func (r *restorer) Drop(part uint64) error {
	r.clean = false
	if rr := r.runs[part]; rr != nil {
		rr.dropped = true
		delete(r.runs, part)
		for _, trace := range rr.traces {
			of := besideOf{rr.tenant, trace}
			if rest := slices.DeleteFunc(r.traces[of], func(other *restoredRun) bool { return other == rr }); len(rest) > 0 {
				r.traces[of] = rest
			} else {
				delete(r.traces, of)
			}
		}
	}
	return nil
}

func (r *restorer) Stray(tenant uint64, f *run.Fact) error {
	r.clean = false
	t := r.tenants[tenant]
	if t == nil {
		return errUnknown
	}
	r.e.addStray(t, f, r.now)
	return nil
}

func (r *restorer) Decided(tenant uint64, trace [16]byte) error {
	r.clean = false
	if t := r.tenants[tenant]; t != nil {
		if s := t.strays[trace]; s != nil {
			r.e.dropStrays(s)
		}
	}
	return nil
}

func (r *restorer) EventBegin(part, tenant uint64, key event.Key) error {
	r.clean = false
	t := r.tenants[tenant]
	if r.events[part] != nil {
		return nil
	}
	if t == nil {
		return errUnknown
	}
	ev := &eventEntry{tenant: t, key: key, part: part}
	ev.timer = timer{event: ev, place: -1}
	r.events[part] = ev
	r.inOrder = append(r.inOrder, ev)
	return nil
}

func (r *restorer) Member(part uint64, m *event.Member) error {
	r.clean = false
	ev := r.events[part]
	if ev == nil {
		return nil
	}
	if ev.event.Put(*m) {
		ev.changed = true
	}
	if rr := r.runs[m.Part]; rr != nil {
		rr.entry.event = ev
	}
	return nil
}

func (r *restorer) MemberRemoved(part uint64, runID string, of uint64) error {
	r.clean = false
	if ev := r.events[part]; ev != nil && ev.event.Remove(runID, of) {
		ev.changed = true
	}
	return nil
}

func (r *restorer) Claim(part uint64, f *run.Fact) error {
	r.clean = false
	f.Flags |= run.Apart // as is not written in version 1
	if ev := r.events[part]; ev != nil && ev.say(f) {
		ev.changed = true
	}
	return nil
}

func (r *restorer) EventTold(part uint64, t *event.Told) error {
	r.clean = false
	ev := r.events[part]
	if ev == nil || ev.told != nil && ev.told.Revision >= t.Revision {
		return nil
	}
	told := *t
	if !ev.event.IsEmpty() {
		ev.owed = &eventOwed{told: &told, before: ev.told, event: ev.event.Snapshot(), claims: slices.Clip(ev.claims), again: true}
	}
	ev.before, ev.told, ev.changed = ev.told, &told, false
	return nil
}

func (r *restorer) EventTaken(part uint64, revision int) error {
	r.clean = false
	if ev := r.events[part]; ev != nil && ev.owed != nil && ev.owed.told.Revision <= revision {
		ev.owed = nil
	}
	return nil
}

func (r *restorer) EventChanged(part uint64, revision int) error {
	r.clean = false
	if ev := r.events[part]; ev != nil && ev.told != nil && ev.told.Revision == revision {
		ev.changed = true
	}
	return nil
}

func (r *restorer) EventDrop(part uint64) error {
	r.clean = false
	if ev := r.events[part]; ev != nil {
		ev.closing = true
		delete(r.events, part)
	}
	return nil
}

// Clean: by then everything had been taken.
func (r *restorer) Clean() error {
	r.clean = true
	for _, rr := range r.runs {
		rr.owed = nil
	}
	for _, ev := range r.events {
		ev.owed = nil
	}
	return nil
}

// say adds an outcome that came without a run, and keeps its span.
func (ev *eventEntry) say(f *run.Fact) bool {
	said := outcome.Resolve([]outcome.Span{{ID: f.Key.Span, Claim: f.Detail.Claim, End: f.End}}, false)
	if !ev.event.Say(event.Claim{Span: f.Key, Outcome: said}) {
		return false
	}
	ev.claims = append(ev.claims, *f)
	if len(ev.claims) > event.ClaimLimit {
		ev.claims = ev.claims[1:]
	}
	return true
}

// finish puts what was made again into its places, and gives what is to be
// told again.
func (r *restorer) finish() []letGo {
	e := r.e
	var held []*entry
	var kept []*restoredRun
	for _, rr := range r.order {
		en := rr.entry
		switch {
		case rr.dropped || en.run.Len() == 0:
			continue
		case en.letGoAs != "":
			kept = append(kept, rr)
			continue
		}
		en.touched, en.revisitAt = r.now, r.now.Add(e.config.MaxDuration)
		en.tenant.runs[en.id] = en
		traces := en.traces
		en.traces = en.oneTrace[:0]
		for _, trace := range traces {
			en.tenant.enter(en, trace)
		}
		en.isLate = en.told != nil && !rr.changed
		held = append(held, en)
	}
	for _, en := range held {
		r.seeRoot(en)
		r.place(en)
		r.takeLeftOut(en)
	}
	for _, rr := range kept {
		r.keep(rr)
	}
	r.placeEvents()
	var again []letGo
	if !r.clean {
		again = r.again(held) // before the limits let any go: what may not have arrived is kept
	}
	for _, rr := range kept {
		e.settle(rr.part) // those that another was looked at beside, and nothing more
	}
	e.enforce(r.now)
	return again
}

// keep puts a part among those that are not held any more, where those beside it
// find it. What came since it was told last, if anything, is to be told.
func (r *restorer) keep(rr *restoredRun) {
	en, t := rr.entry, rr.tenant
	en.keptIn, en.traces = en.traces, nil
	for _, trace := range en.keptIn {
		t.list(en, trace)
	}
	en.unsure = en.told == nil || rr.changed
	en.bytes = en.size()
	r.e.held.letGoBytes += en.bytes
	r.e.letGo[en.part] = letGo{run: en}
}

// takeLeftOut forgets the strays that found their run and were left out at its
// limit. Of the others none waits beneath a span of a run.
func (r *restorer) takeLeftOut(en *entry) {
	if !en.run.Truncated() || len(en.tenant.strays) == 0 {
		return
	}
	for i := range en.run.Len() {
		k := en.run.Fact(i).Key
		s := en.tenant.strays[k.Trace]
		if s == nil {
			continue
		}
		if r.e.strays.beneath(s, k.Span, func(*run.Fact) {}); s.left == 0 {
			r.e.dropStrays(s)
		}
	}
}

// seeRoot looks for the root that shows only beside other runs.
func (r *restorer) seeRoot(en *entry) {
	for i := 0; i < en.run.Len() && !en.rootSeen; i++ {
		f := en.run.Fact(i)
		parent := run.SpanKey{Trace: f.Key.Trace, Span: f.Parent}
		for _, other := range en.tenant.traces[f.Key.Trace] {
			if other != en && other.run.Has(parent) {
				en.rootSeen = true
			}
		}
	}
}

// place puts a run among the open or the summarised ones, with a full wait.
func (r *restorer) place(en *entry) {
	e := r.e
	if !en.isLate {
		e.putOpen(en)
		en.await()
		e.deadlines.set(&en.timer, e.dueAt(en))
	} else {
		en.element = en.tenant.late.PushBack(en)
		e.held.late++
		e.deadlines.set(&en.timer, r.now.Add(e.config.LateWindow))
	}
	e.measure(en)
}

func (r *restorer) placeEvents() {
	e := r.e
	for _, ev := range r.inOrder {
		if ev.closing {
			continue
		}
		if older := ev.tenant.events[ev.key]; older != nil { // let go, and not taken by then
			e.releaseEvent(older)
			e.letGo[older.part] = letGo{event: older}
			e.weigh(older)
			if older.changed {
				e.deadlines.set(&older.timer, r.now)
			}
		}
		e.putEvent(ev)
		e.measureEvent(ev)
		wait := e.config.EventRetain
		if ev.changed {
			wait = e.config.EventQuiet
		}
		e.deadlines.set(&ev.timer, r.now.Add(wait))
	}
}

// enforce brings the state within the limits, which may be others than before.
func (e *Engine) enforce(now time.Time) {
	for e.held.open > e.config.OpenRuns {
		t := e.most(func(t *tenant) int { return t.open.Len() })
		e.evict(t.open.Front().Value.(*entry), ByOpenRuns, &e.aside)
	}
	for e.held.late > max(e.config.LateRuns, 0) {
		t := e.most(func(t *tenant) int { return t.late.Len() })
		e.cutShort(t.late.Front().Value.(*entry), &e.aside)
	}
	for e.held.events > e.config.MaxEvents {
		t := e.most(func(t *tenant) int { return len(t.events) })
		e.closeEvent(t.byTouch.Front().Value.(*eventEntry), now, &e.aside)
	}
	for e.strays.waiting > e.config.InheritSpans {
		e.decide(e.strays.byQuiet.Front().Value.(*strayTrace), now, &e.aside)
	}
	for el := e.tenants.byQuiet.Front(); el != nil; el = el.Next() {
		e.mayBeIdle(el.Value.(*tenant))
	}
	e.releaseIdle()
	for len(e.tenants.byKey) > e.config.Tenants {
		e.evictTenant(e.tenants.byQuiet.Front().Value.(*tenant), now, &e.aside)
	}
	e.shrink(now, &e.aside)
}
