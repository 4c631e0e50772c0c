package billing

import (
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// TestJoin: what two records of one call come to together.
func TestJoin(t *testing.T) {
	failed := func(scope string, more genai.Traits) *genai.Record {
		return traits(mute(chat(scope, 0, 0)), genai.Failed|more)
	}
	calls := func(scope string, n int) *genai.Record {
		return with(chat(scope, 500, 50), func(r *genai.Record) { r.APICalls = n })
	}
	tests := []struct {
		name    string
		draw    func(s *scene)
		calls   int
		in, out int64
		caveats Caveats
	}{
		{"a wrapper that failed over a call that did not", func(s *scene) {
			s.span(s.span(root, 0, 100, failed("a", 0)), 10, 90, mute(chat("b", 0, 0)))
		}, 1, 0, 0, UsageMissing},
		{"a wrapper that failed over a call that did", func(s *scene) {
			s.span(s.span(root, 0, 100, failed("a", 0)), 10, 90, failed("b", 0))
		}, 0, 0, 0, 0},
		{"a wrapper that failed over one that failed after its answer began", func(s *scene) {
			s.span(s.span(root, 0, 100, failed("a", 0)), 10, 90, failed("b", genai.ResponseBegan))
		}, 1, 0, 0, UsageMissing},
		{"the same, the other way round", func(s *scene) {
			s.span(s.span(root, 0, 100, failed("a", genai.LocalError)), 10, 90, failed("b", 0))
		}, 1, 0, 0, UsageMissing},
		{"several requests, told twice", func(s *scene) { s.span(s.span(root, 0, 100, calls("a", 3)), 10, 90, calls("b", 3)) },
			3, 500, 50, TierAssumed},
		{"several requests, told by the outer", func(s *scene) { s.span(s.span(root, 0, 100, calls("a", 3)), 10, 90, calls("b", 0)) },
			3, 500, 50, TierAssumed},
		{"several requests, told by the inner", func(s *scene) { s.span(s.span(root, 0, 100, calls("a", 0)), 10, 90, calls("b", 3)) },
			3, 500, 50, TierAssumed},
		{"a pair over two traces", func(s *scene) {
			s.span(root, 0, 100, chat("a", 500, 50))
			s.on(1).span(root, 10, 90, chat("b", 500, 50))
		}, 1, 500, 50, PossibleDuplicate},
		{"one ID and different usage, polled more often than is looked at", func(s *scene) {
			for i := range int64(maxWitnesses + 1) {
				s.span(root, 100*i, 100*i+50, id(chat("a", 500, 50), "msg_1"))
			}
			s.span(root, 5000, 5050, id(chat("b", 400, 40), "msg_1"))
		}, 1, 500, 50, UsageConflict},
		{"one ID on calls of two kinds", func(s *scene) {
			s.span(root, 0, 50, id(chat("a", 30, 0), "req_1"))
			s.span(root, 100, 150, id(embedding("b", 30), "req_1"))
		}, 2, 60, 0, 0},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			c.draw(&s)
			check(t, Resolve(s.spans), c.calls, c.in, c.out, c.caveats)
		})
	}
}

// TestFillIn: what the richest record lacks comes from the others.
func TestFillIn(t *testing.T) {
	var s scene
	rich := with(chat("a", 500, 50), func(r *genai.Record) { r.Counts.CacheRead = genai.Of(100) })
	s.span(s.span(root, 0, 100, rich), 10, 90, with(chat("b", 500, 50), func(r *genai.Record) {
		r.Tier, r.Cost.Currency, r.ServerAddress, r.ResponseModel = "priority", "EUR", "api.openai.com", "gpt-4o-2024-08-06"
	}))
	b := Resolve(s.spans)
	if len(b.Calls) != 1 {
		t.Fatalf("%+v", b.Calls)
	}
	if r := b.Calls[0].Record; r.Scope != "a" || r.Tier != "priority" || r.Cost.Currency != "EUR" || r.ServerAddress != "api.openai.com" ||
		r.ResponseModel != "gpt-4o-2024-08-06" {
		t.Errorf("%+v", r)
	}
}

// TestReadingByAnother: where nothing tells how the richest record counts its
// input, another's may, by what all input comes to.
func TestReadingByAnother(t *testing.T) {
	open := with(chat("open", 900, 50), func(r *genai.Record) { r.Counts.CacheRead, r.Counts.CacheWrite = genai.Of(60), genai.Of(40) })
	settled := func(in, read int64, reading genai.Reading, basis genai.Basis) *genai.Record {
		return with(chat("settled", in, 50), func(r *genai.Record) {
			r.Input = genai.Semantics{Reading: reading, Basis: basis}
			if read > 0 {
				r.Counts.CacheRead = genai.Of(read)
			}
		})
	}
	tests := []struct {
		name    string
		other   *genai.Record
		in      int64
		caveats Caveats
	}{
		{"the same in all", settled(900, 0, genai.Inclusive, genai.Declared), 900, 0},
		{"as much more as is cached", settled(940, 60, genai.Exclusive, genai.Declared), 1000, 0},
		{"by assumption alone", settled(900, 0, genai.Unsettled, genai.Assumed), 900, CacheAssumed},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var s scene
			s.span(s.span(root, 0, 100, open), 10, 90, c.other)
			check(t, Resolve(s.spans), 1, c.in, 50, c.caveats)
		})
	}
}
