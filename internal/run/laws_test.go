package run

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

const seeds = 1500

// world makes random facts of one run. What repeats a call lies in the call's
// own trace, as it does in the field.
type world struct{ *rand.Rand }

func newWorld(seed uint64) world { return world{rand.New(rand.NewPCG(seed, 7))} }

func (w world) pick(values ...string) string { return values[w.IntN(len(values))] }

func (w world) facts() []Fact {
	var facts []Fact
	for trace := range 1 + w.IntN(3) {
		for span := range 1 + w.IntN(8) {
			f := Fact{
				Key:   SpanKey{Trace: [16]byte{byte(trace + 1)}, Span: [8]byte{byte(trace + 1), byte(span + 1)}},
				Start: 1_000 + w.Int64N(50), Service: w.pick("api", "worker", ""),
			}
			f.End = f.Start + w.Int64N(100)
			f.Identity[Event] = w.pick("evt-1", "")
			f.Identity[Customer] = w.pick("acme", "acme", "globex", "")
			if span == 0 {
				f.Flags |= NoParent
			} else {
				f.Parent = [8]byte{byte(trace + 1), byte(1 + w.IntN(span))}
			}
			if w.IntN(5) == 0 {
				f.Flags |= Failed
			}
			if w.IntN(10) == 0 {
				f.Flags |= NoTimes
			}
			f.Detail = w.detail(&f)
			facts = append(facts, f)
		}
	}
	if w.IntN(3) > 0 {
		facts[0].Flags |= NamedRoot
	}
	return facts
}

func (w world) detail(f *Fact) *Detail {
	d := Detail{}
	if w.IntN(2) == 0 {
		d.Record = w.record(f)
		d.Quote = quoteOf(d.Record, f.Start)
	}
	if w.IntN(4) == 0 {
		d.Claim = &outcome.Claim{Emissions: []outcome.Statement{{
			Time: f.End + w.Int64N(3), Status: w.pick("success", "failed", "partial", "nonsense"),
			ValueType: "tickets", Amount: outcome.Finite(float64(w.IntN(3))),
		}}}
	}
	if w.IntN(6) == 0 {
		quantity := w.Int64N(1e12)
		d.Metered = []cost.Metered{{Attribute: "bytes", Quantity: fmt.Sprint(quantity), Amount: money.Amount(quantity), Card: "card@1"}}
		if w.IntN(2) == 0 { // of one attribute by another rule
			d.Metered = append(d.Metered, cost.Metered{Attribute: "bytes", Quantity: fmt.Sprint(quantity), Amount: money.Amount(2 * quantity), Card: "card@1"})
		}
	}
	if d.Record == nil && d.Claim == nil && d.Metered == nil {
		return nil
	}
	return &d
}

// quoteOf is what a card would say, whose prices change in time, and differ by
// address and tier; it does not know all models.
func quoteOf(r *genai.Record, start int64) *ratecard.Quote {
	if r.ServerAddress == "" && r.RequestModel == "gpt-4o-mini" {
		return nil
	}
	rate := int64(1 + len(r.ServerAddress) + 100*len(r.Tier) + 1000*len(r.RequestModel))
	if start < 1_020 {
		rate *= 2
	}
	q := &ratecard.Quote{Card: "card@1", Provider: "openai", Model: r.RequestModel, Rates: ratecard.Rates{Per: 1, Priced: 1<<ratecard.Leaves - 1}}
	for i := range q.Rates.Num {
		q.Rates.Num[i] = rate
	}
	return q
}

func (w world) record(f *Fact) *genai.Record {
	r := &genai.Record{
		Dialect: "otel", Scope: w.pick("a", "b"), Kind: genai.Leaf, Provider: "openai",
		RequestModel: w.pick("gpt-4o", "gpt-4o-mini"), ServerAddress: w.pick("", "there"), Tier: w.pick("", "flex"),
		Counts: genai.Counts{
			Input: genai.Of(1 + w.Int64N(1_000)), Output: genai.Of(1 + w.Int64N(500)),
		},
		Input: genai.Semantics{Reading: genai.Inclusive, Basis: genai.Declared},
	}
	if w.IntN(2) == 0 {
		r.ResponseID = string(rune('a'+f.Key.Trace[0])) + string(rune('a'+w.IntN(6)))
	}
	if w.IntN(4) == 0 {
		r.Cost = genai.Cost{Class: genai.ProviderCost, Total: money.Amount(w.Int64N(1e12))}
	}
	return r
}

// runOf adds facts to a new run, in order.
func runOf(facts []Fact) *Run {
	var r Run
	for i := range facts {
		f := facts[i]
		r.Add(&f, 1_000)
	}
	return &r
}

func summaryOf(facts []Fact) Summary {
	return Summarize(runOf(facts).Snapshot(), RootEnded, Options{Explain: true})
}

// TestOrderNeverMatters, nor does duplication: the same facts give the same
// summary.
func TestOrderNeverMatters(t *testing.T) {
	for seed := range uint64(seeds) {
		w := newWorld(seed)
		facts := w.facts()
		want := summaryOf(facts)
		for range 3 {
			mixed := slices.Clone(facts)
			for range w.IntN(5) {
				mixed = append(mixed, facts[w.IntN(len(facts))])
			}
			w.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			if !assert.Equal(t, want, summaryOf(mixed), "seed %d", seed) {
				return
			}
		}
	}
}

// TestConflictingCopies: two deliveries of one span that say different things
// give the same run in either order.
func TestConflictingCopies(t *testing.T) {
	for seed := range uint64(seeds) {
		w := newWorld(seed)
		facts := w.facts()
		for range 1 + w.IntN(4) {
			other := facts[w.IntN(len(facts))]
			other.End += w.Int64N(3)
			other.Start -= w.Int64N(2) * 40 // to the other side of a change of prices
			other.Service = w.pick("api", "other")
			other.Detail = w.detail(&other)
			facts = append(facts, other)
		}
		want := summaryOf(facts)
		for range 3 {
			w.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
			if !assert.Equal(t, want, summaryOf(facts), "seed %d", seed) {
				return
			}
		}
	}
}

// TestAddingAgainChangesNothing is idempotence as the engine sees it.
func TestAddingAgainChangesNothing(t *testing.T) {
	for seed := range uint64(seeds) {
		facts := newWorld(seed).facts()
		r := runOf(facts)
		for i := range facts {
			f := facts[i]
			require.Equal(t, Unchanged, r.Add(&f, 1_000), "seed %d", seed)
		}
	}
}

// TestSnapshotStays: a snapshot is what the run was, whatever is added since.
func TestSnapshotStays(t *testing.T) {
	for seed := range uint64(seeds / 3) {
		w := newWorld(seed)
		facts := w.facts()
		half := 1 + w.IntN(len(facts))
		r := runOf(facts[:half])
		snapshot := r.Snapshot()
		want := Summarize(snapshot, Idle, Options{})
		for i := range facts {
			f := facts[i]
			if w.IntN(3) == 0 {
				f.End += 5 // says something else
			}
			r.Add(&f, 1_000)
		}
		require.Equal(t, want, Summarize(snapshot, Idle, Options{}), "seed %d", seed)
	}
}

// merged is what a consumer makes of the parts of a run (contract, section 6).
type merged struct {
	calls      int
	tokens     usage.Tokens
	cost       money.Amount
	known      bool
	start, end int64
	models     []string
	status     outcome.Status
	amount     outcome.Amount
}

func merge(parts ...Summary) merged {
	m := merged{start: 1 << 62}
	best := slices.MaxFunc(parts, func(a, b Summary) int {
		return cmp.Or(cmp.Compare(a.Outcome.Rank(), b.Outcome.Rank()), cmp.Compare(a.Outcome.Time, b.Outcome.Time), cmp.Compare(a.Part, b.Part))
	})
	m.status, m.amount = best.Outcome.Status, best.Outcome.Amount
	for i := range parts {
		p := &parts[i]
		m.calls += p.Cost.Calls
		m.tokens = m.tokens.Add(p.Cost.Tokens)
		m.cost += p.Cost.Total
		m.known = m.known || p.Cost.Known
		if p.Start != 0 {
			m.start = min(m.start, p.Start)
		}
		m.end = max(m.end, p.End)
		for _, model := range p.Cost.Models {
			m.models = append(m.models, model.Name)
		}
	}
	slices.Sort(m.models)
	m.models = slices.Compact(m.models)
	return m
}

// TestPartsAddUp: splitting a run's spans over two components and merging the
// parts gives what one component would have said, where a call and what
// repeats it stay together. Traces are kept whole for that.
func TestPartsAddUp(t *testing.T) {
	split := 0
	for seed := range uint64(seeds) {
		w := newWorld(seed)
		facts := w.facts()
		unique(facts)
		var here, there []Fact
		for _, f := range facts {
			if (seed>>(f.Key.Trace[0]-1))&1 == 0 {
				here = append(here, f)
			} else {
				there = append(there, f)
			}
		}
		if len(here) == 0 || len(there) == 0 {
			continue
		}
		split++
		a, b := summaryOf(here), summaryOf(there)
		a.Part, b.Part = 1, 2
		got, want := merge(a, b), merge(summaryOf(facts))
		// A part without calls knows its cost to be zero; a part whose calls have
		// no price does not. Both are what the whole says of itself.
		if !want.known {
			got.known = false
		}
		// The accuracy is outside the law: that a span looks like one of the
		// other part's is a doubt that no part can have.
		require.Equal(t, want, got, "seed %d", seed)
	}
	require.Greater(t, split, seeds/4)
}

// unique keeps out of the test what a part cannot know: which of two
// statements of one moment has the greater span ID, and that the span without
// a parent which it takes for the run's root, in want of the named one, is not.
func unique(facts []Fact) {
	for i := range facts {
		if facts[i].Flags&NamedRoot == 0 {
			facts[i].Flags &^= Failed
		}
		if d := facts[i].Detail; d != nil && d.Claim != nil {
			d.Claim.Emissions[0].Time = int64(10_000 + i)
			d.Claim.Emissions[0].Status = []string{"success", "failed", "partial"}[i%3]
		}
	}
}

// TestPartsOfOneTotal: the parts of a total add up to it, and so do the models.
func TestPartsOfOneTotal(t *testing.T) {
	for seed := range uint64(seeds) {
		s := summaryOf(newWorld(seed).facts())
		p := s.Cost.Parts
		require.Equal(t, s.Cost.Total, p.Input+p.Output+p.CacheRead+p.CacheWrite+p.Metered+p.Unsplit, "seed %d", seed)
		var total money.Amount
		calls := 0
		for _, m := range s.Cost.Models {
			total += m.Total
			calls += m.Calls
		}
		require.Equal(t, s.Cost.Total-p.Metered, total, "seed %d", seed)
		require.Equal(t, s.Cost.Calls, calls, "seed %d", seed)
	}
}

// TestIncreasesAddUp: over any sequence of revisions the increases add up to
// the last total, for the run and for each model.
func TestIncreasesAddUp(t *testing.T) {
	for seed := range uint64(seeds / 3) {
		w := newWorld(seed)
		facts := w.facts()
		w.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
		var r Run
		var last *Told
		var total money.Amount
		models := map[string]money.Amount{}
		for i := range facts {
			f := facts[i]
			r.Add(&f, 1_000)
			s := Summarize(r.Snapshot(), RootEnded, Options{})
			if last != nil {
				s.Revise(last)
				require.Equal(t, last.Anchor, s.Anchor)
			}
			total += s.Increase
			for _, m := range s.ModelIncrease {
				models[m.Name] += m.Total
			}
			told := s.Told()
			last = &told
		}
		require.Equal(t, last.Total, total, "seed %d", seed)
		for _, m := range last.Models {
			require.Equal(t, m.Total, models[m.Name], "seed %d", seed)
		}
	}
}

// TestAddLeavesWhatItIsGiven: whoever handed a fact over may go on reading it,
// such as a snapshot of spans that wait for their run.
func TestAddLeavesWhatItIsGiven(t *testing.T) {
	detail := func(rate int64, card string) *Detail {
		return &Detail{
			Record: &genai.Record{Provider: "openai", RequestModel: "gpt-4o"}, Quote: &ratecard.Quote{Card: card, Rates: ratecard.Rates{Per: rate}},
			Metered: []cost.Metered{{Attribute: "bytes", Quantity: "1", Amount: money.Amount(rate), Card: card}},
		}
	}
	var r Run
	r.Add(&Fact{End: 1, Detail: detail(1, "card@1")}, 10)
	given := detail(2, "card@2")
	require.Equal(t, Differs, r.Add(&Fact{End: 2, Detail: given}, 10))
	assert.Equal(t, detail(2, "card@2"), given)
	held := r.Fact(0)
	assert.Equal(t, detail(1, "card@1"), held.Detail, "priced once, by the card of the first arrival")
}
