package engine

import (
	"container/list"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// eventEntry is an event that is held: from the first summary of a run of it
// until its retention is over.
type eventEntry struct {
	tenant  *tenant
	key     event.Key
	part    uint64
	event   event.Event
	claims  []run.Fact // the spans of outcomes that came without a run
	changed bool       // something of it has not been told
	closing bool       // let go: told once more where there is anything to tell, and then forgotten

	toSpread bool // runs were put into it, and the last attempt of them may not know of its claims

	bytes   int
	timer   timer
	element *list.Element

	// told is of the last summary; see entry.told.
	told   *event.Told
	before *event.Told // of the summary before; only where there is a log
	busy   int         // summaries of it that are being made
	unsure bool        // nobody knows whether the last summary has arrived
	owed   *eventOwed  // the last summary, while nobody is known to have taken it
}

// eventOwed is a revision that waits to be taken, and what it takes to make it
// again as it was; see owed.
type eventOwed struct {
	told, before    *event.Told
	event           event.Event
	claims          []run.Fact
	again, courtesy bool
}

// membersLimit bounds the parts of runs that one event may have. Past it the
// event goes on as a new part.
const membersLimit = 10_000

// nameEvent notes the event and the customer of a run, as far as its spans tell
// so far.
func (en *entry) nameEvent(id *run.Identity) {
	key := en.eventKey
	if key.Event == "" {
		key.Event = id[run.Event]
	}
	if c := id[run.Customer]; c != "" && c != key.Customer && !en.customers {
		en.customers = key.Customer != ""
		key.Customer = c
		if en.customers { // whose it is the summary tells
			key.Customer = ""
		}
	}
	if key == en.eventKey {
		return
	}
	if en.awaited {
		en.settled()
		defer en.await()
	}
	en.eventKey = key
}

// await notes that something of a run is to be summarised: its event waits.
func (en *entry) await() {
	if en.awaited {
		return
	}
	en.awaited = true
	if en.eventKey.Event == "" {
		return
	}
	if n := en.tenant.awaited[en.eventKey]; n == 0 {
		en.tenant.customers.add(en.eventKey)
	}
	en.tenant.awaited[en.eventKey]++
}

// settled undoes await.
func (en *entry) settled() {
	if !en.awaited {
		return
	}
	en.awaited = false
	if en.eventKey.Event == "" {
		return
	}
	if n := en.tenant.awaited[en.eventKey] - 1; n > 0 {
		en.tenant.awaited[en.eventKey] = n
	} else {
		delete(en.tenant.awaited, en.eventKey)
		en.tenant.customers.remove(en.eventKey)
	}
}

// isAwaited reports whether a run may still tell something of an event: one of
// its customer, or one of which nobody has said whose it is. An event of no
// customer waits for those alone.
func (t *tenant) isAwaited(key event.Key) bool {
	return t.awaited[key] > 0 || t.awaited[event.Key{Event: key.Event}] > 0
}

// putIntoEvent puts what was told of a run to its event. A run whose event or
// customer became known late moves, and both events are told again.
func (e *Engine) putIntoEvent(en *entry, m *event.Member, now time.Time, tally *Tally) {
	key := event.Key{Customer: m.Identity[run.Customer], Event: m.Identity[run.Event]}
	if was := en.event; was != nil && was.key != key {
		was.event.Remove(m.RunID, m.Part)
		if w := e.rec(); w != nil {
			w.MemberRemoved(was.part, m.RunID, m.Part)
		}
		e.changeEvent(was, now)
		en.event = nil
	}
	if key.Event == "" {
		return
	}
	ev := en.event
	if ev == nil {
		ev = e.eventOf(en.tenant, key, now, tally)
		if ev.event.Len() >= membersLimit {
			e.closeEvent(ev, now, tally)
			ev = e.eventOf(en.tenant, key, now, tally)
		}
		en.event = ev
	}
	ev.event.Put(*m)
	if w := e.rec(); w != nil {
		w.Member(ev.part, m)
	}
	e.changeEvent(ev, now)
	if !ev.toSpread && len(ev.claims) > 0 {
		ev.toSpread = true
		e.toSpread = append(e.toSpread, ev)
	}
}

// spreadAll gives the outcomes of events that runs were put into to their last
// attempts: once, however many runs they were.
func (e *Engine) spreadAll(now time.Time, tally *Tally) {
	for _, ev := range e.toSpread {
		if ev.toSpread { // it has not been let go meanwhile
			e.spread(ev, now, tally)
		}
	}
	clear(e.toSpread)
	e.toSpread = e.toSpread[:0]
}

// eventOf gives the event of a key, and makes it where it is not held.
func (e *Engine) eventOf(t *tenant, key event.Key, now time.Time, tally *Tally) *eventEntry {
	if ev := t.events[key]; ev != nil {
		return ev
	}
	for e.held.events >= e.config.MaxEvents {
		of := e.most(func(t *tenant) int { return len(t.events) })
		e.closeEvent(of.byTouch.Front().Value.(*eventEntry), now, tally)
	}
	ev := &eventEntry{tenant: t, key: key, part: rand.Uint64()}
	ev.timer = timer{event: ev, place: -1}
	if w := e.rec(); w != nil {
		w.EventBegin(ev.part, t.id, key)
	}
	if t.gone { // what its last runs come to is told, and nothing is kept
		ev.closing = true
		if e.log != nil {
			e.letGo[ev.part] = letGo{event: ev}
		}
		return ev
	}
	e.putEvent(ev)
	e.adopt(t, key.Event, now, tally)
	return ev
}

// putEvent puts an event among those that are held.
func (e *Engine) putEvent(ev *eventEntry) {
	ev.tenant.events[ev.key] = ev
	ev.tenant.customers.add(ev.key)
	ev.element = ev.tenant.byTouch.PushBack(ev)
	e.held.events++
}

// adopt gives what came without a run and without a customer to the event of the
// only customer that has such an event, now that one has: outcomes that wait to be
// told. What has been told as an event of its own stays one.
func (e *Engine) adopt(t *tenant, id string, now time.Time, tally *Tally) {
	orphan := t.events[event.Key{Event: id}]
	if orphan == nil || orphan.told != nil || orphan.busy > 0 || orphan.event.Len() > 0 || len(orphan.claims) == 0 {
		return
	}
	customer := t.customers.only(id)
	if customer == "" {
		return
	}
	e.releaseEvent(orphan)
	orphan.changed = false
	e.endEvent(orphan)
	ev := e.eventOf(t, event.Key{Customer: customer, Event: id}, now, tally)
	for i := range orphan.claims {
		e.sayOf(ev, &orphan.claims[i], now)
	}
	e.spread(ev, now, tally)
}

// sayOf puts an outcome that came without a run to an event. It reports whether
// it is new.
func (e *Engine) sayOf(ev *eventEntry, f *run.Fact, now time.Time) bool {
	if !ev.say(f) {
		return false
	}
	if w := e.rec(); w != nil {
		w.Claim(ev.part, f)
	}
	e.changeEvent(ev, now)
	return true
}

// changeEvent begins an event's wait again.
func (e *Engine) changeEvent(ev *eventEntry, now time.Time) {
	ev.changed = true
	e.measureEvent(ev)
	if ev.closing {
		e.weigh(ev)
		e.deadlines.set(&ev.timer, now)
		return
	}
	ev.tenant.byTouch.MoveToBack(ev.element)
	e.deadlines.set(&ev.timer, now.Add(e.config.EventQuiet))
}

// measureEvent brings what is known of an event's size up to date.
func (e *Engine) measureEvent(ev *eventEntry) {
	if ev.closing {
		return
	}
	n := ev.size()
	e.held.eventBytes += n - ev.bytes
	ev.tenant.eventBytes += n - ev.bytes
	ev.bytes = n
}

func (ev *eventEntry) size() int {
	n := eventBytes + len(ev.key.Customer) + len(ev.key.Event) + ev.event.Bytes() + len(ev.claims)*claimBytes
	if ev.owed != nil {
		n += owedBytes
		if ev.changed { // else it is what the event has as well
			n += ev.owed.event.Bytes()
		}
	}
	return n
}

// What an event takes beside its runs: itself and its places in indexes.
const (
	eventBytes = 768
	claimBytes = 1024
)

// closeEvent lets an event go. What of it has not been told is told at once. A
// run of it that is held would be told to the event's next part as a whole,
// and counted twice; so these are let go as well.
func (e *Engine) closeEvent(ev *eventEntry, now time.Time, tally *Tally) {
	if ev.toSpread {
		e.spread(ev, now, tally)
	}
	e.releaseEvent(ev)
	tally.EventsClosed++
	for _, m := range ev.event.Members() {
		en := ev.tenant.runs[m.RunID]
		switch {
		case en == nil || en.part != m.Part:
		case en.isLate:
			e.cutShort(en, tally)
		default:
			e.evict(en, ByEvents, tally) // its job goes to ev, which entry.event names
		}
	}
	if ev.changed {
		e.deadlines.set(&ev.timer, now)
	}
	e.endEvent(ev)
}

// releaseEvent takes an event out of all indexes.
func (e *Engine) releaseEvent(ev *eventEntry) {
	ev.closing = true
	delete(ev.tenant.events, ev.key)
	ev.tenant.customers.remove(ev.key)
	ev.tenant.byTouch.Remove(ev.element)
	e.deadlines.remove(&ev.timer)
	e.held.events--
	e.held.eventBytes -= ev.bytes
	ev.tenant.eventBytes -= ev.bytes
	ev.bytes = 0
	e.mayBeIdle(ev.tenant)
}

// eventJob is an event's summary to be made.
type eventJob struct {
	entry  *eventEntry
	event  event.Event // snapshot
	claims []run.Fact
	told   *event.Told
	again  bool // told once more, as it was
}

// takeEvents collects the events that are due.
func (e *Engine) takeEvents(now time.Time) []eventJob {
	e.mu.Lock()
	defer e.mu.Unlock()
	for due := e.deadlines.popDue(now); due != nil; due = e.deadlines.popDue(now) {
		if due.event != nil {
			e.dueEvents = append(e.dueEvents, due.event)
			continue
		}
		// A run became due since those were taken: it is taken next time.
		e.deadlines.set(due, due.due)
		break
	}
	var jobs []eventJob
	for _, ev := range e.dueEvents {
		switch {
		case ev.timer.place >= 0: // touched since it was found due
		case ev.changed && ev.owed != nil: // one revision at a time; see take
			e.deadlines.set(&ev.timer, now.Add(e.config.EventQuiet))
		case !ev.changed && ev.closing:
		case !ev.changed:
			e.expire(ev, now)
		case !ev.closing && ev.tenant.isAwaited(ev.key):
			e.deadlines.set(&ev.timer, now.Add(e.config.EventQuiet))
		default:
			jobs = append(jobs, e.eventJobOf(ev))
			if !ev.closing {
				e.deadlines.set(&ev.timer, now.Add(e.config.EventRetain))
			}
		}
	}
	e.dueEvents = e.dueEvents[:0]
	e.releaseIdle()
	return jobs
}

func (e *Engine) eventJobOf(ev *eventEntry) eventJob {
	ev.changed = false
	ev.busy++
	return eventJob{entry: ev, event: ev.event.Snapshot(), claims: slices.Clip(ev.claims)}
}

// expire forgets an event whose retention is over, unless a run of it is held:
// that one may be told again.
func (e *Engine) expire(ev *eventEntry, now time.Time) {
	for _, m := range ev.event.Members() {
		if en := ev.tenant.runs[m.RunID]; en != nil && en.part == m.Part {
			e.deadlines.set(&ev.timer, now.Add(e.config.EventQuiet))
			return
		}
	}
	e.releaseEvent(ev)
	e.endEvent(ev)
}

// takeAllEvents empties the engine of events.
func (e *Engine) takeAllEvents() []eventJob {
	e.mu.Lock()
	defer e.mu.Unlock()
	var jobs []eventJob
	for el := e.tenants.byQuiet.Front(); el != nil; el = el.Next() {
		t := el.Value.(*tenant)
		for t.byTouch.Len() > 0 {
			ev := t.byTouch.Front().Value.(*eventEntry)
			if ev.changed {
				jobs = append(jobs, e.eventJobOf(ev))
			}
			e.releaseEvent(ev)
		}
	}
	for due := e.deadlines.popDue(distant); due != nil; due = e.deadlines.popDue(distant) { // of tenants that are gone
		if due.event != nil && due.event.changed {
			jobs = append(jobs, e.eventJobOf(due.event))
		}
	}
	e.releaseIdle()
	return jobs
}

// distant is later than any deadline.
var distant = time.Unix(1<<40, 0)

// summariseEvents makes the summaries of events. The caller holds
// e.summarising.
func (e *Engine) summariseEvents(jobs []eventJob, now time.Time) {
	letters := make([]letterTo, 0, len(jobs))
	for i := range jobs {
		j := &jobs[i]
		if j.event.IsEmpty() && j.entry.told == nil {
			continue // its only run went to another event before anything was told
		}
		s := eventSummaryOf(j, now)
		if last := j.entry.told; last != nil && !s.Revise(last) {
			if again := eventSummaryOf(j, now); j.entry.unsure && eventAsTold(again, last, j.entry.before) {
				j.again = true
				letters = append(letters, letterTo{j.entry.tenant, Summary{Event: again}, true})
			}
			continue
		}
		told := s.Told()
		j.told = &told
		letters = append(letters, letterTo{tenant: j.entry.tenant, summary: Summary{Event: s}})
	}
	e.mu.Lock()
	for i := range jobs {
		ev := jobs[i].entry
		ev.busy--
		ev.unsure = false
		switch {
		case jobs[i].again:
			e.outbox.expect(ev.part)
			continue
		case jobs[i].told == nil:
			e.settle(ev.part)
			continue
		case e.log != nil:
			ev.before = ev.told
			ev.owed = &eventOwed{told: jobs[i].told, before: ev.told, event: jobs[i].event, claims: jobs[i].claims}
			e.outbox.expect(ev.part)
			e.measureEvent(ev)
			e.weigh(ev)
			if w := e.rec(); w != nil {
				w.EventTold(ev.part, jobs[i].told)
				if ev.changed { // while the summary was made
					w.EventChanged(ev.part, jobs[i].told.Revision)
				}
			}
		}
		ev.told = jobs[i].told
	}
	e.mu.Unlock()
	e.send(letters)
}

// eventSummaryOf is the summary of a job, as if none had been told before.
func eventSummaryOf(j *eventJob, now time.Time) *event.Summary {
	s := event.Summarize(j.event)
	if s.Start == 0 {
		s.Start, s.End = now.UnixNano(), now.UnixNano()
	}
	s.Tenant, s.Part = j.entry.tenant.key, j.entry.part
	s.Identity[run.Event], s.Identity[run.Customer] = j.entry.key.Event, j.entry.key.Customer
	return &s
}

// claimsOf takes out of facts that belong to no run those that name an event
// and an outcome, and puts that to the event: a review, a refund (contract,
// section 7). It gives the rest.
func (e *Engine) claimsOf(t *tenant, facts []run.Fact, now time.Time, tally *Tally) []run.Fact {
	if !e.config.Events {
		return facts
	}
	return slices.DeleteFunc(facts, func(f run.Fact) bool {
		c := alone(&f, now)
		if c == nil {
			return false
		}
		e.claim(t, f, c, now, tally)
		// A call on such a span is still one that belongs to no run.
		return f.Detail.Record == nil
	})
}

// alone gives what a span of no run says of the outcome of its event; nil
// where it says nothing. Outside a run nothing writes over a status that was
// stated, so an attribute counts as much as an event: as said when the span
// ended, or now where its times are absurd: they would outlast all that is said
// later.
func alone(f *run.Fact, now time.Time) *outcome.Claim {
	if f.Identity[run.Event] == "" || f.Detail == nil || f.Detail.Claim == nil {
		return nil
	}
	c := *f.Detail.Claim
	if len(c.Emissions) == 0 && (c.Attributes.Status != "" || c.Attributes.ValueType != "" || c.Attributes.Amount.OK) {
		said := c.Attributes
		said.Time = max(f.End, 1)
		if f.Flags&run.NoTimes != 0 {
			said.Time = now.UnixNano()
		}
		c.Emissions = []outcome.Statement{said}
	}
	if len(c.Emissions) == 0 {
		return nil
	}
	// Of a run's own end it knows nothing.
	return &outcome.Claim{Attributes: c.Attributes, Metadata: c.Metadata, Emissions: c.Emissions}
}

// claim puts an outcome that came without a run to its event: the one of its
// customer, or, where it names none, of the only customer that has such an event,
// or a run of one that has not been told.
func (e *Engine) claim(t *tenant, f run.Fact, c *outcome.Claim, now time.Time, tally *Tally) {
	key := event.Key{Customer: f.Identity[run.Customer], Event: f.Identity[run.Event]}
	if key.Customer == "" {
		if own := t.events[key]; own == nil || own.event.Len() == 0 { // else that of no customer is one, too
			key.Customer = t.customers.only(key.Event)
		}
	}
	f.Detail = &run.Detail{Claim: c}
	f.Flags = f.Flags&^(run.NamedRoot|run.NoParent|run.RemoteParent) | run.Apart // it is no run's root, nor span
	ev := e.eventOf(t, key, now, tally)
	if !e.sayOf(ev, &f, now) {
		return
	}
	tally.EventClaims++
	e.spread(ev, now, tally)
}

// spread gives the outcomes that came without a run to the run of the last
// attempt, while it is held.
func (e *Engine) spread(ev *eventEntry, now time.Time, tally *Tally) {
	ev.toSpread = false
	if len(ev.claims) == 0 {
		return
	}
	en := ev.tenant.runs[ev.event.LastAttempt()]
	if en == nil {
		return
	}
	for _, f := range ev.claims {
		if !en.run.Has(f.Key) {
			e.addClaim(en, &f, now, tally)
		}
	}
}

// addClaim adds an outcome to a run. It is no span of the run's traces.
func (e *Engine) addClaim(en *entry, f *run.Fact, now time.Time, tally *Tally) {
	if en.run.Add(f, e.config.SpansPerRun) == run.Grown {
		if w := e.rec(); w != nil {
			w.Fact(en.part, f)
		}
		e.measure(en)
		e.touch(en, now, tally)
	}
}
