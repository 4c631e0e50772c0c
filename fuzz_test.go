package runrollupprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// FuzzConsumeTraces: no OTLP request, whatever it holds, makes the processor
// panic or fail; every span passes on, and every summary can be written.
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
		for _, out := range sink.AllTraces() {
			_, err := (&ptrace.JSONMarshaler{}).MarshalTraces(out)
			require.NoError(t, err)
		}
	})
}
