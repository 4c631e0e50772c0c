package crash

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// sink is the second collector, and what it was told.
type sink struct {
	process *replay.Collector
	path    string
	offset  int64 // up to which the file was read

	runs      map[string]*told
	events    map[eventKey]*told
	spans     map[spanKey]bool
	revisions map[string][sha256.Size]byte // by kind, ID, part and revision, what it said
	repeated  int                          // revisions that came again as they were
	replaced  int                          // revisions that came again and said something else
}

type eventKey struct{ customer, event string }

type spanKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

func keyOf(span ptrace.Span) spanKey { return spanKey{span.TraceID(), span.SpanID()} }

// told is what was told of one run or event.
type told struct {
	parts   map[string]bool
	highest int64            // revision
	latest  []replay.Summary // the highest revision: more than one where it came again and said something else
	ends    map[string]bool  // completions, over all revisions
}

func startSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{
		path: filepath.Join(t.TempDir(), "out.jsonl"),
		runs: map[string]*told{}, events: map[eventKey]*told{}, spans: map[spanKey]bool{}, revisions: map[string][sha256.Size]byte{},
	}
	var err error
	s.process, err = replay.Start(t.Context(), binary, filepath.Join("testdata", "sink.yaml"), "CRASH_OUT="+s.path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.process.Kill() })
	return s
}

// stop ends the second collector in good order, and reads the rest.
func (s *sink) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stopLimit)
	defer cancel()
	require.NoError(t, s.process.Stop(ctx))
	require.NoError(t, s.read())
}

// read reads what the second collector has written since the last time. The
// whole file, which [replay.ReadFile] reads, is of hundreds of megabytes.
func (s *sink) read() error {
	f, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("read the sink: %w", err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(s.offset, io.SeekStart); err != nil {
		return fmt.Errorf("read the sink: %w", err)
	}
	lines := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // a line without an end is still being written
		}
		if err != nil {
			return fmt.Errorf("read the sink: %w", err)
		}
		var u ptrace.JSONUnmarshaler
		td, err := u.UnmarshalTraces(line)
		if err != nil {
			return fmt.Errorf("read the sink at %d: %w", s.offset, err)
		}
		s.offset += int64(len(line))
		if err := s.take(td); err != nil {
			return err
		}
	}
}

func (s *sink) take(td ptrace.Traces) error {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			if ss.Scope().Name() != botanu.Scope {
				for _, span := range ss.Spans().All() {
					s.spans[keyOf(span)] = true
				}
				continue
			}
			for _, span := range ss.Spans().All() {
				if err := s.summary(span); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// summary takes a summary of either kind.
func (s *sink) summary(span ptrace.Span) error {
	sum := replay.Summary{
		TraceID: span.TraceID().String(), SpanID: span.SpanID().String(), ParentSpanID: span.ParentSpanID().String(),
		Start: span.StartTimestamp().AsTime(), End: span.EndTimestamp().AsTime(), Attributes: span.Attributes().AsRaw(),
	}
	for _, ev := range span.Events().All() {
		if ev.Name() == botanu.ModelUsage {
			sum.Models = append(sum.Models, ev.Attributes().AsRaw())
		}
	}
	var at *told
	switch span.Name() {
	case botanu.RunSummary:
		sum.RunID, sum.Part, sum.Revision = sum.Text(botanu.RunID), sum.Text(botanu.Part), sum.Int(botanu.Revision)
		at = entry(s.runs, sum.RunID)
	case botanu.EventSummary:
		sum.Part, sum.Revision = sum.Text(botanu.EventPart), sum.Int(botanu.EventRevision)
		at = entry(s.events, eventKey{sum.Text(botanu.Customer), sum.Text(botanu.EventID)})
	default:
		return fmt.Errorf("a summary named %q", span.Name())
	}
	content, err := json.Marshal(sum)
	if err != nil {
		return err
	}
	s.note(span.Name(), &sum, content)
	at.take(sum, content)
	return nil
}

func entry[K comparable](m map[K]*told, key K) *told {
	if m[key] == nil {
		m[key] = &told{parts: map[string]bool{}, highest: -1, ends: map[string]bool{}}
	}
	return m[key]
}

// note counts the revisions that came before.
func (s *sink) note(kind string, sum *replay.Summary, content []byte) {
	key := fmt.Sprint(kind, sum.RunID, sum.Text(botanu.Customer), sum.Text(botanu.EventID), sum.Part, sum.Revision)
	now := sha256.Sum256(content)
	switch before, came := s.revisions[key]; {
	case !came:
		s.revisions[key] = now
	case before == now:
		s.repeated++
	default:
		s.replaced++
	}
}

func (o *told) take(sum replay.Summary, content []byte) {
	o.parts[sum.Part] = true
	o.ends[sum.Text(botanu.Completion)] = true
	switch {
	case sum.Revision > o.highest:
		o.highest, o.latest = sum.Revision, []replay.Summary{sum}
	case sum.Revision == o.highest:
		for i := range o.latest {
			if same, err := json.Marshal(o.latest[i]); err == nil && bytes.Equal(same, content) {
				return
			}
		}
		o.latest = append(o.latest, sum)
	}
}
