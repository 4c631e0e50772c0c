package billing

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

const ms = 1_000_000

// scene is a run that a test draws: spans in traces, each under another.
type scene struct {
	spans []Span
	trace byte
}

type place int

const root place = -1

// on goes on in another trace.
func (s *scene) on(trace byte) *scene { s.trace = trace; return s }

// span adds a span beneath another, from and to in milliseconds.
func (s *scene) span(under place, from, to int64, rec *genai.Record) place {
	var x Span
	x.Trace[15] = s.trace + 1
	binary.BigEndian.PutUint64(x.ID[:], uint64(len(s.spans)+1))
	if under != root {
		x.Parent = s.spans[under].ID
	}
	x.Start, x.End, x.Record = 1_700_000_000_000*ms+from*ms, 1_700_000_000_000*ms+to*ms, rec
	s.spans = append(s.spans, x)
	return place(len(s.spans) - 1)
}

func (s *scene) tool(under place, from, to int64) place {
	p := s.span(under, from, to, nil)
	s.spans[p].Tool = true
	return p
}

func (s *scene) agent(under place, from, to int64, rec *genai.Record) place {
	p := s.span(under, from, to, rec)
	s.spans[p].Agent = true
	return p
}

// chat is a record of one request of gpt-4o.
func chat(scope string, in, out int64) *genai.Record {
	return &genai.Record{
		Scope: scope, Version: "1.0", Kind: genai.Leaf, Provider: "openai", RequestModel: "gpt-4o",
		Counts: genai.Counts{Input: genai.Of(in), Output: genai.Of(out)},
	}
}

// claude is a record of one request of a Claude model, with cached tokens.
func claude(scope string, in, read, write, out int64) *genai.Record {
	rec := chat(scope, in, out)
	rec.Provider, rec.RequestModel = "anthropic", "claude-sonnet-4-5"
	rec.Counts.CacheRead, rec.Counts.CacheWrite = genai.Of(read), genai.Of(write)
	return rec
}

func with(rec *genai.Record, change func(*genai.Record)) *genai.Record {
	r := *rec
	change(&r)
	return &r
}

func id(rec *genai.Record, id string) *genai.Record {
	return with(rec, func(r *genai.Record) { r.ResponseID = id })
}

func aggregate(rec *genai.Record) *genai.Record {
	return with(rec, func(r *genai.Record) { r.Kind = genai.Aggregate })
}

func mute(rec *genai.Record) *genai.Record {
	return with(rec, func(r *genai.Record) { r.Counts = genai.Counts{} })
}

func traits(rec *genai.Record, t genai.Traits) *genai.Record {
	return with(rec, func(r *genai.Record) { r.Traits |= t })
}

func embedding(scope string, in int64) *genai.Record {
	return with(chat(scope, in, 0), func(r *genai.Record) {
		r.Class, r.RequestModel, r.Counts.Output = genai.Embedding, "text-embedding-3-small", genai.Count{}
	})
}

// total is what a bill comes to.
func total(b Bill) (calls int, t usage.Tokens) {
	for _, c := range b.Calls {
		calls += c.APICalls
		t = t.Add(c.Tokens)
	}
	return calls, t
}

// check states what is billed.
func check(t *testing.T, b Bill, calls int, in, out int64, caveats Caveats) {
	t.Helper()
	n, sum := total(b)
	if n != calls || sum.InputTotal() != in || sum.OutputTotal() != out {
		t.Errorf("billed %d calls, %d in, %d out; want %d calls, %d in, %d out", n, sum.InputTotal(), sum.OutputTotal(), calls, in, out)
	}
	if b.Caveats != caveats {
		t.Errorf("caveats %q, want %q", b.Caveats, caveats)
	}
}

func discardsOf(b Bill) map[int]Reason {
	m := map[int]Reason{}
	for _, d := range b.Discards {
		m[d.Span] = d.Reason
	}
	return m
}

func shuffled(rng *rand.Rand, spans []Span) []Span {
	s := append([]Span(nil), spans...)
	rng.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	return s
}
