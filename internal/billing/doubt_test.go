package billing

import (
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// TestManyEqualCallsOfOneScopeAreSoMany, without a doubt: a scope describes a
// call once, however many it describes at one moment.
func TestManyEqualCallsOfOneScopeAreSoMany(t *testing.T) {
	var spans []Span
	for i := range 500 {
		spans = append(spans, Span{Trace: [16]byte{1}, ID: [8]byte{byte(i >> 8), byte(i), 1}, Start: 10, End: 20, Record: chat("a", 100, 10)})
	}
	b := Resolve(spans)
	if len(b.Calls) != 500 || b.Caveats&PossibleDuplicate != 0 {
		t.Errorf("%d calls, %s", len(b.Calls), b.Caveats)
	}
}

// TestUnreadableCostIsADoubtEitherWay: what could not be read may have been a
// price of another kind, and the usage is none the worse for it.
func TestUnreadableCostIsADoubtEitherWay(t *testing.T) {
	rec := chat("a", 100, 10)
	rec.Traits = genai.BadCost
	b := Resolve([]Span{{Trace: [16]byte{1}, ID: [8]byte{1}, Start: 10, End: 20, Record: rec}})
	if b.Caveats&CostUnread == 0 || b.Caveats&UsageInexact != 0 || b.Caveats.Claim() != Estimate {
		t.Errorf("%s: %s", b.Caveats, b.Caveats.Claim())
	}
}

// TestOutputThatNothingTells: where nobody knows whether output holds the
// reasoning, it is counted beside, and the total is no less than the invoice.
func TestOutputThatNothingTells(t *testing.T) {
	open := func(scope string, out, reasoning int64) *genai.Record {
		rec := chat(scope, 1000, out)
		rec.Counts.Reasoning = genai.Of(reasoning)
		rec.Output = genai.Semantics{Reading: genai.Exclusive, Basis: genai.Assumed}
		return rec
	}
	unsettled := func(rec *genai.Record) *genai.Record {
		rec.Output = genai.Semantics{}
		return rec
	}
	for name, c := range map[string]struct {
		lead, other *genai.Record
		want        Caveats
	}{
		"alone":                          {open("a", 300, 200), nil, UsageInexact},
		"without reasoning":              {open("a", 300, 0), nil, 0},
		"beside one who saw it all":      {open("a", 300, 200), chat("b", 1000, 500), 0},
		"beside one who saw none of it":  {open("a", 300, 200), chat("b", 1000, 300), UsageInexact},
		"read as the least that it is":   {unsettled(open("a", 300, 200)), nil, UsageMissing},
		"beside one who knows no better": {open("a", 300, 200), open("b", 300, 200), UsageInexact},
	} {
		var s scene
		top := s.span(root, 0, 100, c.lead)
		if c.other != nil {
			s.span(top, 10, 90, c.other)
		}
		b := Resolve(s.spans)
		if len(b.Calls) != 1 || b.Caveats != c.want {
			t.Fatalf("%s: %+v, %s", name, b.Calls, b.Caveats)
		}
		want := int64(300)
		if rec := &b.Calls[0].Record; rec.Output.Reading == genai.Exclusive {
			want += rec.Counts.Reasoning.N
		}
		if b.Calls[0].Tokens.OutputTotal() != want {
			t.Errorf("%s: %+v, %s", name, b.Calls, b.Caveats)
		}
	}
}

// TestTotalAtOddsWithItsParts is a doubt unless another record of the call
// states one that is not.
func TestTotalAtOddsWithItsParts(t *testing.T) {
	total := func(scope string, n int64, traits genai.Traits) *genai.Record {
		rec := chat(scope, 2000, 500)
		rec.Traits = traits
		if n > 0 {
			rec.Counts.Total = genai.Of(n)
		}
		return rec
	}
	more, less, right, silent := total("a", 9000, genai.TotalUnexplained), total("a", 900, genai.TotalShort), total("b", 2500, 0), total("b", 0, 0)
	for name, c := range map[string]struct {
		lead, other *genai.Record
		want        Caveats
	}{
		"more": {more, nil, ResidualLeft}, "less": {less, nil, UsageConflict}, "as much": {right, nil, 0},
		"more, beside one without":       {more, silent, ResidualLeft},
		"less, beside one without":       {less, silent, UsageConflict},
		"more, beside one that is right": {more, right, 0},
		"less, beside one that is right": {less, right, 0},
	} {
		var s scene
		top := s.span(root, 0, 100, c.lead)
		if c.other != nil {
			s.span(top, 10, 90, c.other)
		}
		if b := Resolve(s.spans); len(b.Calls) != 1 || b.Caveats != c.want {
			t.Errorf("%s: %d calls, %s, want %s", name, len(b.Calls), b.Caveats, c.want)
		}
	}
}
