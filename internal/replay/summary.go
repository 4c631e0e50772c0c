package replay

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// ReadFile reads what a file exporter has written so far, one OTLP JSON
// request a line. A last line without an end is still being written, and is
// left for the next reading. A file that does not exist yet is empty.
func ReadFile(path string) ([]ptrace.Traces, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read exported traces: %w", err)
	}
	defer func() { _ = f.Close() }()
	tds, _, err := readLines(f)
	if err != nil {
		return nil, fmt.Errorf("read exported traces %s: %w", path, err)
	}
	return tds, nil
}

// Summary is one run summary span.
type Summary struct {
	RunID    string
	Part     string
	Revision int64

	TraceID, SpanID, ParentSpanID string
	Start, End                    time.Time
	Attributes                    map[string]any // string, int64, float64, bool, []any
	Models                        []map[string]any
}

// Text is an attribute that is a string, and empty where there is none.
func (s *Summary) Text(key string) string {
	v, _ := s.Attributes[key].(string)
	return v
}

// Int is an attribute that is an integer, and 0 where there is none.
func (s *Summary) Int(key string) int64 {
	v, _ := s.Attributes[key].(int64)
	return v
}

// IsSummary reports whether a span is a run summary: by scope and name, as an
// application may use the name alone for a span of its own.
func IsSummary(scope string, span ptrace.Span) bool {
	return scope == botanu.Scope && span.Name() == botanu.RunSummary
}

// Summaries are the run summaries among some traces, in order.
func Summaries(tds []ptrace.Traces) []Summary {
	var found []Summary
	for _, td := range tds {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if IsSummary(ss.Scope().Name(), span) {
						found = append(found, newSummary(span))
					}
				}
			}
		}
	}
	return found
}

func newSummary(span ptrace.Span) Summary {
	s := Summary{
		TraceID:      span.TraceID().String(),
		SpanID:       span.SpanID().String(),
		ParentSpanID: span.ParentSpanID().String(),
		Start:        span.StartTimestamp().AsTime(),
		End:          span.EndTimestamp().AsTime(),
		Attributes:   span.Attributes().AsRaw(),
	}
	s.RunID, s.Part, s.Revision = s.Text(botanu.RunID), s.Text(botanu.Part), s.Int(botanu.Revision)
	for _, ev := range span.Events().All() {
		if ev.Name() == botanu.ModelUsage {
			s.Models = append(s.Models, ev.Attributes().AsRaw())
		}
	}
	return s
}

// Latest keeps the highest revision of each part of each run: a revision
// restates its part in full. They come by run, then part.
func Latest(summaries []Summary) []Summary {
	type key struct{ run, part string }
	at := map[key]int{}
	var latest []Summary
	for _, s := range summaries {
		k := key{s.RunID, s.Part}
		if i, ok := at[k]; !ok {
			at[k] = len(latest)
			latest = append(latest, s)
		} else if s.Revision > latest[i].Revision {
			latest[i] = s
		}
	}
	slices.SortFunc(latest, func(a, b Summary) int {
		return cmp.Or(cmp.Compare(a.RunID, b.RunID), cmp.Compare(a.Part, b.Part))
	})
	return latest
}
