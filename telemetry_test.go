package runrollupprocessor

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/metadata"
)

// TestTelemetry_several: of several processors in one collector each speaks for
// itself, in every metric there is.
func TestTelemetry_several(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		var processors []processor.Traces
		for _, name := range []string{"a", "b", "c"} {
			set := processortest.NewNopSettings(metadata.Type)
			set.ID, set.TelemetrySettings = component.NewIDWithName(metadata.Type, name), tel.NewTelemetrySettings()
			p, err := NewFactory().CreateTraces(t.Context(), set, createDefaultConfig(), consumertest.NewNop())
			require.NoError(t, err)
			require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
			for i := range len(processors) {
				call := span{Trace: 1, ID: byte(1 + i), Name: "chat", Attributes: map[string]any{
					botanu.RunID: fmt.Sprint("r", i), "gen_ai.operation.name": "chat", "gen_ai.request.model": "nobody's", "gen_ai.usage.input_tokens": 5,
				}}
				require.NoError(t, p.ConsumeTraces(t.Context(), call.traces(t, time.Now())))
			}
			processors = append(processors, p)
		}
		open := map[string]int64{}
		var told metricdata.ResourceMetrics
		require.NoError(t, tel.Reader.Collect(t.Context(), &told))
		for _, m := range ours(told) {
			if gauge, ok := m.Data.(metricdata.Gauge[int64]); ok && m.Name == "otelcol_processor_run_rollup_open_runs" {
				for _, p := range gauge.DataPoints {
					id, _ := p.Attributes.Value("processor")
					open[id.AsString()] = p.Value
				}
			}
		}
		assert.Equal(t, map[string]int64{"run_rollup/a": 0, "run_rollup/b": 1, "run_rollup/c": 2}, open)
		time.Sleep(10 * time.Minute) // all is summarised, calls without a price too

		require.NoError(t, tel.Reader.Collect(t.Context(), &told))
		seen := 0
		for _, m := range ours(told) {
			for _, id := range owners(m) {
				assert.Contains(t, []string{"run_rollup/a", "run_rollup/b", "run_rollup/c"}, id, m.Name)
				seen++
			}
		}
		assert.Greater(t, seen, 100)
		for _, p := range processors {
			require.NoError(t, p.Shutdown(t.Context()))
		}
	})
}

// ours are the metrics that the processors tell, among all that are told.
func ours(told metricdata.ResourceMetrics) []metricdata.Metrics {
	var metrics []metricdata.Metrics
	for _, scope := range told.ScopeMetrics {
		for _, m := range scope.Metrics {
			if strings.HasPrefix(m.Name, "otelcol_processor_run_rollup_") {
				metrics = append(metrics, m)
			}
		}
	}
	return metrics
}

// owners are the components that the points of a metric speak for.
func owners(m metricdata.Metrics) []string {
	var ids []string
	add := func(of attribute.Set) {
		id, _ := of.Value("processor")
		ids = append(ids, id.AsString())
	}
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			add(p.Attributes)
		}
	case metricdata.Sum[float64]:
		for _, p := range data.DataPoints {
			add(p.Attributes)
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			add(p.Attributes)
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			add(p.Attributes)
		}
	}
	return ids
}
