package reconcile

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/runrollup/runrollupprocessor/internal/billing"
)

// Run is one run's bill beside the truth.
type Run struct {
	Truth
	Got   Totals
	Naive Totals // every record of the run added up, as written
	Bill  billing.Bill
}

// Claim is what the run would be reported as.
func (r *Run) Claim() billing.Accuracy { return r.Bill.Caveats.Claim() }

// Visible reports whether input and output equal what the spans show, or the
// invoice, where the spans showed more than was recognised when the truth was
// written down.
func (r *Run) Visible() bool {
	return r.Got.SameTokens(r.Derived.Visible) || r.Got.SameTokens(r.Billed)
}

// VisibleParts is Visible for each part that has a price of its own.
func (r *Run) VisibleParts() bool {
	return r.Got.SameParts(r.Derived.Visible) || r.Got.SameParts(r.Billed)
}

// Invoiced reports whether input and output equal the invoice.
func (r *Run) Invoiced() bool { return r.Got.SameTokens(r.Billed) }

// SameCalls reports whether the number of calls is that of the invoice or of
// the calls that spans show.
func (r *Run) SameCalls() bool {
	return r.Got.Calls == r.Billed.Calls || r.Got.Calls == r.Derived.Visible.Calls
}

// Setup is one recording: one set of libraries, many runs.
type Setup struct {
	Name string
	Runs []Run
}

// Load reads and resolves one recording.
func Load(dir string) (Setup, error) {
	truths, err := loadTruth(dir)
	if err != nil {
		return Setup{}, err
	}
	spans, err := loadSpans(dir)
	if err != nil {
		return Setup{}, err
	}
	setup := Setup{Name: filepath.Base(dir)}
	for _, truth := range truths {
		setup.Runs = append(setup.Runs, resolve(truth, spansOf(spans, truth.RunID)))
	}
	return setup, nil
}

// LoadAll reads all recordings beneath a directory.
func LoadAll(root string) ([]Setup, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var setups []Setup
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		setup, err := Load(filepath.Join(root, entry.Name()))
		if err != nil {
			return nil, err
		}
		setups = append(setups, setup)
	}
	if len(setups) == 0 {
		return nil, fmt.Errorf("no recordings in %s", root)
	}
	return setups, nil
}

func resolve(truth Truth, spans []billing.Span) Run {
	run := Run{Truth: truth, Bill: billing.Resolve(spans)}
	for _, c := range run.Bill.Calls {
		run.Got = run.Got.plus(Totals{
			Calls: c.APICalls, Input: c.Tokens.InputTotal(), Uncached: c.Tokens.InputUncached(),
			Read: c.Tokens.CacheReadTotal(), Write: c.Tokens.CacheWrite(),
			Output: c.Tokens.OutputTotal(), Reasoning: c.Tokens.Reasoning,
		})
	}
	for i := range spans {
		if rec := spans[i].Record; rec != nil && !spans[i].Foreign && rec.HasUsage() {
			run.Naive = run.Naive.plus(Totals{Calls: 1, Input: rec.Counts.Input.N, Output: rec.Counts.Output.N})
		}
	}
	return run
}
