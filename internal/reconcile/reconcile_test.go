package reconcile

import (
	"io"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/billing"
)

var captures = filepath.Join("..", "..", "testdata", "captures")

// TestReconcile holds every recorded run against what its spans show. The
// thresholds leave room for what is known to be impossible: a wrapper that
// wrote a span into another run's trace, usage that an instrumentation made
// up, cached tokens that it left out. None of that may be called exact.
func TestReconcile(t *testing.T) {
	setups, err := LoadAll(captures)
	if err != nil {
		t.Fatal(err)
	}
	score := Report(io.Discard, setups)
	atLeast := func(what string, n int, percent int) {
		if 100*n < percent*score.Runs {
			t.Errorf("%s: %d of %d runs, want %d %%", what, n, score.Runs, percent)
		}
	}
	atLeast("input and output as visible", score.Visible, 98)
	atLeast("each part as visible", score.Parts, 96)
	atLeast("calls", score.Calls, 98)
	for _, setup := range setups {
		for i := range setup.Runs {
			r := &setup.Runs[i]
			if r.Claim() == billing.Exact && !r.VisibleParts() {
				t.Errorf("%s %s %s: claimed exact: %s; the spans show %s", setup.Name, r.Scenario, r.RunID, r.Got, r.Derived.Visible)
			}
			if r.Claim() == billing.LowerBound && (r.Got.Input > r.Billed.Input || r.Got.Output > r.Billed.Output) {
				t.Errorf("%s %s %s: claimed a lower bound: %s; the invoice is %s", setup.Name, r.Scenario, r.RunID, r.Got, r.Billed)
			}
		}
	}
}

// TestArrival checks that the order in which spans arrived is of no account.
func TestArrival(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	entries, err := filepath.Glob(filepath.Join(captures, "*"))
	if err != nil || len(entries) == 0 {
		t.Fatal("no captures", err)
	}
	for _, dir := range entries {
		truths, err := loadTruth(dir)
		if err != nil {
			t.Fatal(err)
		}
		spans, err := loadSpans(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, truth := range truths {
			list := spansOf(spans, truth.RunID)
			want := resolve(truth, list)
			for range 3 {
				rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
				got := resolve(truth, list)
				if got.Got != want.Got || got.Bill.Caveats != want.Bill.Caveats || !reflect.DeepEqual(tokens(got.Bill), tokens(want.Bill)) {
					t.Errorf("%s %s: %s %s, shuffled %s %s", dir, truth.RunID, want.Got, want.Bill.Caveats, got.Got, got.Bill.Caveats)
				}
			}
		}
	}
}

func tokens(b billing.Bill) (list []any) {
	for _, c := range b.Calls {
		list = append(list, c.Tokens, c.Record)
	}
	return list
}
