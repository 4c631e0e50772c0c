package engine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// model is the contract's sections 3, 6 and 8, written to be seen to be right:
// lists of all that is held, gone through from end to end for each question.
// It shares with the engine what one set of spans amounts to (package run) and
// nothing else: which spans belong together, when they are summarised and what
// is let go are decided here anew.
type model struct {
	config Config
	spans  []modelSpan
	now    time.Time
	seq    int // of arrivals and touches, to tell which of two at one time came first

	parts   []*modelPart // held, in the order in which they began
	waiting []*modelStray
	tenants map[string]int    // that something is held of: seq of the last arrival
	quiet   map[traceOf]quiet // last arrival in a trace
	byRun   map[runOf][]*modelPart

	found   []*modelStray // have waited and found their run; known as long as others of the trace wait
	passing []passing     // spans that arrive now, known even if left out at their run's limit or let go with it

	wakes bool // something was evicted or lost, and is summed up at once
	aside Tally
	lost  []modelLost
	// unclear is why nothing can be said from here on: the contract leaves to
	// the engine which of two equals it takes first, and it begins to matter.
	unclear string
}

type (
	traceOf struct {
		tenant string
		trace  int
	}
	runOf   struct{ tenant, run string }
	passing struct {
		part *modelPart
		arrival
	}
	quiet struct {
		since time.Time
		seq   int
	}
	modelLost struct {
		run    run.Run
		beside []run.Run
	}
)

// modelPart is one holding of a run.
type modelPart struct {
	tenant, run string
	number      int // among the run's parts
	held        []arrival
	entered     map[int]int // by trace with spans of it, also such as were left out: when the first came
	truncated   bool
	root        bool // its root has arrived
	calls       bool
	outside     []int // spans of which one is the parent of one of these, and which belong to no run
	suspect     bool
	missing     bool // a run with calls that was beside it has been let go
	late        bool
	opens       bool      // late, and about to be open: while room is made it counts as neither
	began       time.Time // when its first span came
	touched     time.Time
	seq         int       // of the last touch, or of the summary
	opened      time.Time // from when max_duration counts, again
	told        time.Time // of a late one: when it was summarised
	until       time.Time // of a late one: when it is let go
	made        []run.Summary
	as          run.Completion
	jobs        []*modelJob // not yet summed up

	// What the next component has of it.
	engine uint64 // the engine's name for it
	seen   int    // revisions delivered or rejected: the newest, plus one
	got    map[int]run.Summary

	// What was to be seen while it was held, by run: the spans of others.
	witness map[string][]arrival
}

type modelJob struct {
	run        run.Run
	beside     []run.Run
	completion run.Completion
	caveats    billing.Caveats
}

type modelStray struct {
	tenant string
	arrival
}

func newModel(config Config, spans []modelSpan) *model {
	return &model{
		config: config, spans: spans,
		tenants: map[string]int{}, quiet: map[traceOf]quiet{}, byRun: map[runOf][]*modelPart{},
	}
}

func (m *model) next() int { m.seq++; return m.seq }

// observe is a batch of one tenant.
func (m *model) observe(tenant string, batch []arrival) (tally Tally) {
	for _, a := range batch {
		s := &m.spans[a.span]
		if s.run == "" {
			tally.NoRun++
			if !m.config.Inherit {
				continue
			}
		}
		if _, known := m.tenants[tenant]; !known {
			for len(m.tenants) >= m.config.Tenants {
				m.evictTenant(&tally)
			}
		}
		m.tenants[tenant] = m.next()
		m.quiet[traceOf{tenant, s.trace}] = quiet{m.now, m.next()}
		switch in := m.holder(tenant, s.trace, s.id); {
		case s.run != "":
			m.join(tenant, s.run, a, &tally)
		case in != nil: // has found its run before
			m.join(tenant, in.run, a, &tally)
		case s.parent != 0 && m.holder(tenant, s.trace, s.parent) != nil:
			tally.Inherited++
			m.join(tenant, m.holder(tenant, s.trace, s.parent).run, a, &tally)
		default:
			m.wait(tenant, a, &tally)
		}
		m.settle(tenant, &tally)
		m.passing = nil
		for len(m.waiting) > m.config.InheritSpans {
			at := m.quietest(func(traceOf) bool { return true })
			m.decide(at, &tally)
			tally.DecidedEarly++
		}
	}
	m.forgetTenants()
	if m.wakes {
		m.look(&m.aside)
	}
	return tally
}

// holder is the held part of a tenant that has a span.
func (m *model) holder(tenant string, trace, id int) *modelPart {
	for _, p := range m.parts {
		if p.tenant == tenant && m.place(m.arrived(p), trace, id) >= 0 {
			return p
		}
	}
	for _, o := range m.passing {
		if s := &m.spans[o.span]; o.part.tenant == tenant && s.trace == trace && s.id == id {
			return o.part
		}
	}
	return nil
}

func (m *model) place(list []arrival, trace, id int) int {
	return slices.IndexFunc(list, func(a arrival) bool { return m.spans[a.span].trace == trace && m.spans[a.span].id == id })
}

// wait remembers a span that names no run.
func (m *model) wait(tenant string, a arrival, tally *Tally) {
	for _, w := range append(m.found, m.waiting...) {
		if w.tenant == tenant && w.span == a.span {
			if w.version == a.version {
				tally.Duplicates++
			} else {
				w.version = max(w.version, a.version)
				tally.Conflicts++
			}
			return
		}
	}
	m.waiting = append(m.waiting, &modelStray{tenant, a})
}

// settle gives the waiting spans of which the parent is in a run to that run,
// until there is none.
func (m *model) settle(tenant string, tally *Tally) {
	given, full, folded := 0, tally.Full, tally.Folded
	for again := true; again; {
		again = false
		for i, w := range m.waiting {
			s := &m.spans[w.span]
			if w.tenant != tenant || s.parent == 0 {
				continue
			}
			if p := m.holder(tenant, s.trace, s.parent); p != nil {
				m.waiting = slices.Delete(m.waiting, i, i+1)
				m.found = append(m.found, w)
				tally.Inherited++
				m.join(tenant, p.run, w.arrival, tally)
				given++
				again = true
				break
			}
		}
	}
	m.found = slices.DeleteFunc(m.found, func(f *modelStray) bool {
		return !slices.ContainsFunc(m.waiting, func(w *modelStray) bool {
			return f.tenant == w.tenant && m.spans[f.span].trace == m.spans[w.span].trace
		})
	})
	if given > 1 && tally.Full > full && tally.Folded > folded {
		m.unclear = "which of several spans that found their run together got in at its limit"
	}
}

// decide ends the wait of the spans of a trace.
func (m *model) decide(at traceOf, tally *Tally) {
	var here []*modelStray
	m.waiting = slices.DeleteFunc(m.waiting, func(w *modelStray) bool {
		if w.tenant == at.tenant && m.spans[w.span].trace == at.trace {
			here = append(here, w)
			return true
		}
		return false
	})
	runs := m.inTrace(at)
	var broken, whole []arrival
	for _, w := range here {
		if m.broken(here, w) {
			broken = append(broken, w.arrival)
		} else {
			whole = append(whole, w.arrival)
		}
	}
	if len(runs) == 1 {
		for _, a := range broken {
			tally.Inherited++
			m.join(at.tenant, runs[0].run, a, tally)
		}
		broken = nil
	}
	m.passing = nil
	m.found = slices.DeleteFunc(m.found, func(f *modelStray) bool { return f.tenant == at.tenant && m.spans[f.span].trace == at.trace })
	homeless := slices.Concat(broken, whole)
	tally.Unattributed += len(homeless)
	calls := slices.ContainsFunc(homeless, func(a arrival) bool { return m.spans[a.span].isCall() })
	runs = m.inTrace(at)
	for _, p := range runs {
		for _, a := range homeless {
			if m.hasChild(p, a.span) {
				p.outside = append(p.outside, a.span)
			}
		}
	}
	var doubtful []*modelPart
	if calls {
		l := modelLost{run: m.runOf(homeless)}
		for _, p := range runs {
			l.beside = append(l.beside, m.factsOf(p))
			if !p.suspect { // whose the call is nobody knows
				p.suspect = true
				doubtful = append(doubtful, p)
			}
		}
		m.lost = append(m.lost, l)
		m.wakes = true
	}
	for _, p := range doubtful {
		if m.isHeld(p) {
			m.touch(p, tally)
		}
	}
	for _, p := range runs {
		for _, a := range homeless {
			m.seeRoot(p, a.span, tally)
		}
	}
}

// broken reports whether the chain of parents of a waiting span ends at one
// that never came, or in a circle.
func (m *model) broken(here []*modelStray, w *modelStray) bool {
	for range len(here) + 1 {
		s := &m.spans[w.span]
		if s.parent == 0 {
			return false
		}
		at := slices.IndexFunc(here, func(o *modelStray) bool { return m.spans[o.span].id == s.parent })
		if at < 0 {
			return true
		}
		w = here[at]
	}
	return true
}

// inTrace is the held runs with spans in a trace, in the order in which they came to it.
func (m *model) inTrace(at traceOf) []*modelPart {
	var list []*modelPart
	for _, p := range m.parts {
		if _, in := p.entered[at.trace]; in && p.tenant == at.tenant {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b *modelPart) int { return a.entered[at.trace] - b.entered[at.trace] })
	return list
}

// quietest is the trace with waiting spans that has been quiet for longest, of
// those that fit.
func (m *model) quietest(fits func(traceOf) bool) traceOf {
	var found traceOf
	for _, w := range m.waiting {
		at := traceOf{w.tenant, m.spans[w.span].trace}
		if fits(at) && (found == traceOf{} || m.quiet[at].seq < m.quiet[found].seq) {
			found = at
		}
	}
	return found
}

// join adds a span to a run.
func (m *model) join(tenant, id string, a arrival, tally *Tally) {
	s := &m.spans[a.span]
	p := m.partOf(tenant, id)
	if p == nil {
		m.makeRoom(tally)
		key := runOf{tenant, id}
		p = &modelPart{tenant: tenant, run: id, number: len(m.byRun[key]) + 1, began: m.now, opened: m.now, entered: map[int]int{}, got: map[int]run.Summary{}}
		p.witness = map[string][]arrival{}
		for _, other := range m.parts {
			if other.tenant == tenant {
				p.witness[other.run] = slices.Clone(other.held)
			}
		}
		m.parts = append(m.parts, p)
		m.byRun[key] = append(m.byRun[key], p)
	}
	if i := m.place(p.held, s.trace, s.id); i >= 0 {
		if p.held[i].version == a.version {
			tally.Duplicates++
			return
		}
		p.held[i].version = max(p.held[i].version, a.version)
		tally.Conflicts++
	} else if len(p.held) >= m.config.SpansPerRun {
		p.truncated = true
		tally.Full++
	} else {
		p.held = append(p.held, a)
		tally.Folded++
		if p.late {
			tally.Late++
		}
	}
	if _, known := p.entered[s.trace]; !known {
		p.entered[s.trace] = m.next()
	}
	p.calls = p.calls || s.isCall()
	p.root = p.root || s.named || s.completed || s.remote || s.parent == 0
	m.passing = append(m.passing, passing{p, a})
	m.show(p, a)
	here := traceOf{tenant, s.trace}
	for _, other := range m.inTrace(here) {
		p.root = p.root || other != p && s.parent != 0 && m.place(other.held, s.trace, s.parent) >= 0
	}
	m.touch(p, tally)
	joins := s.isCall() || slices.ContainsFunc(m.inTrace(here), func(o *modelPart) bool { return m.hasChild(o, a.span) })
	for _, other := range m.inTrace(here) {
		if other == p || !m.isHeld(other) {
			continue
		}
		m.seeRoot(other, a.span, tally)
		if joins && other.late && other.calls {
			m.touch(other, tally) // a call may not be its own
		}
	}
}

// show tells the other runs that are held of a span.
func (m *model) show(p *modelPart, a arrival) {
	for _, other := range m.parts {
		if other != p && other.tenant == p.tenant {
			other.witness[p.run] = append(other.witness[p.run], a)
		}
	}
}

// overcharged names a part that is said to be exact, and to cost more than the
// spans say that were to be seen while it was held.
func (m *model) overcharged() string {
	for _, parts := range m.byRun {
		for _, p := range parts {
			if len(p.made) == 0 || p.truncated || p.made[len(p.made)-1].Cost.Accuracy != billing.Exact {
				continue
			}
			last := &p.made[len(p.made)-1]
			var beside []run.Run
			for _, seen := range p.witness {
				beside = append(beside, m.runOf(seen))
			}
			if truth := run.Summarize(m.factsOf(p), run.Idle, run.Options{}, beside...); truth.Cost.Total < last.Cost.Total {
				return fmt.Sprintf("%s is exact at %v, and is %v", p, last.Cost.Total, truth.Cost.Total)
			}
		}
	}
	return ""
}

// seeRoot notes that a run has its root beneath a span that is not of it, if
// that is so. One that was told without its root is told again.
func (m *model) seeRoot(p *modelPart, span int, tally *Tally) {
	if p.root || !m.isHeld(p) || !m.hasChild(p, span) {
		return
	}
	p.root = true
	if p.late {
		m.touch(p, tally)
	}
}

// hasChild reports whether a run holds a span beneath another.
func (m *model) hasChild(p *modelPart, span int) bool {
	above := &m.spans[span]
	return slices.ContainsFunc(p.held, func(a arrival) bool {
		s := &m.spans[a.span]
		return s.trace == above.trace && s.parent == above.id
	})
}

// arrived is what is known of a run: what is held, and what is just being left out.
func (m *model) arrived(p *modelPart) []arrival {
	list := slices.Clone(p.held)
	for _, o := range m.passing {
		if o.part == p {
			list = append(list, o.arrival)
		}
	}
	return list
}

func (m *model) partOf(tenant, id string) *modelPart {
	for _, p := range m.parts {
		if p.tenant == tenant && p.run == id {
			return p
		}
	}
	return nil
}

func (m *model) isHeld(p *modelPart) bool { return slices.Contains(m.parts, p) }

// touch begins a run's wait again, and opens it where it has been summarised.
func (m *model) touch(p *modelPart, tally *Tally) {
	p.touched = m.now
	if p.late {
		p.opens = true
		m.makeRoom(tally)
		p.opens, p.late, p.opened = false, false, m.now
	}
	p.seq = m.next()
}

func (m *model) count(late bool) int {
	n := 0
	for _, p := range m.parts {
		if p.late == late && !p.opens {
			n++
		}
	}
	return n
}

// worst is the run to let go of: of the tenant with most such runs, among
// those with equally many the one quiet for longest, the run quiet for longest.
func (m *model) worst(late bool) *modelPart {
	byTenant := map[string]int{}
	for _, p := range m.parts {
		if p.late == late {
			byTenant[p.tenant]++
		}
	}
	tenant, most := "", 0
	for t, n := range byTenant {
		if n > most || n == most && m.tenants[t] < m.tenants[tenant] {
			tenant, most = t, n
		}
	}
	return m.quietestOf(tenant, late)
}

func (m *model) quietestOf(tenant string, late bool) *modelPart {
	var found *modelPart
	for _, p := range m.parts {
		if p.tenant == tenant && p.late == late && (found == nil || p.seq < found.seq) {
			found = p
		}
	}
	return found
}

func (m *model) makeRoom(tally *Tally) {
	for m.count(false) >= m.config.OpenRuns {
		m.evict(m.worst(false), ByOpenRuns, tally)
	}
}

func (m *model) evict(p *modelPart, by Limit, tally *Tally) {
	m.tellEarly(p, by, tally)
	m.missed(p)
	m.drop(p)
}

func (m *model) tellEarly(p *modelPart, by Limit, tally *Tally) {
	p.suspect = p.suspect || m.callsWait(p)
	j := m.jobOf(p, run.Evicted)
	if p.calls && !p.root { // what is still to come may repeat them
		j.caveats |= billing.PossibleDuplicate
	}
	p.jobs = append(p.jobs, j)
	m.wakes = true
	tally.Evicted[by]++
}

// missed marks the runs that may repeat a call of one that they can no longer
// be compared with.
func (m *model) missed(p *modelPart) {
	for _, other := range m.parts {
		if other != p && m.shareTrace(p, other) {
			other.missing = true
		}
	}
}

func (m *model) cutShort(p *modelPart, tally *Tally) {
	if !p.suspect && m.callsWait(p) {
		p.suspect = true
		p.jobs = append(p.jobs, m.jobOf(p, p.as))
		m.wakes = true
	}
	m.missed(p)
	m.drop(p)
	tally.CutShort++
}

func (m *model) drop(p *modelPart) {
	m.parts = slices.DeleteFunc(m.parts, func(o *modelPart) bool { return o == p })
}

func (m *model) evictTenant(tally *Tally) {
	tenant, first := "", 0
	for t, seq := range m.tenants {
		if tenant == "" || seq < first {
			tenant, first = t, seq
		}
	}
	var last time.Time
	for {
		at := m.quietest(func(at traceOf) bool { return at.tenant == tenant })
		if at == (traceOf{}) {
			break
		}
		if m.quiet[at].since.Equal(last) { // it matters at the limits, and for what is counted as lost
			m.unclear = "which of several traces of a tenant that is let go is decided first"
		}
		last = m.quiet[at].since
		m.decide(at, tally)
		tally.DecidedEarly++
	}
	var open, late []*modelPart
	for _, p := range m.parts {
		switch {
		case p.tenant != tenant:
		case p.late:
			late = append(late, p)
		default:
			open = append(open, p)
		}
	}
	for _, p := range open { // all of them before the first is gone
		m.tellEarly(p, ByTenants, tally)
	}
	for _, p := range open {
		m.drop(p)
	}
	for _, p := range late {
		m.cutShort(p, tally)
	}
	delete(m.tenants, tenant)
}

// forgetTenants forgets those of which nothing is held.
func (m *model) forgetTenants() {
	for t := range m.tenants {
		holds := slices.ContainsFunc(m.parts, func(p *modelPart) bool { return p.tenant == t }) ||
			slices.ContainsFunc(m.waiting, func(w *modelStray) bool { return w.tenant == t })
		if !holds {
			delete(m.tenants, t)
		}
	}
}

// due is when something is to be done with a run if nothing more arrives.
func (m *model) due(p *modelPart) time.Time {
	if p.late {
		return p.until
	}
	due := p.touched.Add(m.config.IdleTimeout)
	if p.root {
		due = p.touched.Add(m.config.QuietPeriod)
	}
	if longest := p.opened.Add(m.config.MaxDuration); longest.Before(due) {
		due = longest
	}
	return due
}

// look does what is due by now.
func (m *model) look(tally *Tally) {
	for {
		at := m.quietest(func(at traceOf) bool { return !m.quiet[at].since.Add(m.config.InheritQuiet).After(m.now) })
		if at == (traceOf{}) {
			break
		}
		m.decide(at, tally)
	}
	var due []*modelPart
	for _, p := range m.parts {
		if !m.due(p).After(m.now) {
			due = append(due, p)
		}
	}
	slices.SortStableFunc(due, func(a, b *modelPart) int { return m.due(a).Compare(m.due(b)) })
	m.doubt(due)
	for _, p := range due { // all of them before the first is gone
		if !p.late {
			p.suspect = p.suspect || m.config.LateRuns == 0 && m.why(p) != run.MaxDuration && m.callsWait(p)
			p.jobs = append(p.jobs, m.jobOf(p, m.why(p)))
		}
	}
	for _, p := range due {
		switch {
		case !m.isHeld(p): // made room for another
		case p.late:
			m.endLate(p)
		case m.why(p) == run.MaxDuration:
			p.opened = m.now
		default:
			m.hold(p, tally)
		}
	}
	m.sumUp()
	m.forgetTenants()
}

// endLate ends a late window, unless what the run has called may still be
// repeated by another that is held for longer.
func (m *model) endLate(p *modelPart) {
	for _, other := range m.parts {
		if other == p || !m.shareTrace(p, other) {
			continue
		}
		until := m.now.Add(m.config.LateWindow)
		if other.late {
			until = other.until
		}
		if until.After(p.until) {
			p.until = until
		}
	}
	if at := m.waitUntil(p); at.After(p.until) {
		p.until = at
	}
	if p.until.After(m.now) {
		return
	}
	m.missed(p)
	m.drop(p)
}

// doubt sees whether it matters in which order things that are due together
// are done.
func (m *model) doubt(due []*modelPart) {
	closing := 0
	for _, p := range due {
		if !p.late {
			closing++
		}
	}
	tight := m.config.LateRuns > 0 && m.count(true)+closing > m.config.LateRuns
	if tight && closing > 1 {
		m.unclear = "which of several runs that are summarised together is let go"
	}
	for _, p := range due {
		for _, q := range due {
			if tight && p.late != q.late && m.due(p).Equal(m.due(q)) {
				m.unclear = "whether a run is held before another's late window ends"
			}
			if p != q && p.late && q.late && m.due(p).Equal(m.due(q)) && m.shareTrace(p, q) &&
				(m.sharesMore(q, due) || m.waitUntil(q).After(m.now)) {
				m.unclear = "whether a late window ends before another is made longer"
			}
		}
	}
}

// sharesMore reports whether a run shares a trace with one that stays.
func (m *model) sharesMore(p *modelPart, due []*modelPart) bool {
	return slices.ContainsFunc(m.parts, func(o *modelPart) bool { return !(o.late && slices.Contains(due, o)) && m.shareTrace(p, o) })
}

func (m *model) shareTrace(p, q *modelPart) bool {
	if p.tenant != q.tenant {
		return false
	}
	for trace := range p.entered {
		if _, in := q.entered[trace]; in {
			return true
		}
	}
	return false
}

// why is why an open run is due.
func (m *model) why(p *modelPart) run.Completion {
	switch {
	case p.root && !m.now.Before(p.touched.Add(m.config.QuietPeriod)):
		return run.RootEnded
	case !p.root && !m.now.Before(p.touched.Add(m.config.IdleTimeout)):
		return run.Idle
	}
	return run.MaxDuration
}

// hold keeps a summarised run for its late window.
func (m *model) hold(p *modelPart, tally *Tally) {
	p.as = m.why(p)
	until := m.now.Add(m.config.LateWindow)
	if at := m.waitUntil(p); at.After(until) {
		until = at
	}
	if !until.After(m.now) || m.config.LateRuns == 0 {
		m.missed(p)
		m.drop(p)
		return
	}
	for m.count(true) >= m.config.LateRuns {
		worst := m.worst(true)
		for _, o := range m.parts {
			if o != worst && o.late && o.tenant == worst.tenant && o.told.Equal(worst.told) {
				m.unclear = "which of several runs that were summarised together is let go"
			}
		}
		m.cutShort(worst, tally)
	}
	p.late, p.told, p.until, p.seq = true, m.now, until, m.next()
}

// shutdown summarises every open run.
func (m *model) shutdown() {
	for len(m.waiting) > 0 {
		m.decide(m.quietest(func(traceOf) bool { return true }), &m.aside)
	}
	for _, p := range m.parts {
		if !p.late {
			p.jobs = append(p.jobs, m.jobOf(p, run.Shutdown))
		}
	}
	m.parts = nil
	m.sumUp()
	m.forgetTenants()
}

// waitUntil is until when spans wait in a run's traces that may be its own.
func (m *model) waitUntil(p *modelPart) (until time.Time) {
	for _, w := range m.waiting {
		at := traceOf{w.tenant, m.spans[w.span].trace}
		if _, in := p.entered[at.trace]; in && p.tenant == w.tenant && m.quiet[at].since.Add(m.config.InheritQuiet).After(until) {
			until = m.quiet[at].since.Add(m.config.InheritQuiet)
		}
	}
	return until
}

// callsWait reports whether calls have waited for their run in a trace of this
// one in which spans still do.
func (m *model) callsWait(p *modelPart) bool {
	return slices.ContainsFunc(slices.Concat(m.waiting, m.found), func(c *modelStray) bool {
		_, in := p.entered[m.spans[c.span].trace]
		return in && p.tenant == c.tenant && m.spans[c.span].isCall() && slices.ContainsFunc(m.waiting, func(w *modelStray) bool {
			return w.tenant == c.tenant && m.spans[w.span].trace == m.spans[c.span].trace
		})
	})
}

// runOf is facts as package run holds them.
func (m *model) runOf(held []arrival) run.Run {
	var r run.Run
	for _, a := range held {
		f := m.spans[a.span].facts[a.version]
		r.Add(&f, len(held))
	}
	return r
}

// factsOf is all that is known of a run.
func (m *model) factsOf(p *modelPart) run.Run {
	r := m.runOf(p.held)
	if p.truncated {
		r.Add(&run.Fact{Key: run.SpanKey{Span: [8]byte{255}}}, len(p.held))
	}
	for _, span := range p.outside {
		r.Outside(m.spans[span].facts[0].Key)
	}
	return r
}

func (m *model) jobOf(p *modelPart, completion run.Completion) *modelJob {
	j := &modelJob{run: m.factsOf(p), completion: completion}
	if p.suspect {
		j.caveats |= billing.AttributionSuspect
	}
	if p.missing {
		j.caveats |= billing.PossibleDuplicate
	}
	traces := make([]int, 0, len(p.entered))
	for trace := range p.entered {
		traces = append(traces, trace)
	}
	slices.SortFunc(traces, func(a, b int) int { return p.entered[a] - p.entered[b] })
	var known []*modelPart
	spans := 0
	for _, trace := range traces {
		for _, other := range m.inTrace(traceOf{p.tenant, trace}) {
			if other == p || slices.Contains(known, other) {
				continue
			}
			known = append(known, other)
			if spans += len(other.held); spans > m.config.SpansPerRun { // no more is looked at
				j.caveats |= billing.PossibleDuplicate
				return j
			}
			if other.truncated { // what it left out this run may repeat
				j.caveats |= billing.PossibleDuplicate
			}
			j.beside = append(j.beside, m.factsOf(other))
		}
	}
	return j
}

// sumUp makes the summaries of what is due and of what was let go, and counts
// what belongs to no run.
func (m *model) sumUp() {
	for _, parts := range m.byRun {
		for _, p := range parts {
			for _, j := range p.jobs {
				s := run.Summarize(j.run, j.completion, run.Options{Caveats: j.caveats}, j.beside...)
				if s.Start == 0 { // no span of it has a usable time
					s.Start, s.End = p.began.UnixNano(), p.began.UnixNano()
				}
				s.RunID, s.Revision = p.run, len(p.made)
				if n := len(p.made); n > 0 {
					s.Anchor = p.made[0].Anchor
					if reflect.DeepEqual(bare(s), bare(p.made[n-1])) {
						continue
					}
				}
				p.made = append(p.made, s)
			}
			p.jobs = nil
		}
	}
	for _, l := range m.lost {
		bill := run.Summarize(l.run, run.Idle, run.Options{}, l.beside...).Cost
		m.aside.Lost.Calls += bill.Calls
		m.aside.Lost.Unpriced += bill.Unpriced
		m.aside.Lost.Cost += bill.Total
	}
	m.lost, m.wakes = nil, false
}

// bare is what a summary says of its run, without what it says of itself in
// relation to others.
func bare(s run.Summary) run.Summary {
	s.Tenant, s.Part, s.Revision, s.PreviousStatus, s.Increase, s.ModelIncrease, s.Notes = "", 0, 0, nil, 0, nil, nil
	return s
}

// increase is what a summary has more than one before, by model: calls and
// picodollars.
func increase(now, before *run.Summary) map[string][2]int64 {
	sums := map[string][2]int64{}
	add := func(models []cost.Model, sign int64) {
		for i := range models {
			key := models[i].Provider + "/" + models[i].Name
			sums[key] = [2]int64{sums[key][0] + sign*int64(models[i].Calls), sums[key][1] + sign*int64(models[i].Total)}
		}
	}
	add(now.Cost.Models, 1)
	if before != nil {
		add(before.Cost.Models, -1)
	}
	return withoutZeros(sums)
}

// stated is the increase that a summary states, by model.
func stated(s *run.Summary) map[string][2]int64 {
	return increase(&run.Summary{Cost: cost.Bill{Models: s.ModelIncrease}}, nil)
}

// withoutZeros leaves out the models of which there is nothing more: whether
// they are named makes no difference.
func withoutZeros(sums map[string][2]int64) map[string][2]int64 {
	maps.DeleteFunc(sums, func(_ string, n [2]int64) bool { return n == [2]int64{} })
	return sums
}

// previous is the status that a revision is to name as the one before.
func previous(now, before *run.Summary) *outcome.Status {
	if before == nil || before.Outcome.Status == now.Outcome.Status {
		return nil
	}
	return &before.Outcome.Status
}

// roomy is a limit that is not reached.
const roomy = 1000

func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }
