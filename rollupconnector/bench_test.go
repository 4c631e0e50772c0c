package rollupconnector

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// BenchmarkConsumeTraces: one summary of a run with two models an operation;
// and 500 spans without any, which is what a connector behind run_rollup
// mostly sees.
func BenchmarkConsumeTraces(b *testing.B) {
	summary := runSummary(1, 0, nil, model{name: "m", calls: 3, input: 100, cost: "0.1"}, model{name: "n", calls: 1, input: 10, cost: "0.2"})
	spans := ptrace.NewTraces()
	ss := spans.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	ss.Scope().SetName("app")
	for range 500 {
		ss.Spans().AppendEmpty().SetName(botanu.RunSummary)
	}
	c, err := newToMetrics(settings(nil), createDefaultConfig().(*Config), consumertest.NewNop())
	require.NoError(b, err)
	toLogs, err := NewFactory().CreateTracesToLogs(b.Context(), settings(nil), createDefaultConfig(), consumertest.NewNop())
	require.NoError(b, err)
	toTraces, err := NewFactory().CreateTracesToTraces(b.Context(), settings(nil), createDefaultConfig(), consumertest.NewNop())
	require.NoError(b, err)
	for _, signal := range []struct {
		name    string
		consume func(context.Context, ptrace.Traces) error
	}{{"metrics", c.ConsumeTraces}, {"logs", toLogs.ConsumeTraces}, {"traces", toTraces.ConsumeTraces}} {
		b.Run(signal.name+"/summary", func(b *testing.B) {
			part, _ := summary.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Get(botanu.Part)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				part.SetStr(hex(uint64(n)))
				if err := signal.consume(context.Background(), summary); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(signal.name+"/others", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := signal.consume(context.Background(), spans); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// hex is a part as a summary writes it.
func hex(part uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[part>>(60-4*i)&15]
	}
	return string(b[:])
}
