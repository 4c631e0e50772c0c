package rollupconnector

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// FuzzConsumeTraces: no spans, whatever they claim, make a connector panic or
// refuse, and what it makes of them can be written.
func FuzzConsumeTraces(f *testing.F) {
	var m ptrace.ProtoMarshaler
	for _, td := range []ptrace.Traces{
		mixed(), eventSummary(1, 0, nil),
		runSummary(1, 1, map[string]any{"botanu.outcome.previous_status": "failed"}, model{name: "m", calls: -1, input: 7, cost: "-0.25"}),
	} {
		b, err := m.MarshalTraces(td)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var u ptrace.ProtoUnmarshaler
		td, err := u.UnmarshalTraces(b)
		if err != nil {
			return
		}
		for _, c := range connectors(t, settings(nil)) {
			consume(t, c, td)
		}
		for _, temporality := range []string{cumulative, delta} {
			next := &consumertest.MetricsSink{}
			c := start(t, settings(nil), map[string]any{"metrics": map[string]any{"temporality": temporality, "dimensions": []any{"plan"}}}, next)
			consume(t, c, td, td)
			stop(t, c)
			var m pmetric.ProtoMarshaler
			for _, md := range next.AllMetrics() {
				_, err := m.MarshalMetrics(md)
				require.NoError(t, err)
			}
		}
	})
}
