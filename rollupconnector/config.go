package rollupconnector

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/strict"
)

// Config is the configuration of the connector run_rollup. Every field has a
// working default; README.md says what each does. All of it is about metrics:
// traces and logs need no choice.
type Config struct {
	// DedupWindow is how long a summary that metrics have counted is remembered,
	// so that it counts once when it is sent again. 0 remembers nothing.
	DedupWindow time.Duration `mapstructure:"dedup_window"`
	// Metrics says what metrics look like.
	Metrics MetricsConfig `mapstructure:"metrics"`
}

// MetricsConfig says what metrics look like.
type MetricsConfig struct {
	// Temporality is cumulative (totals since the start) or delta (since the last
	// flush).
	Temporality string `mapstructure:"temporality"`
	// Interval is the time between two flushes.
	Interval time.Duration `mapstructure:"interval"`
	// Dimensions are further attributes of the summary to put on each metric.
	Dimensions []string `mapstructure:"dimensions"`
	// CostBuckets are the bounds of the histograms of cost, in USD.
	CostBuckets []float64 `mapstructure:"cost_buckets"`
	// DurationBuckets are the bounds of the histogram of duration, in seconds.
	DurationBuckets []float64 `mapstructure:"duration_buckets"`
	// CardinalityLimit is how many series a metric may have. The rest goes to one
	// with the attribute otel.metric.overflow.
	CardinalityLimit int `mapstructure:"cardinality_limit"`
}

const (
	cumulative = "cumulative"
	delta      = "delta"

	// cardinalityMost is more series than any backend likes of one metric, and a
	// gigabyte of them.
	cardinalityMost = 1_000_000
)

func createDefaultConfig() component.Config {
	return &Config{
		DedupWindow: 15 * time.Minute,
		Metrics: MetricsConfig{
			Temporality: cumulative,
			Interval:    15 * time.Second,
			Dimensions:  []string{},
			// A hundredth of a cent to a thousand dollars, three a decade.
			CostBuckets: []float64{
				0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
				1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000,
			},
			// A tenth of a second to a day.
			DurationBuckets:  []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400},
			CardinalityLimit: 2000,
		},
	}
}

// differs reports whether an attribute differs from run to run: each run would
// be a series of its own, which no metrics backend is made for. What a summary
// says itself does, but for the few that are named.
func differs(key string) bool {
	switch key {
	case botanu.RunID, botanu.EventID, botanu.ParentRun, botanu.RootRun, botanu.RetryOf:
		return true
	case botanu.OutcomeValueType, botanu.OutcomeErrorType, botanu.OutcomeSource, botanu.OutcomeConflict, botanu.OutcomePreviousStatus,
		botanu.CostSource, botanu.CostAccuracy, botanu.CostCaveats, botanu.RateCard, botanu.Service, botanu.Completion,
		botanu.EventCostAccuracy, botanu.EventCostCaveats:
		return false
	}
	if strings.HasPrefix(key, botanu.OutcomeMetadata) {
		return false // the application's own
	}
	for _, prefix := range []string{"botanu.run.", "botanu.event.", "botanu.outcome."} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// onAll are the attributes that all metrics have, and onSome those that some
// have and no summary.
var (
	onAll  = []string{botanu.Workflow, botanu.Environment, botanu.OutcomeStatus}
	onSome = []string{botanu.ModelProvider, botanu.ModelName, tokenType, string(overflow)}
)

// promLabel is the name of the label that Prometheus makes of an attribute.
func promLabel(key string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, key)
}

// taken are the labels that a dimension must not become: those of other
// attributes, and those by which Prometheus tells buckets and targets.
func taken(others []string) map[string]string {
	names := map[string]string{"le": "a bucket's bound", "job": "the scraped job", "instance": "the scraped instance"}
	for _, key := range slices.Concat(onAll, onSome, []string{botanu.OutcomeValueType, botanu.Completion, botanu.OutcomePreviousStatus}, others) {
		names[promLabel(key)] = key
	}
	return names
}

// Unmarshal reads the configuration strictly.
func (c *Config) Unmarshal(conf *confmap.Conf) error { return strict.Unmarshal(conf, c) }

// Validate says for each wrong field what was wrong and what would be right.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.DedupWindow != 0 && c.DedupWindow < time.Second {
		wrong("dedup_window: %s is too short; take 1s or more, such as \"15m\", or 0s to remember nothing", c.DedupWindow)
	}
	m := &c.Metrics
	if m.Temporality != cumulative && m.Temporality != delta {
		wrong("metrics::temporality: %q is neither %q nor %q", m.Temporality, cumulative, delta)
	}
	if m.Interval < time.Second {
		wrong("metrics::interval: %s is too short; take 1s or more", m.Interval)
	}
	if m.CardinalityLimit < 2 || m.CardinalityLimit > cardinalityMost {
		wrong("metrics::cardinality_limit: %d is out of range; take 2 to %d, of which one is for the rest", m.CardinalityLimit, cardinalityMost)
	}
	for i, key := range m.Dimensions {
		switch {
		case key == "":
			wrong("metrics::dimensions::%d: an attribute's name is empty; remove it", i)
		case differs(key):
			wrong("metrics::dimensions::%d: %q differs from run to run, which makes a series of each; remove it, and find single runs in traces, logs or SQL", i, key)
		case slices.Contains(onAll, key), slices.Contains(onSome, key):
			wrong("metrics::dimensions::%d: %q is on the metrics that it is meant for; remove it", i, key)
		case slices.Contains(m.Dimensions[:i], key):
			wrong("metrics::dimensions::%d: %q stands there twice; remove one", i, key)
		default:
			if other := taken(m.Dimensions[:i])[promLabel(key)]; other != "" && other != key {
				wrong("metrics::dimensions::%d: %q is the label %s in Prometheus, as is %s; remove it", i, key, promLabel(key), other)
			}
		}
	}
	for _, b := range []struct {
		name   string
		bounds []float64
	}{{"cost_buckets", m.CostBuckets}, {"duration_buckets", m.DurationBuckets}} {
		if len(b.bounds) == 0 {
			wrong("metrics::%s: there is no bound; give one or more, or leave the key out for its default", b.name)
		}
		for i, v := range b.bounds {
			if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
				wrong("metrics::%s::%d: %v is no bound; give numbers of 0 and more, the last bucket has none anyway", b.name, i, v)
			} else if i > 0 && v <= b.bounds[i-1] {
				wrong("metrics::%s::%d: %v does not exceed the bound before it, %v; put them in order", b.name, i, v, b.bounds[i-1])
			}
		}
	}
	return errors.Join(errs...)
}
