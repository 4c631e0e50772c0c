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
		{"negative window", func(c *Config) { c.DedupWindow = -1 }, "dedup_window: -1ns is negative; take 0s to remember nothing"},
		{"temporality", func(c *Config) { c.Metrics.Temporality = "Delta" }, `metrics::temporality: "Delta" is neither "cumulative" nor "delta"`},
		{"interval", func(c *Config) { c.Metrics.Interval = time.Millisecond }, "metrics::interval: 1ms is too short; take 1s or more"},
		{"limit", func(c *Config) { c.Metrics.CardinalityLimit = 1 }, "metrics::cardinality_limit: 1 is too low; take 2 or more, of which one is for the rest"},
		{"empty dimension", func(c *Config) { c.Metrics.Dimensions = []string{""} }, "metrics::dimensions::0: an attribute's name is empty; remove it"},
		{"run ID", func(c *Config) { c.Metrics.Dimensions = []string{"botanu.team", botanu.RunID} },
			`metrics::dimensions::1: "botanu.run_id" differs from run to run, which makes a series of each; remove it, and find single runs in traces, logs or SQL`},
		{"event ID", func(c *Config) { c.Metrics.Dimensions = []string{botanu.EventID} },
			`metrics::dimensions::0: "botanu.event_id" differs from run to run, which makes a series of each; remove it, and find single runs in traces, logs or SQL`},
		{"twice", func(c *Config) { c.Metrics.Dimensions = []string{"plan", "plan"} }, `metrics::dimensions::1: "plan" stands there twice; remove one`},
		{"there anyway", func(c *Config) { c.Metrics.Dimensions = []string{botanu.Workflow} }, `metrics::dimensions::0: "botanu.workflow" is on the metrics anyway; remove it`},
		{"order", func(c *Config) { c.Metrics.CostBuckets = []float64{1, 1} }, "metrics::cost_buckets::1: 1 does not exceed the bound before it, 1; put them in order"},
		{"infinite", func(c *Config) { c.Metrics.DurationBuckets = []float64{1, math.Inf(1)} }, "metrics::duration_buckets::1: +Inf is no bound; the last bucket has none anyway"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := createDefaultConfig().(*Config)
			c.change(config)
			require.EqualError(t, config.Validate(), c.want)
		})
	}
}
