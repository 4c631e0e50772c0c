package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// TestEngineAgainstModel plays random worlds to the engine and to the model,
// and compares all that can be seen after each step. Many short worlds are for
// what happens at their end.
func TestEngineAgainstModel(t *testing.T) {
	base := testConfig(t)
	x := newModelExtractor(base)
	for _, size := range []struct{ seeds, steps int }{{300, 80}, {1500, 8}} {
		size.seeds /= sparing()
		compared := 0
		for seed := range uint64(size.seeds) {
			w := newModelWorld(base, x, seed, size.steps)
			fault, done := w.play(t)
			compared += done
			if fault != "" {
				w, fault = w.shrink(t, fault)
				t.Fatalf("seed %d: %s\n%s", seed, fault, w)
			}
		}
		require.Greater(t, compared, size.seeds*size.steps*8/10, "too many worlds became unclear")
	}
}

// sparing is by how much fewer worlds are played where each takes longer, or
// there is little time.
func sparing() int {
	b, _ := debug.ReadBuildInfo()
	switch {
	case testing.Short():
		return 10
	case b != nil && slices.Contains(b.Settings, debug.BuildSetting{Key: "-race", Value: "true"}):
		return 4
	}
	return 1
}

func newModelExtractor(c Config) *extract.Extractor {
	c.Extract.Unowned = true
	return extract.New(c.Extract)
}

// shrink leaves out what is not needed for a world to fail.
func (w *modelWorld) shrink(t *testing.T, fault string) (*modelWorld, string) {
	try := func(change func(*modelWorld)) bool {
		smaller := *w
		smaller.steps = slices.Clone(w.steps)
		change(&smaller)
		f, _ := smaller.play(t)
		if f != "" {
			w, fault = &smaller, f
		}
		return f != ""
	}
	for size := len(w.steps) / 2; size > 0; {
		cut := false
		for at := 0; at+size <= len(w.steps); {
			if try(func(s *modelWorld) { s.steps = slices.Delete(s.steps, at, at+size) }) {
				cut = true
			} else {
				at += size
			}
		}
		if !cut || size > 1 {
			size /= 2
		}
	}
	for i := range w.steps {
		for at := 0; at < len(w.steps[i].batch); {
			ok := len(w.steps[i].batch) > 1 && try(func(s *modelWorld) {
				s.steps[i].batch = slices.Delete(slices.Clone(s.steps[i].batch), at, at+1)
			})
			if !ok {
				at++
			}
		}
		for w.steps[i].rounds > 0 && try(func(s *modelWorld) { s.steps[i].rounds-- }) {
		}
	}
	return w, fault
}

// play runs a world in a bubble. It says what is wrong, and how many steps
// were compared.
func (w *modelWorld) play(t *testing.T) (fault string, done int) {
	synctest.Test(t, func(*testing.T) {
		p := newPlay(w)
		defer func() { _ = p.end() }()
		for i := range w.steps {
			if fault = p.step(&w.steps[i]); fault != "" || p.model.unclear != "" {
				return
			}
			done++
		}
		fault = p.shutdown()
	})
	return fault, done
}

// play is a world that is being played.
type play struct {
	world    *modelWorld
	model    *model
	engine   *Engine
	next     *nextComponent
	parts    map[uint64]*modelPart // by the engine's name
	tenants  map[string]string     // by the engine's name
	tick     time.Time             // the last that the model has seen
	trouble  time.Time             // when the next component last did not simply take what it got
	rejected int64
	ended    bool
}

func newPlay(w *modelWorld) *play {
	p := &play{
		world: w, model: newModel(w.config, w.spans), next: &nextComponent{answer: answer{how: takes}},
		parts: map[uint64]*modelPart{}, tenants: map[string]string{}, tick: bubbleStart,
	}
	p.engine = New(w.config, p.next.emit, p.next.tell)
	p.engine.Start()
	time.Sleep(half)
	return p
}

func (p *play) step(s *modelStep) string {
	at := s.at(time.Now())
	time.Sleep(time.Until(at))
	synctest.Wait()
	p.pass(at)
	if fault := p.compare("before the step"); fault != "" || p.model.unclear != "" {
		return fault
	}
	if s.answer.how != "" {
		p.next.become(s.answer)
		p.trouble = at
	}
	if len(s.batch) > 0 {
		spans := ptrace.NewTraces()
		list := spans.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for _, a := range s.batch {
			p.world.spans[a.span].appendTo(list, a.version)
		}
		got := p.engine.Observe(spans, metadataOf(s.tenant), at)
		got.Invalid = extract.Invalid{}
		want := p.model.observe(s.tenant, s.batch)
		if p.model.unclear == "" && got != want {
			return fmt.Sprintf("at %v: tally of the batch is\n%+v, not\n%+v", at.Sub(bubbleStart), got, want)
		}
	}
	synctest.Wait()
	return p.compare("after the step")
}

func metadataOf(tenant string) [][]string { return [][]string{{tenant}, {"x"}} }

// pass lets the model see the ticks until now: each second, as that is less
// than a tenth of the shortest wait.
func (p *play) pass(now time.Time) {
	for ; p.tick.Before(now); p.tick = p.tick.Add(time.Second) {
		p.model.now = p.tick
		p.model.look(&p.model.aside)
		if p.model.unclear != "" {
			return
		}
	}
	p.model.now = now
}

// shutdown ends a world, in one of three ways.
func (p *play) shutdown() string {
	refuse := p.world.seed%10 == 0
	p.trouble = time.Now()
	if refuse {
		p.next.become(answer{how: refuses})
	} else {
		p.next.change(answer{how: takes})
	}
	p.model.shutdown()
	if p.model.unclear != "" {
		return ""
	}
	err := p.end()
	if fault := p.read(); fault != "" {
		return "shutdown: " + fault
	}
	missing := ""
	for _, parts := range p.model.byRun {
		for _, part := range parts {
			if part.seen != len(part.made) {
				missing = fmt.Sprintf("%s has %d revisions, %d arrived", part, len(part.made), part.seen)
			}
		}
	}
	switch {
	case !refuse && missing != "":
		return "shutdown: " + missing
	case !refuse && err != nil:
		return "shutdown: " + err.Error()
	case refuse && missing != "" && err == nil:
		return "shutdown is silent, but " + missing
	}
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	if h := p.engine.held; h != (held{}) || len(p.engine.tenants.byKey)+p.engine.strays.byQuiet.Len() > 0 {
		return fmt.Sprintf("after shutdown there is left %+v", h)
	}
	if fault := p.compareAside(); fault != "" {
		return fault
	}
	return p.model.overcharged()
}

func (p *play) end() error {
	if p.ended {
		return nil
	}
	p.ended = true
	if p.next.how() == hangs {
		p.next.change(answer{how: takes})
	}
	err := p.engine.Shutdown(context.Background())
	synctest.Wait()
	return err
}

// compare says what differs between engine and model.
func (p *play) compare(when string) string {
	if p.model.unclear != "" {
		return ""
	}
	fault := ""
	for _, look := range []func() string{p.compareRuns, p.read, p.arrived, p.compareGauges, p.compareAside} {
		if fault == "" {
			fault = look()
		}
	}
	if fault != "" {
		fault = fmt.Sprintf("at %v, %s: %s", time.Since(bubbleStart).Truncate(time.Second), when, fault)
	}
	return fault
}

func (p *play) compareGauges() string {
	g := p.engine.Gauges()
	got := Gauges{Open: g.Open, Late: g.Late, Waiting: g.Waiting, Tenants: g.Tenants, EvictedWaiting: g.EvictedWaiting, Rejected: g.Rejected}
	m := p.model
	want := Gauges{Open: m.count(false), Late: m.count(true), Waiting: len(m.waiting), Tenants: len(m.tenants), Rejected: p.rejected}
	if got != want {
		return fmt.Sprintf("gauges are %+v, not %+v", got, want)
	}
	return ""
}

// compareRuns compares the runs that are held, one by one.
func (p *play) compareRuns() string {
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	for _, part := range p.model.parts {
		var en *entry
		key, _ := tenantKey(metadataOf(part.tenant))
		if t := p.engine.tenants.byKey[key]; t != nil {
			en = t.runs[part.run]
		}
		if en == nil {
			return fmt.Sprintf("%s is not held", part)
		}
		type state struct {
			late, root bool
			spans      int
			due        time.Duration
		}
		got := state{en.isLate, en.rootSeen, en.run.Len(), en.timer.due.Sub(bubbleStart)}
		want := state{part.late, part.root, len(part.held), p.model.due(part).Sub(bubbleStart)}
		if got != want {
			return fmt.Sprintf("%s is held as %+v, not %+v", part, got, want)
		}
		if part.engine == 0 && p.parts[en.part] == nil {
			part.engine, p.parts[en.part] = en.part, part
		}
		if part.engine != en.part {
			return fmt.Sprintf("%s is not held unbroken", part)
		}
	}
	return "" // that there are no more, the gauges tell
}

func (p *play) compareAside() string {
	p.next.mu.Lock()
	got := p.next.aside
	p.next.mu.Unlock()
	if got != p.model.aside {
		return fmt.Sprintf("the tally aside from batches is\n%+v, not\n%+v", got, p.model.aside)
	}
	return ""
}

// calm is how long after trouble everything must have arrived: the longest
// wait between two attempts, and one more second.
const calm = backoffMost + time.Second

// arrived reports what should have arrived by now and has not.
func (p *play) arrived() string {
	if !p.trouble.IsZero() && (p.next.how() != takes || time.Since(p.trouble) < calm) {
		return ""
	}
	if n := p.engine.Gauges().Pending; n != 0 {
		return fmt.Sprintf("%d summaries wait", n)
	}
	for _, parts := range p.model.byRun {
		for _, part := range parts {
			if part.seen < len(part.made) { // if it is more, that has been reported
				return fmt.Sprintf("%s has %d revisions, %d arrived; missing is %s", part, len(part.made), part.seen, brief(&part.made[part.seen]))
			}
		}
	}
	return ""
}

func (p *modelPart) String() string {
	return fmt.Sprintf("part %d of %s of tenant %s", p.number, p.run, p.tenant)
}

func brief(s *run.Summary) string {
	return fmt.Sprintf("revision %d, %s, %d spans, %d calls, %v, status %v, caveats %v",
		s.Revision, s.Completion, s.SpanCount, s.Cost.Calls, s.Cost.Total, s.Outcome.Status, s.Cost.Caveats)
}

// read takes what has arrived, and says what is wrong with it.
func (p *play) read() string {
	p.next.mu.Lock()
	letters := p.next.letters
	p.next.letters = nil
	p.next.mu.Unlock()
	for i := range letters {
		if fault := p.letter(&letters[i]); fault != "" {
			return fault
		}
	}
	return ""
}

func (p *play) letter(l *receivedLetter) string {
	s := l.summary
	tenant := l.metadata[0][0]
	if !reflect.DeepEqual(l.metadata, metadataOf(tenant)) {
		return fmt.Sprintf("metadata %v", l.metadata)
	}
	if known, ok := p.tenants[s.Tenant]; ok && known != tenant {
		return fmt.Sprintf("a summary of tenant %s came as one of tenant %s", known, tenant)
	}
	p.tenants[s.Tenant] = tenant
	part := p.parts[s.Part]
	if part == nil {
		// Which part it is shows by what it says, else it is the next; their order is not promised.
		for _, candidate := range p.model.byRun[runOf{tenant, s.RunID}] {
			if candidate.engine != 0 || len(candidate.made) == 0 {
				continue
			}
			if p.told(candidate, &s) == "" {
				part = candidate
				break
			}
			part = cmp.Or(part, candidate)
		}
		if part == nil {
			return fmt.Sprintf("there is a part too many of %s of tenant %s: %s", s.RunID, tenant, brief(&s))
		}
		part.engine = s.Part
		p.parts[s.Part] = part
	}
	if part.tenant != tenant || part.run != s.RunID {
		return fmt.Sprintf("%s is told of as of %s, tenant %s", part, s.RunID, tenant)
	}
	if before, again := part.got[s.Revision]; again {
		switch {
		case p.trouble.IsZero():
			return fmt.Sprintf("%s: revision %d came twice", part, s.Revision)
		case !reflect.DeepEqual(before, s):
			return fmt.Sprintf("%s: revision %d came twice, saying different things: %s; %s", part, s.Revision, brief(&before), brief(&s))
		case l.rejected: // taken once, and refused for good when it came again
			p.rejected++
		}
		return ""
	}
	fault := p.told(part, &s)
	part.got[s.Revision] = s
	part.seen = s.Revision + 1
	if l.rejected {
		p.rejected++
	}
	return fault
}

// told compares a summary with what the model has to say of it.
func (p *play) told(part *modelPart, s *run.Summary) string {
	switch {
	case s.Revision >= len(part.made):
		return fmt.Sprintf("%s has no %s", part, brief(s))
	case s.Revision > 0 && part.seen == 0: // consumers count by it
		return fmt.Sprintf("%s: its first revision never came", part)
	case s.Revision < part.seen:
		return fmt.Sprintf("%s: revision %d came after %d", part, s.Revision, part.seen-1)
	case s.Revision > part.seen && p.trouble.IsZero():
		return fmt.Sprintf("%s: revision %d came after %d", part, s.Revision, part.seen-1)
	}
	want := &part.made[s.Revision]
	if !reflect.DeepEqual(bare(*s), bare(*want)) {
		return fmt.Sprintf("%s: told is\n%s, not\n%s%s", part, brief(s), brief(want), difference(bare(*s), bare(*want)))
	}
	var before *run.Summary
	since := want.Cost.Total
	if part.seen > 0 {
		before = &part.made[part.seen-1]
		since -= before.Cost.Total
	}
	status := previous(want, before)
	switch {
	case s.Increase != since:
		return fmt.Sprintf("%s: revision %d has an increase of %v, not %v", part, s.Revision, s.Increase, since)
	case !maps.Equal(stated(s), increase(want, before)):
		return fmt.Sprintf("%s: revision %d has increases %v, not %v", part, s.Revision, stated(s), increase(want, before))
	case !reflect.DeepEqual(s.PreviousStatus, status):
		return fmt.Sprintf("%s: revision %d has the previous status %v, not %v", part, s.Revision, s.PreviousStatus, status)
	}
	return ""
}

// difference names the fields in which two summaries differ.
func difference(a, b run.Summary) string {
	text := ""
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if !reflect.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			text += fmt.Sprintf("\n%s: %+v, not %+v", x.Type().Field(i).Name, x.Field(i).Interface(), y.Field(i).Interface())
		}
	}
	return text
}

// nextComponent is the one that summaries are handed to.
type nextComponent struct {
	mu      sync.Mutex // guards everything declared below
	answer  answer
	changed chan struct{} // closed when one that hangs goes on
	calls   int
	letters []receivedLetter
	aside   Tally
}

type receivedLetter struct {
	metadata [][]string
	summary  run.Summary
	rejected bool // refused for good
}

// become changes the answer, also of a call that hangs.
func (n *nextComponent) become(a answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer = a
	if n.changed != nil {
		close(n.changed)
		n.changed = nil
	}
}

// change changes the answer, but a call that hangs goes on hanging.
func (n *nextComponent) change(a answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer = a
}

func (n *nextComponent) how() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.answer.how
}

func (n *nextComponent) emit(ctx context.Context, metadata [][]string, all []Summary) (int, error) {
	summaries := make([]run.Summary, len(all))
	for i := range all {
		summaries[i] = *all[i].Run // the model makes no events
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.answer.how == hangs {
		if n.changed == nil {
			n.changed = make(chan struct{})
		}
		changed := n.changed
		n.mu.Unlock()
		select {
		case <-changed:
			n.mu.Lock()
		case <-ctx.Done():
			n.mu.Lock()
			return len(summaries), ctx.Err()
		}
	}
	n.calls++
	if n.calls%3 == 0 { // now and then it takes less than it is offered
		summaries = summaries[:1+n.calls%len(summaries)]
	}
	if n.answer.how == refuses {
		return len(summaries), errors.New("not now")
	}
	for i := range summaries {
		if n.answer.culprit != "" && summaries[i].RunID == n.answer.culprit {
			if len(summaries) == 1 {
				n.letters = append(n.letters, receivedLetter{metadata, summaries[0], true})
			}
			return len(summaries), consumererror.NewPermanent(errors.New("not this one"))
		}
	}
	for i := range summaries {
		n.letters = append(n.letters, receivedLetter{metadata, summaries[i], false})
	}
	if n.answer.how == lies {
		return len(summaries), errors.New("not now")
	}
	return len(summaries), nil
}

func (n *nextComponent) tell(_ context.Context, t Tally) {
	n.mu.Lock()
	defer n.mu.Unlock()
	addUpTally(&n.aside, t)
}

func addUpTally(sum *Tally, more Tally) { addUp(reflect.ValueOf(sum).Elem(), reflect.ValueOf(more)) }

// addUp adds all numbers of one value to another's.
func addUp(sum, more reflect.Value) {
	switch sum.Kind() {
	case reflect.Struct:
		for i := range sum.NumField() {
			addUp(sum.Field(i), more.Field(i))
		}
	case reflect.Array:
		for i := range sum.Len() {
			addUp(sum.Index(i), more.Index(i))
		}
	default:
		sum.SetInt(sum.Int() + more.Int())
	}
}
