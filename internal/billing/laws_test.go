package billing

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
)

// drawCalls draws a run of calls of one instrumentation beneath plain spans.
// Some are alike: calls that a dedupe by numbers would lose.
func drawCalls(rng *rand.Rand) *scene {
	var s scene
	plain := []place{s.span(root, 0, 10_000, nil)}
	for range rng.IntN(4) {
		plain = append(plain, s.span(plain[rng.IntN(len(plain))], 0, 10_000, nil))
	}
	for range 1 + rng.IntN(8) {
		from := int64(rng.IntN(50) * 100)
		rec := chat("client", int64(100*(1+rng.IntN(3))), int64(10*(1+rng.IntN(3))))
		if rng.IntN(3) == 0 {
			rec = claude("client", 10, 50, 0, int64(10*(1+rng.IntN(3))))
			rec.Input = genai.Semantics{Reading: genai.Exclusive, Basis: genai.Proved}
		}
		s.span(plain[rng.IntN(len(plain))], from, from+int64(20+rng.IntN(100)), rec)
	}
	return &s
}

func calls(spans []Span) (list []int) {
	for i := range spans {
		if spans[i].Record != nil {
			list = append(list, i)
		}
	}
	return list
}

// TestCallsOfOneScopeAreCalls: what one instrumentation writes once is billed
// once, however alike.
func TestCallsOfOneScopeAreCalls(t *testing.T) {
	for seed := range uint64(500) {
		s := drawCalls(rand.New(rand.NewPCG(seed, 1)))
		b := Resolve(s.spans)
		if len(b.Calls) != len(calls(s.spans)) || len(b.Discards) != 0 {
			t.Fatalf("seed %d: %d calls and %d discards of %d records", seed, len(b.Calls), len(b.Discards), len(calls(s.spans)))
		}
	}
}

// TestOrderIsOfNoAccount: spans may be given in any order.
func TestOrderIsOfNoAccount(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 2))
		spans := drawAny(rng)
		want := described(spans, Resolve(spans))
		for range 3 {
			other := shuffled(rng, spans)
			if got := described(other, Resolve(other)); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: shuffled\n%v\nwant\n%v", seed, got, want)
			}
		}
	}
}

// described is a bill in words that do not depend on places in the input. Of
// spans given twice, either version may be named.
func described(spans []Span, b Bill) (lines []string) {
	name := func(i int) string {
		if i < 0 {
			return "nothing"
		}
		return fmt.Sprintf("%x/%x", spans[i].Trace, spans[i].ID)
	}
	for _, c := range b.Calls {
		line := fmt.Sprintf("%+v %+v %v %d %v %v %s:", c.Record, c.Tokens, c.HasUsage, c.APICalls, c.Sum, c.Failed, c.Caveats)
		for _, i := range c.Records {
			line += " " + name(i)
		}
		lines = append(lines, line)
	}
	for _, d := range b.Discards {
		lines = append(lines, name(d.Span)+" "+d.Reason.String()+" "+name(d.By))
	}
	for _, x := range b.Residuals {
		lines = append(lines, fmt.Sprint(name(x.Span), x.Input, x.CacheRead, x.CacheWrite, x.Output))
	}
	return append(lines, fmt.Sprint(b.Caveats, b.FailedTries))
}

// TestAggregatesAddNothing: an agent over calls, with their sum, is free.
func TestAggregatesAddNothing(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 3))
		s := drawCalls(rng)
		before := Resolve(s.spans)
		_, sum := total(before)
		rec := aggregate(chat([]string{"client", "agents"}[rng.IntN(2)], sum.InputTotal(), sum.OutputTotal()))
		over := s.agent(root, 0, 10_000, rec)
		for i := range s.spans[:over] {
			if s.spans[i].Parent == ([8]byte{}) {
				s.spans[i].Parent = s.spans[over].ID
			}
		}
		mustEqual(t, seed, before, Resolve(s.spans))
	}
}

// TestCopiesAddNothing: a span given twice, a record repeated with its ID, a
// second instrumentation's span of a call, and a hit of the application's cache
// that replays a call are all free, and make no call free.
func TestCopiesAddNothing(t *testing.T) {
	for seed := range uint64(1000) {
		rng := rand.New(rand.NewPCG(seed, 4))
		s := drawCalls(rng)
		kind := rng.IntN(5)
		for n, i := range calls(s.spans) {
			if kind == 1 || kind == 4 {
				s.spans[i].Record.ResponseID = fmt.Sprintf("msg_%d", n)
			}
		}
		before := Resolve(s.spans)
		for _, i := range calls(s.spans) {
			if rng.IntN(3) > 0 {
				copySpan(rng, s, i, kind)
			}
		}
		mustEqual(t, seed, before, Resolve(shuffled(rng, s.spans)))
	}
}

// copySpan adds what another describes of the call of span i.
func copySpan(rng *rand.Rand, s *scene, i, kind int) {
	x := s.spans[i]
	binary.BigEndian.PutUint64(x.ID[:], uint64(len(s.spans)+1))
	rec := *x.Record
	rec.Scope = "framework"
	switch kind {
	case 0: // the span itself, once more
		s.spans = append(s.spans, s.spans[i])
		return
	case 1: // the same response, anywhere
		x.Start += int64(rng.IntN(1000)) * ms
		x.End = x.Start + 10*ms
		rec.Scope = []string{"client", "framework"}[rng.IntN(2)]
	case 4: // replayed from a cache, with the ID of the response or without
		x.Start += int64(rng.IntN(1000)) * ms
		x.End = x.Start + 2*ms
		rec.Scope, rec.Traits = []string{"client", "framework"}[rng.IntN(2)], genai.SemanticHit
		if rng.IntN(2) == 0 {
			rec.ResponseID = ""
		}
	case 2: // above
		x.Start, x.End = x.Start-ms, x.End+ms
		s.spans[i].Parent = x.ID
	case 3: // beside
		x.Start, x.End = x.Start-ms, x.End+ms
	}
	if rng.IntN(2) == 0 && rec.Counts.CacheRead.OK { // blind to the cache, and counting it as input
		rec.Counts.Input, rec.Counts.CacheRead = genai.Of(rec.Counts.Input.N+rec.Counts.CacheRead.N), genai.Count{}
		rec.Counts.CacheWrite, rec.Input = genai.Count{}, genai.Semantics{}
	}
	x.Record = &rec
	s.spans = append(s.spans, x)
}

func mustEqual(t *testing.T, seed uint64, before, after Bill) {
	t.Helper()
	n, want := total(before)
	m, got := total(after)
	if n != m || got != want {
		t.Fatalf("seed %d: %d calls, %+v; before %d calls, %+v", seed, m, got, n, want)
	}
}

// TestRunsOfOneTrace: over the runs of a trace each call is billed once, in
// the run of its own span.
func TestRunsOfOneTrace(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 5))
		spans := drawAny(rng)
		own := make([]int, len(spans))
		for i := range own {
			own[i] = rng.IntN(2)
		}
		billed := map[int]int{}
		for run := range 2 {
			list := append([]Span(nil), spans...)
			for i := range list {
				list[i].Foreign = own[i] != run
			}
			for _, c := range Resolve(list).Calls {
				for _, i := range c.Records {
					if own[i] != run {
						t.Fatalf("seed %d: run %d is billed by a span of run %d", seed, run, own[i])
					}
				}
				billed[c.Records[0]]++
			}
		}
		for i, n := range billed {
			if n > 1 {
				t.Fatalf("seed %d: span %d billed %d times", seed, i, n)
			}
		}
	}
}

// TestForeignCallsBeneathAnAggregate: an aggregate does not bill what it
// repeats of another run.
func TestForeignCallsBeneathAnAggregate(t *testing.T) {
	var s scene
	p := s.agent(root, 0, 100, aggregate(chat("a", 500, 50)))
	q := s.span(p, 10, 90, chat("a", 500, 50))
	s.spans[q].Foreign = true
	b := Resolve(s.spans)
	check(t, b, 0, 0, 0, 0)
	if got := discardsOf(b); got[int(p)] != IsAggregate || len(got) != 1 {
		t.Errorf("discards %v", got)
	}
}

// drawAny draws spans of any kind, in any relation.
func drawAny(rng *rand.Rand) []Span {
	n := 1 + rng.IntN(24)
	spans := make([]Span, n)
	for i := range spans {
		x := &spans[i]
		x.Trace[0] = byte(rng.IntN(2))
		binary.BigEndian.PutUint64(x.ID[:], uint64(1+rng.IntN(2*n)))
		binary.BigEndian.PutUint64(x.Parent[:], uint64(rng.IntN(2*n)))
		x.Start = int64(rng.IntN(20)) * ms
		x.End = x.Start + int64(rng.IntN(20))*ms
		x.Tool, x.Agent = rng.IntN(8) == 0, rng.IntN(8) == 0
		if rng.IntN(4) > 0 {
			x.Record = drawRecord(rng)
		}
	}
	return spans
}

func drawRecord(rng *rand.Rand) *genai.Record {
	some := func() genai.Count {
		if rng.IntN(2) == 0 {
			return genai.Count{}
		}
		return genai.Of(int64(rng.IntN(4) * 10))
	}
	rec := &genai.Record{
		Scope: []string{"a", "b", "c"}[rng.IntN(3)], Kind: genai.Kind(rng.IntN(3)), Class: genai.Class(rng.IntN(5) / 4),
		Provider: []string{"", "openai", "anthropic"}[rng.IntN(3)], RequestModel: []string{"", "gpt-4o", "claude-x"}[rng.IntN(3)],
		Counts: genai.Counts{Input: some(), Output: some(), CacheRead: some(), CacheWrite: some(), Reasoning: some()},
		Traits: fewTraits(rng),
	}
	if rng.IntN(3) == 0 {
		rec.ResponseID = fmt.Sprintf("msg_%d", rng.IntN(4))
	}
	if rng.IntN(4) == 0 {
		rec.Input = genai.Semantics{Reading: genai.Reading(rng.IntN(3)), Basis: genai.Basis(rng.IntN(3))}
	}
	if rng.IntN(6) == 0 {
		rec.Cost.Class, rec.Cost.Total = genai.CostClass(rng.IntN(5)), money.Amount(10*rng.IntN(3))
	}
	return rec
}

// fewTraits has each trait set in one of eight.
func fewTraits(rng *rand.Rand) genai.Traits {
	t := ^genai.Traits(0)
	for range 3 {
		t &= genai.Traits(rng.Uint32())
	}
	return t
}
