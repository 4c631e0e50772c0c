package runrollupprocessor

import (
	"math"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// FuzzConsumeTraces: no OTLP request, whatever it holds, makes the processor
// panic or fail; every span passes on, every summary can be written, and no
// amount in one wraps, turns negative or is no number.
func FuzzConsumeTraces(f *testing.F) {
	few := benchBatch(time.Now()) // a root, a call and another: a large seed makes fuzzing slow
	kept := 0
	few.ResourceSpans().At(0).ScopeSpans().At(0).Spans().RemoveIf(func(s ptrace.Span) bool {
		kept++
		return kept != 1 && kept != 2 && kept != 5
	})
	seed, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(few)
	require.NoError(f, err)
	f.Add(seed)
	f.Add([]byte{})
	for _, s := range few.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		for key, v := range s.Attributes().All() {
			if v.Type() == pcommon.ValueTypeStr && key != botanu.RunID {
				v.SetStr(v.Str() + "\xff")
			}
		}
	}
	odd, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(few)
	require.NoError(f, err)
	f.Add(odd)
	f.Fuzz(func(t *testing.T, data []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data)
		if err != nil {
			return
		}
		sink := &consumertest.TracesSink{}
		p := newTestProcessor(t, map[string]any{"limits": map[string]any{"open_runs": 3, "spans_per_run": 20}}, sink)
		spans := td.SpanCount()
		td.MarkReadOnly()
		require.NoError(t, p.ConsumeTraces(t.Context(), td))
		require.Equal(t, spans, sink.SpanCount())
		require.NoError(t, p.Shutdown(t.Context()))
		for _, out := range sink.AllTraces()[1:] { // the first is what came in
			_, err := (&ptrace.JSONMarshaler{}).MarshalTraces(out)
			require.NoError(t, err)
			requireMoney(t, out)
		}
	})
}

func requireMoney(t *testing.T, td ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				if ss.Scope().Name() != botanu.Scope || s.Name() != botanu.RunSummary {
					continue
				}
				requireUTF8(t, s.Attributes())
				for _, ev := range s.Events().All() {
					requireUTF8(t, ev.Attributes())
				}
				for _, key := range []string{botanu.CostTotal, botanu.CostInput, botanu.CostOutput, botanu.CostCacheRead, botanu.CostCacheWrite, botanu.CostUnsplit} {
					if v, ok := s.Attributes().Get(key); ok {
						require.False(t, math.Signbit(v.Double()) || math.IsNaN(v.Double()) || math.IsInf(v.Double(), 0), "%s: %v", key, v.Double())
					}
				}
			}
		}
	}
}

// requireUTF8: receivers that insist on it would refuse the whole batch.
func requireUTF8(t *testing.T, a pcommon.Map) {
	for key, v := range a.All() {
		require.True(t, utf8.ValidString(key) && utf8.ValidString(v.AsString()), "%q: %q", key, v.AsString())
		if v.Type() == pcommon.ValueTypeSlice {
			for _, item := range v.Slice().All() {
				require.True(t, utf8.ValidString(item.AsString()), "%q: %q", key, item.AsString())
			}
		}
	}
}
