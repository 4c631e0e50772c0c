package rollupconnector

import (
	"bytes"
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

var update = flag.Bool("update", false, "write the golden files")

// broken is where a line of JSON is broken: before what is named.
var broken = regexp.MustCompile(`\{"(key|name|attributes|timeUnixNano)":`)

// golden holds signals as OTLP JSON, a line each, against a file.
func golden(t *testing.T, name string, lines [][]byte) {
	t.Helper()
	var text bytes.Buffer
	for _, line := range lines {
		text.Write(broken.ReplaceAll(line, []byte("\n$0"))) // so that what differs is to be seen
		text.WriteByte('\n')
	}
	file := filepath.Join("testdata", "golden", name+".json")
	if *update {
		require.NoError(t, os.WriteFile(file, text.Bytes(), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	got := strings.Split(text.String(), "\n")
	for i, line := range strings.Split(string(want), "\n") {
		require.Less(t, i, len(got), "%s is longer", file)
		require.Equal(t, line, got[i], "%s:%d", file, i+1) // the first is enough
	}
	assert.Equal(t, len(want), text.Len(), "%s is shorter", file)
}

func marshal[T any](t *testing.T, all []T, with func(T) ([]byte, error)) [][]byte {
	t.Helper()
	var lines [][]byte
	for _, one := range all {
		line, err := with(one)
		require.NoError(t, err)
		lines = append(lines, line)
	}
	return lines
}

// TestGolden_traces: traces to traces passes on the summaries alone (contract, section 7).
func TestGolden_traces(t *testing.T) {
	next := &consumertest.TracesSink{}
	c, err := NewFactory().CreateTracesToTraces(t.Context(), settings(nil), createDefaultConfig(), next)
	require.NoError(t, err)
	play(t, c)
	golden(t, "traces", marshal(t, next.AllTraces(), (&ptrace.JSONMarshaler{}).MarshalTraces))
}

// TestGolden_logs: traces to logs makes one record each, with the same
// attributes, the breakdown by model in the body, and the root's span (contract, section 7).
func TestGolden_logs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := &consumertest.LogsSink{}
		c, err := NewFactory().CreateTracesToLogs(t.Context(), settings(nil), createDefaultConfig(), next)
		require.NoError(t, err)
		play(t, c)
		golden(t, "logs", marshal(t, next.AllLogs(), (&plog.JSONMarshaler{}).MarshalLogs))
	})
}

// TestGolden_metrics: one flush an interval and one on shutdown; every summary
// comes twice and counts once (contract, section 7).
func TestGolden_metrics(t *testing.T) {
	for _, temporality := range []string{cumulative, delta} {
		t.Run(temporality, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := &consumertest.MetricsSink{}
				c, err := NewFactory().CreateTracesToMetrics(t.Context(), settings(nil),
					config(t, map[string]any{"metrics": map[string]any{"temporality": temporality, "dimensions": []any{"plan"}}}), next)
				require.NoError(t, err)
				play(t, c)
				for _, md := range next.AllMetrics() {
					sortPoints(md)
				}
				golden(t, "metrics_"+temporality, marshal(t, next.AllMetrics(), (&pmetric.JSONMarshaler{}).MarshalMetrics))
			})
		})
	}
}

// play sends what was recorded, each batch twice, one in ten seconds.
func play(t *testing.T, c connector.Traces) {
	require.NoError(t, c.Start(t.Context(), componenttest.NewNopHost()))
	_, metrics := c.(*toMetrics)
	for _, td := range recorded(t) {
		consume(t, c, td)
		if metrics {
			consume(t, c, td)
			pass(10 * time.Second)
		}
	}
	if metrics { // a revision that takes back what the one before it said
		consume(t, c, runSummary(1, 1, nil, model{name: "m", calls: -1, unpriced: -1, input: -20, cost: "-0.25"}))
	}
	require.NoError(t, c.Shutdown(t.Context()))
}

// sortPoints puts the points of each metric in order: the SDK has none.
func sortPoints(md pmetric.Metrics) {
	for _, m := range metricsOf(md) {
		if m.Type() == pmetric.MetricTypeSum {
			m.Sum().DataPoints().Sort(func(a, b pmetric.NumberDataPoint) bool {
				return less(m, a.Attributes(), b.Attributes(), a.Timestamp(), b.Timestamp())
			})
		} else {
			m.Histogram().DataPoints().Sort(func(a, b pmetric.HistogramDataPoint) bool {
				return less(m, a.Attributes(), b.Attributes(), a.Timestamp(), b.Timestamp())
			})
		}
	}
}

func less(m pmetric.Metric, a, b pcommon.Map, at, bt pcommon.Timestamp) bool {
	return cmp.Or(cmp.Compare(key(m, a), key(m, b)), cmp.Compare(at, bt)) < 0
}
