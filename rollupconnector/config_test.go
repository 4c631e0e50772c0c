package rollupconnector

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

func TestConfig_defaults(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	c := createDefaultConfig().(*Config)
	require.NoError(t, c.Validate())
	assert.Equal(t, 15*time.Minute, c.DedupWindow)
	assert.Equal(t, 15*time.Second, c.Metrics.Interval)
	assert.Equal(t, "cumulative", c.Metrics.Temporality)
	assert.Equal(t, 2000, c.Metrics.CardinalityLimit)
	assert.Equal(t, 0.0001, c.Metrics.CostBuckets[0], "a hundredth of a cent")
	assert.Equal(t, 1000.0, c.Metrics.CostBuckets[len(c.Metrics.CostBuckets)-1], "a thousand dollars")
}

// TestConfig_documented: what README.md shows are all keys, at their defaults.
func TestConfig_documented(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(page), "```yaml\nconnectors:\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	var shown struct {
		Keys map[string]any `yaml:"run_rollup"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(block), &shown))
	assert.Equal(t, createDefaultConfig(), config(t, shown.Keys))
	all := confmap.New()
	require.NoError(t, all.Marshal(createDefaultConfig()))
	for _, key := range all.AllKeys() {
		assert.Contains(t, confmap.NewFromStringMap(shown.Keys).AllKeys(), key)
		assert.Contains(t, string(page), "| `"+key+"` |")
	}
}

// TestConfig_all: every key of the contract, section 8, is read, and a list
// takes the place of its default.
func TestConfig_all(t *testing.T) {
	got := config(t, map[string]any{"dedup_window": "1h", "metrics": map[string]any{
		"temporality": "delta", "interval": "1m", "dimensions": []any{"botanu.team"},
		"cost_buckets": []any{0.01, 1}, "duration_buckets": []any{1, 2.5}, "cardinality_limit": 100,
	}})
	assert.Equal(t, &Config{DedupWindow: time.Hour, Metrics: MetricsConfig{
		Temporality: "delta", Interval: time.Minute, Dimensions: []string{"botanu.team"},
		CostBuckets: []float64{0.01, 1}, DurationBuckets: []float64{1, 2.5}, CardinalityLimit: 100,
	}}, got)
}

func TestConfig_Validate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"negative window", func(c *Config) { c.DedupWindow = -1 }, `dedup_window: -1ns is too short; take 1s or more, such as "15m", or 0s to remember nothing`},
		{"nanoseconds", func(c *Config) { c.DedupWindow = 15 }, `dedup_window: 15ns is too short; take 1s or more, such as "15m", or 0s to remember nothing`},
		{"most", func(c *Config) { c.Metrics.CardinalityLimit = 1_000_001 }, "metrics::cardinality_limit: 1000001 is out of range; take 2 to 1000000, of which one is for the rest"},
		{"negative bound", func(c *Config) { c.Metrics.CostBuckets = []float64{-1, 1} }, "metrics::cost_buckets::0: -1 is no bound; give numbers of 0 and more, the last bucket has none anyway"},
		{"of some metrics", func(c *Config) { c.Metrics.Dimensions = []string{"gen_ai.request.model"} }, `metrics::dimensions::0: "gen_ai.request.model" is on the metrics that it is meant for; remove it`},
		{"overflow", func(c *Config) { c.Metrics.Dimensions = []string{"otel.metric.overflow"} }, `metrics::dimensions::0: "otel.metric.overflow" is on the metrics that it is meant for; remove it`},
		{"temporality", func(c *Config) { c.Metrics.Temporality = "Delta" }, `metrics::temporality: "Delta" is neither "cumulative" nor "delta"`},
		{"interval", func(c *Config) { c.Metrics.Interval = time.Millisecond }, "metrics::interval: 1ms is too short; take 1s or more"},
		{"limit", func(c *Config) { c.Metrics.CardinalityLimit = 1 }, "metrics::cardinality_limit: 1 is out of range; take 2 to 1000000, of which one is for the rest"},
		{"empty dimension", func(c *Config) { c.Metrics.Dimensions = []string{""} }, "metrics::dimensions::0: an attribute's name is empty; remove it"},
		{"run ID", func(c *Config) { c.Metrics.Dimensions = []string{"botanu.team", botanu.RunID} },
			`metrics::dimensions::1: "botanu.run_id" differs from run to run, which makes a series of each; remove it, and find single runs in traces, logs or SQL`},
		{"event ID", func(c *Config) { c.Metrics.Dimensions = []string{botanu.EventID} },
			`metrics::dimensions::0: "botanu.event_id" differs from run to run, which makes a series of each; remove it, and find single runs in traces, logs or SQL`},
		{"twice", func(c *Config) { c.Metrics.Dimensions = []string{"plan", "plan"} }, `metrics::dimensions::1: "plan" stands there twice; remove one`},
		{"there anyway", func(c *Config) { c.Metrics.Dimensions = []string{botanu.Workflow} }, `metrics::dimensions::0: "botanu.workflow" is on the metrics that it is meant for; remove it`},
		{"one label", func(c *Config) { c.Metrics.Dimensions = []string{"botanu_workflow"} }, `metrics::dimensions::0: "botanu_workflow" is the label botanu_workflow in Prometheus, as is botanu.workflow; remove it`},
		{"one label of two", func(c *Config) { c.Metrics.Dimensions = []string{"my.plan", "my plan"} }, `metrics::dimensions::1: "my plan" is the label my_plan in Prometheus, as is my.plan; remove it`},
		{"bucket", func(c *Config) { c.Metrics.Dimensions = []string{"le"} }, `metrics::dimensions::0: "le" is the label le in Prometheus, as is a bucket's bound; remove it`},
		{"no bound", func(c *Config) { c.Metrics.CostBuckets = []float64{} }, "metrics::cost_buckets: there is no bound; give one or more, or leave the key out for its default"},
		{"order", func(c *Config) { c.Metrics.CostBuckets = []float64{1, 1} }, "metrics::cost_buckets::1: 1 does not exceed the bound before it, 1; put them in order"},
		{"infinite", func(c *Config) { c.Metrics.DurationBuckets = []float64{1, math.Inf(1)} }, "metrics::duration_buckets::1: +Inf is no bound; give numbers of 0 and more, the last bucket has none anyway"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := createDefaultConfig().(*Config)
			c.change(config)
			require.EqualError(t, config.Validate(), c.want)
		})
	}
}

// TestConfig_perRun: what differs from run to run is no dimension (contract,
// section 7).
func TestConfig_perRun(t *testing.T) {
	for _, key := range []string{
		"botanu.run_id", "botanu.event_id", "botanu.parent_run_id", "botanu.root_run_id", "botanu.retry_of_run_id",
		"botanu.run.part", "botanu.event.part", "botanu.run.start_time", "botanu.run.deadline_ts", "botanu.outcome.time",
		"botanu.run.duration_ms", "botanu.run.cost.total", "botanu.run.cost.total_exact", "botanu.run.cost.increase_exact",
		"botanu.event.duration_ms", "botanu.event.cost.total", "botanu.event.cost.total_exact", "botanu.event.cost.increase_exact",
		"botanu.run.cost.input", "botanu.run.cost.output", "botanu.run.cost.cache_read", "botanu.run.cost.cache_write", "botanu.run.cost.metered",
		"botanu.run.cost.unsplit", "botanu.event.cost.unsuccessful", "botanu.event.cost.unsuccessful_exact",
		"botanu.run.tokens.input", "botanu.run.span_count", "botanu.run.revision", "botanu.run.models", "botanu.run.services",
		"botanu.outcome.value_total", "botanu.outcome.value_amount", "botanu.outcome.reason", "botanu.outcome.status_raw", "botanu.event.tokens.input",
	} {
		c := createDefaultConfig().(*Config)
		c.Metrics.Dimensions = []string{key}
		assert.ErrorContains(t, c.Validate(), "differs from run to run", key)
	}
}

// TestConfig_fewValues: what has few values is a dimension, whoever says it.
func TestConfig_fewValues(t *testing.T) {
	config(t, map[string]any{"metrics": map[string]any{"dimensions": []any{
		"botanu.team", "botanu.customer_id", "botanu.tenant_id", "botanu.workflow_version", "botanu.attempt", "botanu.outcome.error_type", "botanu.outcome.value_type",
		"botanu.outcome.metadata.plan", "botanu.run.service", "botanu.run.cost.accuracy", "botanu.run.rate_card", "botanu.run.completion", "plan", "my.plan",
	}}})
}

// TestConfig_limits: the least of each that is allowed.
func TestConfig_limits(t *testing.T) {
	config(t, map[string]any{"dedup_window": "1s", "metrics": map[string]any{"interval": "1s", "cardinality_limit": 2, "cost_buckets": []any{0, 1}, "duration_buckets": []any{5}}})
	config(t, map[string]any{"dedup_window": "0s", "metrics": map[string]any{"cardinality_limit": 1_000_000}})
}

// TestConfig_wrongTypes: a wrong key or value is named, with the fix.
func TestConfig_wrongTypes(t *testing.T) {
	for _, c := range []struct {
		config map[string]any
		want   string
	}{
		{map[string]any{"dedup": "5m"}, "dedup: there is no such key; did you mean metrics? The keys are dedup_window, metrics"},
		{map[string]any{"metrics": map[string]any{"interval": "abc"}}, `metrics::interval: "abc" is no duration; give one such as "30s" or "5m"`},
		{map[string]any{"metrics": map[string]any{"cost_buckets": 5}}, "metrics::cost_buckets: 5 is no list; give one such as [a, b]"},
		{map[string]any{"metrics": map[string]any{"cost_buckets": []any{"much"}}}, `metrics::cost_buckets::0: "much" is no number; give one such as 0.25`},
		{map[string]any{"metrics": map[string]any{"cost_bucket": []any{1}}}, "metrics::cost_bucket: there is no such key; did you mean cost_buckets?"},
	} {
		require.ErrorContains(t, confmap.NewFromStringMap(c.config).Unmarshal(createDefaultConfig()), c.want)
	}
}
