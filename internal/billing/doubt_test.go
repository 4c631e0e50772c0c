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
