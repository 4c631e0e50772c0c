package reconcile

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/offline"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// Run is one run's summary beside the truth.
type Run struct {
	Truth
	Got     Totals
	Naive   Totals // every record of the run added up, as written
	Summary run.Summary
}

// Claim is what the run is reported as.
func (r *Run) Claim() billing.Accuracy { return r.Summary.Cost.Accuracy }

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
	runs := map[string]offline.Run{}
	for _, r := range offline.Runs(spans) {
		runs[r.ID] = r
	}
	for _, truth := range truths {
		setup.Runs = append(setup.Runs, resolved(truth, runs[truth.RunID]))
	}
	return setup, nil
}

// loadSpans reads the spans of a recording, each with its run.
func loadSpans(dir string) ([]extract.Owned, error) {
	card, err := ratecard.Embedded()
	if err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(dir, "traces.jsonl"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	spans, err := offline.Read(file, extract.New(offline.Config(card)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	offline.Assign(spans)
	return spans, nil
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

func resolved(truth Truth, r offline.Run) Run {
	c := &r.Summary.Cost
	out := Run{Truth: truth, Summary: r.Summary, Got: Totals{
		Calls: c.Calls, Input: c.Tokens.InputTotal(), Uncached: c.Tokens.InputUncached(),
		Read: c.Tokens.CacheReadTotal(), Write: c.Tokens.CacheWrite(),
		Output: c.Tokens.OutputTotal(), Reasoning: c.Tokens.Reasoning,
	}}
	for i := range r.Spans {
		if d := r.Spans[i].Detail; d != nil && d.Record != nil && d.Record.HasUsage() {
			out.Naive = out.Naive.plus(Totals{Calls: 1, Input: d.Record.Counts.Input.N, Output: d.Record.Counts.Output.N})
		}
	}
	return out
}
