package reconcile

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/offline"
	"github.com/runrollup/runrollupprocessor/internal/run"
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

// TestEveryDifferenceHasAReason: no run differs from its invoice for a reason
// that nobody knows.
func TestEveryDifferenceHasAReason(t *testing.T) {
	setups, err := LoadAll(captures)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, setup := range setups {
		for i := range setup.Runs {
			r := &setup.Runs[i]
			why := r.Reason(setup.Name)
			used[why] = true
			if why == "" && !r.Got.SameParts(r.Billed) {
				t.Errorf("%s %s %s: %s, the invoice is %s: why?", setup.Name, r.Scenario, r.RunID, r.Got, r.Billed)
			}
		}
	}
	for at, why := range inTheEmitter {
		if !used[why] {
			t.Errorf("%v: nothing differs for the reason: %s", at, why)
		}
	}
}

// TestPageIsCurrent: docs/accuracy.md shows what the tables say now.
func TestPageIsCurrent(t *testing.T) {
	setups, err := LoadAll(captures)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	Report(&out, setups)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "accuracy.md"))
	if err != nil {
		t.Fatal(err)
	}
	now, err := Insert(page, out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, now) {
		t.Error("docs/accuracy.md is out of date: run make reconcile")
	}
}

// TestArrival: the order in which spans arrived is of no account.
func TestArrival(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	entries, err := filepath.Glob(filepath.Join(captures, "*"))
	if err != nil || len(entries) == 0 {
		t.Fatal("no captures", err)
	}
	for _, dir := range entries {
		spans, err := loadSpans(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := byRun(spans)
		for range 3 {
			rng.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
			for id, got := range byRun(spans) {
				if !reflect.DeepEqual(got, want[id]) {
					t.Errorf("%s %s:\n%+v, shuffled\n%+v", dir, id, want[id], got)
				}
			}
		}
	}
}

func byRun(spans []extract.Owned) map[string]run.Summary {
	runs := map[string]run.Summary{}
	for _, r := range offline.Runs(spans) {
		runs[r.ID] = r.Summary
	}
	return runs
}
