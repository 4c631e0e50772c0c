//go:build agree

package agree

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/runrollup/runrollupprocessor/e2e/internal/prometheus"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// series is one series of a metric, names as Prometheus has them.
type series struct {
	name   string // without _total
	labels map[string]string
	value  float64
}

// sums are what series come to, by metric and some labels.
type sums map[string]float64

func (s sums) add(n float64, metric string, labels ...string) {
	s[metric+" "+strings.Join(labels, "/")] += n
}

// differ says where two sums differ; what is absent is 0.
func (s sums) differ(got sums) string {
	keys := maps.Clone(s)
	maps.Copy(keys, got)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if d := math.Abs(s[key] - got[key]); d > tolerance || math.IsNaN(d) {
			return fmt.Sprintf("%s: %v, not %v", key, got[key], s[key])
		}
	}
	return ""
}

// tolerance is what a float may be off: the costs are sums of floats.
const tolerance = 1e-9

// metrics that are counted net of what revisions took back. By calls and tokens
// they are whole numbers, of which no float is off.
var netted = []string{"botanu_llm_cost", "botanu_llm_calls", "botanu_llm_tokens", "botanu_llm_unpriced_calls"}

// read adds series up: what calls came to, net of what was taken back, and runs
// by the status that they stand at.
func read(all []series) sums {
	got := sums{}
	for i := range all {
		s := &all[i]
		workflow, status := s.labels["botanu_workflow"], s.labels["botanu_outcome_status"]
		switch base, down := strings.CutSuffix(s.name, "_reduction"); {
		case slices.Contains(netted, base):
			n := s.value
			if down {
				n = -n
				got.add(s.value, "reductions of "+base)
			}
			got.add(n, base, workflow, s.labels["gen_ai_provider_name"], s.labels["gen_ai_request_model"], s.labels["botanu_token_type"])
		case s.name == "botanu_runs":
			got.add(s.value, "runs", workflow, status)
		case s.name == "botanu_run_outcome_changes":
			got.add(s.value, "runs", workflow, status)
			got.add(-s.value, "runs", workflow, s.labels["botanu_outcome_previous_status"])
			got.add(s.value, "changes")
		case s.name == "botanu_events":
			got.add(s.value, "events")
		}
	}
	return got
}

// metrics are the truth of what read reads. What was changed and taken back is
// no truth of the world's: it depends on when spans came.
func (w *world) metrics() sums {
	want := sums{}
	for _, r := range w.runs {
		for _, p := range r.parts {
			status := p.status
			if status == "" {
				status = botanu.Unset
			}
			want.add(1, "runs", r.workflow, status)
			for i := range p.calls {
				c := &p.calls[i]
				of := func(n float64, metric, kind string) { want.add(n, metric, r.workflow, c.provider, c.name, kind) }
				of(1, "botanu_llm_calls", "")
				if c.cost.known {
					cost, _ := c.cost.rat().Float64()
					of(cost, "botanu_llm_cost", "")
				} else {
					of(1, "botanu_llm_unpriced_calls", "")
				}
				for kind, n := range map[string]int64{"input_uncached": c.uncached, "cache_read": c.read, "cache_write": c.write, "output": c.output} {
					of(float64(n), "botanu_llm_tokens", kind)
				}
			}
		}
	}
	for _, e := range w.events {
		want.add(1, "events")
		if e.torn() { // each processor tells a part of it
			want.add(1, "events")
		}
	}
	return want
}

// moves are the sums that no truth is known of.
func (s sums) moves() (rest, moved sums) {
	rest, moved = sums{}, sums{}
	for key, n := range s {
		if strings.HasPrefix(key, "reductions of ") || strings.HasPrefix(key, "changes") {
			moved[key] = n
		} else {
			rest[key] = n
		}
	}
	return rest, moved
}

// scraped are the series that a Prometheus has of a job.
func scraped(ctx context.Context, server *prometheus.Server, job string) ([]series, error) {
	samples, err := server.Query(ctx, fmt.Sprintf(`{__name__=~"botanu_.*_total", job=%q}`, job))
	list := make([]series, len(samples))
	for i, s := range samples {
		list[i] = series{strings.TrimSuffix(s.Labels["__name__"], "_total"), s.Labels, s.Value}
	}
	return list, err
}

// exported are the series that a file exporter has written: cumulative ones as
// they stood last, deltas added up.
func exported(path string) ([]series, error) {
	underscored := strings.NewReplacer(".", "_").Replace
	last := map[string]series{}
	err := eachLine(path, func(line []byte) error {
		md, err := new(pmetric.JSONUnmarshaler).UnmarshalMetrics(line)
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					if m.Type() != pmetric.MetricTypeSum {
						continue
					}
					for _, point := range m.Sum().DataPoints().All() {
						s := series{name: underscored(m.Name()), labels: map[string]string{}}
						for k, v := range point.Attributes().All() {
							s.labels[underscored(k)] = v.AsString()
						}
						s.value = float64(point.IntValue())
						if point.ValueType() == pmetric.NumberDataPointValueTypeDouble {
							s.value = point.DoubleValue()
						}
						key := s.name + fmt.Sprint(s.labels)
						if m.Sum().AggregationTemporality() == pmetric.AggregationTemporalityDelta {
							s.value += last[key].value
						}
						last[key] = s
					}
				}
			}
		}
		return err
	})
	return slices.Collect(maps.Values(last)), err
}
