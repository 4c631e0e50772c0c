package billing

import (
	"math/bits"
	"slices"
	"testing"
)

// TestAccuracyLaws: claims can be joined in any order, and never gain.
func TestAccuracyLaws(t *testing.T) {
	all := []Accuracy{Exact, LowerBound, UpperBound, Estimate, Unknown}
	for _, a := range all {
		if a.With(a) != a || a.With(Exact) != a || a.With(Unknown) != Unknown || ParseAccuracy(a.String()) != a {
			t.Errorf("%s", a)
		}
		for _, b := range all {
			if a.With(b) != b.With(a) || a.With(b) < a || a.With(b) < b {
				t.Errorf("%s with %s", a, b)
			}
			for _, c := range all {
				if a.With(b).With(c) != a.With(b.With(c)) {
					t.Errorf("%s %s %s", a, b, c)
				}
			}
		}
	}
	if LowerBound.With(UpperBound) != Estimate {
		t.Error("a total that may err both ways is no bound")
	}
	if ParseAccuracy("certain") != Unknown {
		t.Error("a claim that is not known is no claim")
	}
}

// TestCaveats: every caveat has a code, none is exact, and sets join as their
// claims do.
func TestCaveats(t *testing.T) {
	if bits.OnesCount32(uint32(end-1)) != len(caveatCodes) {
		t.Fatalf("%d caveats, %d codes", bits.OnesCount32(uint32(end-1)), len(caveatCodes))
	}
	for i := range caveatCodes {
		c := Caveats(1 << i)
		if back, ok := ParseCaveats(c.Codes()); !ok || back != c || c.Claim() == Exact {
			t.Errorf("%s: read back %s, claims %s", c, back, c.Claim())
		}
		for j := range caveatCodes {
			if d := Caveats(1 << j); (c | d).Claim() != c.Claim().With(d.Claim()) {
				t.Errorf("%s: claims %s", c|d, (c | d).Claim())
			}
		}
	}
	codes := (end - 1).Codes()
	if !slices.IsSorted(codes) || len(codes) != len(caveatCodes) {
		t.Error(codes)
	}
	if Caveats(0).Claim() != Exact || Caveats(0).String() != "" {
		t.Error("nothing to say is exact")
	}
	if _, ok := ParseCaveats([]string{"usage_missing", "of_tomorrow"}); ok {
		t.Error("an unknown code passed")
	}
}
