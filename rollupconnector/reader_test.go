package rollupconnector

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadatatest"
)

// TestMetrics_badInput: what cannot be read is counted, and the rest counts.
func TestMetrics_badInput(t *testing.T) {
	tel := componenttest.NewTelemetry()
	next := &sink{}
	c := start(t, settings(tel), map[string]any{"metrics": map[string]any{"dimensions": []any{"plan"}}}, next)
	long := strings.Repeat("é", 200)
	keys := &botanu.UsageIncrease
	timeless := runSummary(7, 0, map[string]any{botanu.CostTotalExact: "-5", botanu.OutcomeStatus: "", botanu.Workflow: "timeless"})
	timeless.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetStartTimestamp(0)
	backwards := runSummary(8, 0, map[string]any{botanu.CostTotalExact: nil, botanu.Workflow: int64(3), botanu.Environment: nil, "plan": ""})
	backwards.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetEndTimestamp(1)
	consume(t, c,
		runSummary(1, 0, map[string]any{botanu.Part: nil}), runSummary(2, 0, map[string]any{botanu.Part: "xyz"}),
		runSummary(3, 0, map[string]any{botanu.Revision: nil}), runSummary(4, -1, nil), runSummary(5, 0, map[string]any{botanu.Revision: "0"}),
		eventSummary(1, 0, map[string]any{botanu.EventPart: "12345678123456789"}),
		runSummary(6, 0, map[string]any{botanu.Workflow: "a\xffb", botanu.CostTotalExact: "much", botanu.OutcomeValueAmount: "1", botanu.Environment: long, "plan": long + long},
			model{name: "m", calls: 1, otherValues: map[string]any{keys.Output: int64(2e12), keys.InputUncached: int64(-2e12), keys.CacheWrite: 1.5, keys.CostExact: "NaN"}}),
		timeless, backwards, // two bad values each
	)
	for i, amount := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e13} {
		consume(t, c, runSummary(uint64(10+i), 3, nil), runSummary(uint64(10+i), 0, map[string]any{botanu.OutcomeValueAmount: amount, botanu.CostTotalExact: nil, botanu.Workflow: "amounts"}))
	}
	stop(t, c)
	want := []metricdata.DataPoint[int64]{
		ownPoint(6, attribute.String("reason", "part")), ownPoint(6+2+2+4, attribute.String("reason", "value")),
	}
	metadatatest.AssertEqualConnectorRunRollupInvalidInput(t, tel, want, metricdatatest.IgnoreTimestamp())
	cut := strings.Repeat("é", 128)
	common := "map[botanu.environment:" + cut + " botanu.outcome.status:success "
	names := []string{
		"botanu.llm.calls" + common + "botanu.workflow:ab gen_ai.provider.name:acme gen_ai.request.model:m plan:" + cut + "]",
		"botanu.run.duration" + common + "botanu.workflow:ab plan:" + cut + "]",
		"botanu.run.durationmap[" + success + " botanu.workflow:amounts]",
		"botanu.runs" + common + "botanu.run.completion:root_ended botanu.workflow:ab plan:" + cut + "]",
		"botanu.runsmap[" + success + " botanu.run.completion:root_ended botanu.workflow:amounts]",
		"botanu.runsmap[botanu.environment:prod botanu.outcome.status:unset botanu.run.completion:root_ended botanu.workflow:timeless]",
		"botanu.runsmap[botanu.outcome.status:success botanu.run.completion:root_ended]",
		"sum of botanu.run.duration" + common + "botanu.workflow:ab plan:" + cut + "]",
		"sum of botanu.run.durationmap[" + success + " botanu.workflow:amounts]",
	}
	assert.ElementsMatch(t, names, slices.Collect(maps.Keys(next.series())))
}

// TestLabel_freesTheRest: 256 bytes of a text do not keep the megabyte alive
// that they were cut from.
func TestLabel_freesTheRest(t *testing.T) {
	text := strings.Repeat("x", 1<<20)
	kv := label("k", text)
	assert.Equal(t, text[:textLimit], kv.Value.AsString())
	assert.NotSame(t, unsafe.StringData(text), unsafe.StringData(kv.Value.AsString()))
	same := label("k", text[:textLimit])
	assert.Same(t, unsafe.StringData(text), unsafe.StringData(same.Value.AsString()), "what is short enough is not copied")
}
