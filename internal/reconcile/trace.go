package reconcile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/attrs"
	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/genai"
)

const runIDKey = "botanu.run_id"

// recorded is a span of a recording and the run that it belongs to.
type recorded struct {
	billing.Span
	run string // "" while, or where, none is known
}

// reader turns OTLP requests into spans.
type reader struct {
	attrs     *attrs.Reader
	extractor *genai.Extractor
	spans     []recorded
	seen      map[spanKey]bool
}

type spanKey struct {
	trace [16]byte
	span  [8]byte
}

func loadSpans(dir string) ([]recorded, error) {
	file, err := os.Open(filepath.Join(dir, "traces.jsonl"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	table := attrs.NewTable()
	r := &reader{extractor: genai.New(table, nil), seen: map[spanKey]bool{}}
	r.attrs = attrs.NewReader(table, nil)
	lines := bufio.NewReaderSize(file, 1<<20)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
			if err != nil {
				return nil, fmt.Errorf("%s/traces.jsonl: line %d: %w", dir, n, err)
			}
			r.read(traces)
		}
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
	}
	inherit(r.spans)
	return r.spans, nil
}

func (r *reader) read(traces ptrace.Traces) {
	for _, resource := range traces.ResourceSpans().All() {
		run := text(resource.Resource().Attributes(), runIDKey)
		for _, scope := range resource.ScopeSpans().All() {
			for _, span := range scope.Spans().All() {
				r.readSpan(run, scope.Scope(), span)
			}
		}
	}
}

func (r *reader) readSpan(run string, scope pcommon.InstrumentationScope, span ptrace.Span) {
	key := spanKey{span.TraceID(), span.SpanID()}
	if r.seen[key] {
		return
	}
	r.seen[key] = true
	if own := text(span.Attributes(), runIDKey); own != "" {
		run = own
	}
	r.attrs.Read(span.Attributes())
	out := recorded{run: run, Span: billing.Span{
		Trace: span.TraceID(), ID: span.SpanID(), Parent: span.ParentSpanID(),
		Start: int64(span.StartTimestamp()), End: int64(span.EndTimestamp()),
	}}
	record, ok := r.extractor.Record(genai.Span{
		Attrs: r.attrs, ScopeName: scope.Name(), ScopeVersion: scope.Version(), Name: span.Name(), Kind: span.Kind(),
		StatusError: span.Status().Code() == ptrace.StatusCodeError, ErrorType: errorType(span),
	})
	if ok {
		out.Record = &record
		out.Tool, out.Agent = record.Traits.Has(genai.Tool), record.Traits.Has(genai.Agent)
	}
	r.spans = append(r.spans, out)
}

func errorType(span ptrace.Span) string {
	if t := text(span.Attributes(), "error.type"); t != "" {
		return t
	}
	for _, event := range span.Events().All() {
		if event.Name() == "exception" {
			return text(event.Attributes(), "exception.type")
		}
	}
	return ""
}

func text(m pcommon.Map, key string) string {
	if v, ok := m.Get(key); ok && v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	return ""
}

// inherit gives a run to spans that name none: that of the nearest ancestor
// that does, else the only one of the trace.
func inherit(spans []recorded) {
	place := map[spanKey]int{}
	only := map[[16]byte]string{}
	for i := range spans {
		s := &spans[i]
		place[spanKey{s.Trace, s.ID}] = i
		if known, ok := only[s.Trace]; s.run != "" && ok && known != s.run {
			only[s.Trace] = "" // several
		} else if s.run != "" {
			only[s.Trace] = s.run
		}
	}
	named := make([]string, len(spans))
	for i := range spans {
		s := &spans[i]
		named[i] = s.run
		broken := false
		for steps := 0; named[i] == "" && !broken && steps < len(spans); steps++ {
			up, ok := place[spanKey{s.Trace, s.Parent}]
			if broken = !ok; ok {
				s = &spans[up]
				named[i] = s.run
			}
		}
		if named[i] == "" {
			named[i] = only[s.Trace]
		}
	}
	for i := range spans {
		spans[i].run = named[i]
	}
}

// spansOf lists what billing has to know of a run: its spans, and those of
// other runs in its traces.
func spansOf(spans []recorded, run string) []billing.Span {
	traces := map[[16]byte]bool{}
	for i := range spans {
		if spans[i].run == run {
			traces[spans[i].Trace] = true
		}
	}
	var list []billing.Span
	for i := range spans {
		if traces[spans[i].Trace] {
			s := spans[i].Span
			s.Foreign = spans[i].run != run
			list = append(list, s)
		}
	}
	return list
}
