// Package reconcile holds recorded runs against the provider's own ledger: it
// resolves what each run is billed for from its spans alone and compares that
// with the invoice, call by call what the mock provider served, and with what
// the spans can show at all.
package reconcile

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Totals are tokens by kind, as the ledger and the truth of a recording state
// them. Input is all input; reasoning is within output.
type Totals struct {
	Calls     int   `json:"calls"`
	Input     int64 `json:"input_total"`
	Uncached  int64 `json:"input_uncached"`
	Read      int64 `json:"cached_read"`
	Write     int64 `json:"cache_write"`
	Output    int64 `json:"output"`
	Reasoning int64 `json:"reasoning"`
}

// SameTokens reports whether input and output are equal.
func (t Totals) SameTokens(o Totals) bool { return t.Input == o.Input && t.Output == o.Output }

// SameParts reports whether all that has a price of its own is equal.
func (t Totals) SameParts(o Totals) bool {
	return t.SameTokens(o) && t.Uncached == o.Uncached && t.Read == o.Read && t.Write == o.Write
}

func (t Totals) plus(o Totals) Totals {
	return Totals{t.Calls + o.Calls, t.Input + o.Input, t.Uncached + o.Uncached, t.Read + o.Read,
		t.Write + o.Write, t.Output + o.Output, t.Reasoning + o.Reasoning}
}

func (t Totals) String() string {
	return fmt.Sprintf("%d calls, in %d (%d+%d+%d), out %d", t.Calls, t.Input, t.Uncached, t.Read, t.Write, t.Output)
}

// Truth is what is known of a run without its spans, and what its spans show.
type Truth struct {
	RunID    string `json:"run_id"`
	Scenario string `json:"scenario"`
	Billed   Totals `json:"billed"`
	Derived  struct {
		Visible    Totals `json:"visible_totals"`
		NotVisible []struct {
			Why string `json:"why"`
		} `json:"calls_not_visible"`
	} `json:"derived_from_spans"`
}

func loadTruth(dir string) ([]Truth, error) {
	text, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		return nil, err
	}
	var file struct {
		Runs []Truth `json:"runs"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s/truth.json: %w", dir, err)
	}
	invoice, err := loadInvoice(dir)
	if err != nil {
		return nil, err
	}
	for i := range file.Runs {
		// The ledger is the yardstick; that the truth repeats it is checked
		// here, so that a slip in one of the files is not taken for ours.
		run := &file.Runs[i]
		if got := invoice[run.RunID]; !got.SameParts(run.Billed) || got.Calls != run.Billed.Calls {
			return nil, fmt.Errorf("%s: run %s: truth.json says %s, invoice.jsonl %s", dir, run.RunID, run.Billed, got)
		}
	}
	return file.Runs, nil
}

func loadInvoice(dir string) (map[string]Totals, error) {
	text, err := os.Open(filepath.Join(dir, "invoice.jsonl"))
	if err != nil {
		return nil, err
	}
	defer text.Close()
	runs := map[string]Totals{}
	for decoder := json.NewDecoder(text); decoder.More(); {
		var line struct {
			Totals
			RunID  *string `json:"run_id"`
			Billed bool    `json:"billed"`
		}
		if err := decoder.Decode(&line); err != nil {
			return nil, fmt.Errorf("%s/invoice.jsonl: %w", dir, err)
		}
		if line.Billed && line.RunID != nil {
			line.Calls = 1
			runs[*line.RunID] = runs[*line.RunID].plus(line.Totals)
		}
	}
	return runs, nil
}
