// Package replay plays recorded traces into a collector and reads back what
// the collector wrote. The demo and the end-to-end tests share it, so what
// newcomers see is what the tests hold true.
package replay

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// Capture is what one application's OTLP exporter sent, request by request.
type Capture struct {
	Name     string
	Requests []ptrace.Traces
}

// Load reads the recording in a folder: its traces.jsonl holds the JSON body
// of one OTLP/HTTP request a line, in the order of arrival.
func Load(dir string) (*Capture, error) {
	f, err := os.Open(filepath.Join(dir, "traces.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("load capture: %w", err)
	}
	defer func() { _ = f.Close() }()
	requests, rest, err := readLines(f)
	if err != nil {
		return nil, fmt.Errorf("load capture %s: %w", f.Name(), err)
	}
	if len(rest) > 0 { // the last line of a recording is whole, with or without a line end
		td, err := unmarshal(rest)
		if err != nil {
			return nil, fmt.Errorf("load capture %s: last line: %w", f.Name(), err)
		}
		requests = append(requests, td)
	}
	if len(requests) == 0 {
		return nil, fmt.Errorf("load capture %s: it holds no request", f.Name())
	}
	return &Capture{Name: filepath.Base(dir), Requests: requests}, nil
}

// readLines reads whole lines of OTLP JSON, and returns beside them what
// stands after the last line end.
func readLines(r io.Reader) (tds []ptrace.Traces, rest []byte, err error) {
	br := bufio.NewReader(r) // not a Scanner: a line may be many megabytes
	for n := 1; ; n++ {
		line, err := br.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return tds, line, nil
		}
		if err != nil {
			return nil, nil, err
		}
		td, err := unmarshal(line)
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", n, err)
		}
		tds = append(tds, td)
	}
}

func unmarshal(line []byte) (ptrace.Traces, error) {
	if !json.Valid(line) { // pdata's reader accepts some of what is no JSON at all
		return ptrace.Traces{}, errors.New("not valid JSON")
	}
	var u ptrace.JSONUnmarshaler
	return u.UnmarshalTraces(line)
}

// Spans are the spans of some traces, in order.
func Spans(tds ...ptrace.Traces) iter.Seq[ptrace.Span] {
	return func(yield func(ptrace.Span) bool) {
		for _, td := range tds {
			for _, rs := range td.ResourceSpans().All() {
				for _, ss := range rs.ScopeSpans().All() {
					for _, span := range ss.Spans().All() {
						if !yield(span) {
							return
						}
					}
				}
			}
		}
	}
}

// SpanCount is the number of spans in all requests.
func (c *Capture) SpanCount() int {
	n := 0
	for _, td := range c.Requests {
		n += td.SpanCount()
	}
	return n
}

// RunIDs are the runs that the spans name themselves, each once, in order.
func (c *Capture) RunIDs() []string {
	var ids []string
	seen := map[string]bool{}
	for span := range Spans(c.Requests...) {
		if v, ok := span.Attributes().Get(botanu.RunID); ok && !seen[v.AsString()] {
			seen[v.AsString()] = true
			ids = append(ids, v.AsString())
		}
	}
	return ids
}

// lead is how far before now the newest time of a shifted capture lies: near
// enough to look live, far enough not to lie in the future of another clock.
const lead = 10 * time.Millisecond

// ShiftTo moves every time in the capture by one constant, so that the newest
// lies just before now. Times relative to each other stay what they were: the
// collector ignores times that are far from the arrival, not odd distances.
func (c *Capture) ShiftTo(now time.Time) {
	newest := pcommon.Timestamp(0)
	for span := range Spans(c.Requests...) {
		eachTime(span, func(t pcommon.Timestamp, _ func(pcommon.Timestamp)) { newest = max(newest, t) })
	}
	by := now.Add(-lead).UnixNano() - int64(newest)
	for span := range Spans(c.Requests...) {
		eachTime(span, func(t pcommon.Timestamp, set func(pcommon.Timestamp)) {
			set(pcommon.Timestamp(int64(t) + by))
		})
		shiftAttributes(span.Attributes(), time.Duration(by))
	}
}

// eachTime visits the times of a span that are set; 0 means that there is none.
func eachTime(span ptrace.Span, visit func(t pcommon.Timestamp, set func(pcommon.Timestamp))) {
	if t := span.StartTimestamp(); t != 0 {
		visit(t, span.SetStartTimestamp)
	}
	if t := span.EndTimestamp(); t != 0 {
		visit(t, span.SetEndTimestamp)
	}
	for _, ev := range span.Events().All() {
		if t := ev.Timestamp(); t != 0 {
			visit(t, ev.SetTimestamp)
		}
	}
}

// shiftAttributes moves the times that a run's root span states in attributes:
// a deadline left in the past would turn every run into a timeout.
func shiftAttributes(a pcommon.Map, by time.Duration) {
	if v, ok := a.Get(botanu.RunStartTime); ok {
		if t, err := time.Parse(time.RFC3339Nano, v.AsString()); err == nil {
			v.SetStr(t.Add(by).UTC().Format(time.RFC3339Nano))
		}
	}
	if v, ok := a.Get(botanu.RunDeadline); ok && v.Type() == pcommon.ValueTypeDouble {
		v.SetDouble(v.Double() + by.Seconds())
	}
}
