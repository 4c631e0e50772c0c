// Package offline rolls up recorded spans with all of them at hand: a file of
// OTLP requests instead of a pipeline. It decides by the same pure packages as
// the processor does.
package offline

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// Config is what the processor reads by default, priced by a card.
func Config(card *ratecard.Card) extract.Config {
	c := extract.Config{RunIDKey: botanu.RunID, IdentityKeys: run.FieldNames, Card: card, Unowned: true}
	c.IdentityKeys[run.Version] = botanu.Version
	return c
}

// Read reads the JSON bodies of OTLP requests, one a line, as exporters send
// them and the Collector's file exporter writes them. A span that stands there
// twice comes out once, in the form that a run would keep. When a request arrived is not on file; the newest end
// of a span in it stands in.
func Read(r io.Reader, x *extract.Extractor) ([]extract.Owned, error) {
	lines := bufio.NewReader(r)    // not a Scanner: a line may be many megabytes
	place := map[run.SpanKey]int{} // in spans
	batch := x.NewBatch()
	var spans []extract.Owned
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		atEnd := errors.Is(err, io.EOF)
		if err != nil && !atEnd {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: no OTLP request of traces in JSON: %w", n, err)
			}
			x.Read(batch, td, newest(td))
			for i := range batch.Facts {
				f := &batch.Facts[i]
				if at, known := place[f.Key]; known {
					spans[at].Fact = settled(&spans[at].Fact, &f.Fact)
					continue
				}
				place[f.Key] = len(spans)
				spans = append(spans, *f)
			}
			batch.Clear()
		}
		if atEnd {
			return spans, nil
		}
	}
}

// settled is what holds of two deliveries of one span, as a run settles it.
func settled(a, b *run.Fact) run.Fact {
	var r run.Run
	r.Add(a, 1)
	r.Add(b, 1)
	return r.Fact(0)
}

func newest(td ptrace.Traces) time.Time {
	var at time.Time
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if end := span.EndTimestamp().AsTime(); end.After(at) {
					at = end
				}
			}
		}
	}
	return at
}

// Assign gives a run to the spans that name none (contract, section 3): that
// of the nearest ancestor in the trace that has one; where the chain of
// parents is broken, the trace's run if it has exactly one. What is left
// belongs to no run.
func Assign(spans []extract.Owned) {
	place := map[run.SpanKey]int{}
	only := map[[16]byte]string{}
	several := map[[16]byte]bool{}
	for i := range spans {
		s := &spans[i]
		place[s.Key] = i
		switch known := only[s.Key.Trace]; {
		case s.Run == "":
		case known == "":
			only[s.Key.Trace] = s.Run
		case known != s.Run:
			several[s.Key.Trace] = true
		}
	}
	runs := make([]string, len(spans))
	for i := range spans {
		id, broken := ancestor(spans, place, i)
		if id == "" && broken && !several[spans[i].Key.Trace] {
			id = only[spans[i].Key.Trace]
		}
		runs[i] = id
	}
	for i := range spans {
		spans[i].Run = runs[i]
	}
}

// ancestor is the run of the nearest ancestor that names one, the span itself
// counting as the nearest, and whether the chain ended at a parent that is not there.
func ancestor(spans []extract.Owned, place map[run.SpanKey]int, i int) (id string, broken bool) {
	for range spans { // a chain is no longer than there are spans; a longer one is a circle
		s := &spans[i]
		if s.Run != "" {
			return s.Run, false
		}
		if s.Flags&run.NoParent != 0 {
			return "", false
		}
		up, ok := place[run.SpanKey{Trace: s.Key.Trace, Span: s.Parent}]
		if !ok {
			return "", true
		}
		i = up
	}
	return "", true
}

// Run is one run of the recording.
type Run struct {
	ID      string
	Spans   []extract.Owned // in the order of the file
	Summary run.Summary     // with its notes
}

// Runs groups spans by run and sums each up, in order of start. Spans without a run are left out.
func Runs(spans []extract.Owned) []Run {
	place := map[string]int{}
	var runs []Run
	var states []run.Run
	traces := map[[16]byte]map[int]bool{}
	for i := range spans {
		s := &spans[i]
		if s.Run == "" {
			continue
		}
		at, known := place[s.Run]
		if !known {
			at = len(runs)
			place[s.Run] = at
			runs = append(runs, Run{ID: s.Run})
			states = append(states, run.Run{})
		}
		runs[at].Spans = append(runs[at].Spans, *s)
		states[at].Add(&s.Fact, len(spans))
		if traces[s.Key.Trace] == nil {
			traces[s.Key.Trace] = map[int]bool{}
		}
		traces[s.Key.Trace][at] = true
	}
	for at := range runs {
		r := &runs[at]
		completion := run.Idle
		if slices.ContainsFunc(r.Spans, func(s extract.Owned) bool { return s.Flags.IsRoot() }) {
			completion = run.RootEnded
		}
		r.Summary = run.Summarize(states[at].Snapshot(), completion, run.Options{Explain: true}, beside(at, r, states, traces)...)
		r.Summary.RunID = r.ID
	}
	slices.SortStableFunc(runs, func(a, b Run) int { return cmp.Compare(a.Summary.Start, b.Summary.Start) })
	return runs
}

// beside are the other runs in the traces of one.
func beside(at int, r *Run, states []run.Run, traces map[[16]byte]map[int]bool) []run.Run {
	others := map[int]bool{}
	for i := range r.Spans {
		for other := range traces[r.Spans[i].Key.Trace] {
			others[other] = other != at
		}
	}
	var list []run.Run
	for other := range states { // not over the map, whose order changes
		if others[other] {
			list = append(list, states[other].Snapshot())
		}
	}
	return list
}
