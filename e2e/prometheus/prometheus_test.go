//go:build prometheus

package prometheus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/e2e/internal/edit"
	"github.com/runrollup/runrollupprocessor/e2e/internal/prometheus"
	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

const (
	collectorBinary = repository + "/bin/otelcol-runrollup"
	serverBinary    = repository + "/bin/prometheus"
	promtoolBinary  = repository + "/bin/promtool"
)

// Bounds on waiting, far above what is due on a slow machine.
const (
	waitLimit = 90 * time.Second
	stopLimit = 20 * time.Second
)

func TestMain(m *testing.M) {
	subject.Main(m, "make e2e-prometheus", collectorBinary, serverBinary, promtoolBinary)
}

// setup is a Prometheus and the address that a collector beside it serves
// metrics at.
type setup struct {
	server *prometheus.Server
	config string // of the collector
	env    []string
	ledger string
	// scraped says that Prometheus finds the metrics of runs where it looks.
	scraped bool
}

// Times of the example, shortened. A series has to be scraped between two
// flushes: ten scrapes fit.
const (
	flushInterval  = "2s"
	scrapeInterval = "200ms"
)

// prepare starts a Prometheus with a copy of the example, and writes one of a
// collector's configuration. Where it is not to be scraped, the job is left as
// users leave it, and nothing answers.
func prepare(t *testing.T, collectorConfig string, scraped bool) *setup {
	t.Helper()
	t.Parallel() // most of the time is waiting
	dir := t.TempDir()
	metrics, _ := subject.Address(t)
	own, ownPort := subject.Address(t)

	copied := prometheus.Example{Folder: example, Metrics: metrics, Own: own, Scrape: scrapeInterval, Evaluate: "1s"}
	if !scraped {
		// Port 1 is nobody's: a free one might be another test's a moment later.
		copied.Metrics = "127.0.0.1:1"
	}
	config, err := copied.Write(dir)
	require.NoError(t, err)
	server, err := prometheus.Start(t.Context(), serverBinary, config, filepath.Join(dir, "data"))
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
		defer cancel()
		assert.NoError(t, server.Stop(ctx))
		if t.Failed() {
			t.Logf("Prometheus wrote:\n%s", server.Log())
		}
	})

	s := &setup{server: server, config: filepath.Join(dir, "collector.yaml"), ledger: filepath.Join(dir, "summaries.jsonl"), scraped: scraped}
	require.NoError(t, edit.File(filepath.Join(example, collectorConfig), s.config, func(file map[string]any) error {
		return errors.Join(
			edit.Set(file, "300ms", "processors", "run_rollup", "quiet_period"),
			edit.Set(file, "500ms", "processors", "run_rollup", "events", "quiet_period"),
			edit.Set(file, flushInterval, "connectors", "run_rollup", "metrics", "interval"),
			edit.Set(file, "100ms", "exporters", "file", "flush_interval"),
		)
	}))
	s.env = []string{"RUNROLLUP_OUT=" + s.ledger, "RUNROLLUP_OWN_METRICS_PORT=" + ownPort, "RUNROLLUP_PROMETHEUS=" + metrics}
	if collectorConfig == "collector-otlp.yaml" {
		s.env[2] = "RUNROLLUP_PROMETHEUS=" + server.URL
	}
	return s
}

func (s *setup) collector(t *testing.T) *replay.Collector {
	t.Helper()
	c := subject.Start(t, collectorBinary, s.config, s.env...)
	// A Prometheus that has just started scrapes nothing for some seconds. What
	// series say before it does, it cannot know from what they said before that.
	await(t, "the first scrapes", func() (string, error) {
		if differs, err := s.one(t, `up{job="collector"}`, 1); differs != "" || err != nil {
			return differs, err
		}
		up := 0.
		if s.scraped {
			up = 1
		}
		return s.one(t, `up{job="run_rollup"}`, up)
	})
	return c
}

func stop(t *testing.T, c *replay.Collector) {
	t.Helper()
	subject.Stop(t, c, stopLimit)
}

// await polls until the server's answer is what it has to be.
func await(t *testing.T, what string, differs func() (string, error)) {
	t.Helper()
	subject.Await(t, waitLimit, what, differs)
}

func TestScraped(t *testing.T) { play(t, "collector.yaml", true) }

func TestPushed(t *testing.T) { play(t, "collector-otlp.yaml", false) }

// TestMissing: a scrape of the metrics of runs that fails is noticed by what
// the collector says of itself.
func TestMissing(t *testing.T) {
	s := prepare(t, "collector.yaml", false)
	c := s.collector(t)
	rng := rand.New(rand.NewPCG(20261123, 8))
	require.NoError(t, c.Send(t.Context(), newTruth().start("refund", "success", rng).sent()))
	await(t, "the alert", func() (string, error) { return s.one(t, `ALERTS{alertname="RunRollupMetricsMissing"}`, 1) })
	samples, err := s.server.Query(t.Context(), "botanu_runs_total")
	require.NoError(t, err)
	assert.Empty(t, samples)
	s.none(t, "RunRollupDown")
	stop(t, c)
}

// none holds that an alert neither fires nor is about to. On a slow machine a
// single scrape may fail: the next puts that right.
func (s *setup) none(t *testing.T, alert string) {
	t.Helper()
	await(t, "no "+alert, func() (string, error) {
		samples, err := s.server.Query(t.Context(), fmt.Sprintf("ALERTS{alertname=%q}", alert))
		if err == nil && len(samples) > 0 {
			return fmt.Sprint(samples), nil
		}
		return "", err
	})
}

// play sends known runs, has some change their mind, starts the collector
// anew, and holds what Prometheus says against the truth.
func play(t *testing.T, config string, scraped bool) {
	s := prepare(t, config, scraped)
	c := s.collector(t)
	rng := rand.New(rand.NewPCG(20261123, 7))
	all := newTruth()
	send := func(runs ...*run) {
		t.Helper()
		for _, r := range runs {
			require.NoError(t, c.Send(t.Context(), r.sent()))
		}
	}

	// A workflow that runs once.
	once := all.start("refund", "success", rng).worth("refunds_paid", 2.5).call("model-a", true).call("model-b", true)
	// One of whose four calls none knows the price of one.
	quarter := all.start("triage", "success", rng).call("model-c", true).call("model-c", true).call("model-c", false).call("model-c", true)
	send(once, quarter)
	for i := range 60 {
		outcome := []string{"success", "success", "success", "failed", "timeout", "canceled", "partial", ""}[i%8]
		r := all.start("support", outcome, rng)
		for range 1 + rng.IntN(4) {
			r.call([]string{"model-a", "model-b"}[rng.IntN(2)], true)
		}
		send(r)
	}
	// Some that are told one way first.
	failed, silent, third := all.start("support", "failed", rng).call("model-a", true), all.start("support", "", rng).call("model-a", true), all.start("support", "failed", rng)
	send(failed, silent, third)
	// And agents that count as a call until the call is known that they repeat.
	type wrong struct {
		run   *run
		agent [8]byte
		model model
		usage usage
	}
	var agents []wrong
	for _, priced := range []bool{true, false} {
		r := all.start("support", "success", rng)
		id, m, u := r.agent("agent-model", priced)
		send(r)
		all.call(m, u)
		agents = append(agents, wrong{r, id, m, u})
	}
	await(t, "what was told first", func() (string, error) { return s.models(t, all) })

	send(failed.settles("success"), silent.settles("success"), third.settles("partial"))
	for _, a := range agents {
		all.call(a.model, usage{-1, -a.usage.unpriced, -a.usage.input, -a.usage.output, -a.usage.cost})
		span := a.run.span("chat", spanID(rng), a.agent)
		m, u := a.run.metered(span, "chat", "model-b", true)
		all.call(m, u)
		send(a.run)
	}
	s.await(t, all)
	s.holdLedger(t, all)
	s.holdRules(t, all)
	s.holdPages(t)
	s.holdExemplar(t, once, all.cost("refund"))
	// All has arrived, and that a scrape finds nothing where metrics are pushed
	// worries nobody.
	s.none(t, "RunRollupDown")
	s.none(t, "RunRollupMetricsMissing")

	// A second run of the workflow, after a restart: a counter of its own.
	stop(t, c)
	c = s.collector(t)
	second := all.start("refund", "success", rng).call("model-a", true)
	send(second)
	await(t, "the second refund", func() (string, error) {
		return s.one(t, `round(workflow_status:botanu_runs_settled:increase1h{botanu_workflow="refund"})`, 2)
	})
	s.holdLabels(t, all)
	errs, n, err := s.server.RuleErrors(t.Context())
	require.NoError(t, err)
	assert.Empty(t, errs)
	assert.Len(t, rules(t), n)
	stop(t, c)
}

func (s *setup) await(t *testing.T, all *truth) {
	t.Helper()
	await(t, "what calls came to", func() (string, error) { return s.models(t, all) })
	await(t, "runs by status", func() (string, error) { return s.runs(t, all) })
}

// tolerance is what two floats of one truth may differ by.
const tolerance = 1e-9

// net sums a metric up by some labels, less what was taken back.
func (s *setup) net(t *testing.T, metric string, by ...string) (map[string]float64, error) {
	sums := map[string]float64{}
	for sign, name := range map[float64]string{1: metric + "_total", -1: metric + "_reduction_total"} {
		samples, err := s.server.Query(t.Context(), fmt.Sprintf("sum by (%s) (%s)", strings.Join(by, ", "), name))
		if err != nil {
			return nil, err
		}
		for _, sample := range samples {
			var key []string
			for _, l := range by {
				key = append(key, sample.Labels[l])
			}
			sums[strings.Join(key, "|")] += sign * sample.Value
		}
	}
	return sums, nil
}

// models says how the usage that Prometheus has differs from the truth.
func (s *setup) models(t *testing.T, all *truth) (string, error) {
	for metric, value := range map[string]func(usage) float64{
		"botanu_llm_cost":           func(u usage) float64 { return float64(u.cost) / 1e12 },
		"botanu_llm_calls":          func(u usage) float64 { return float64(u.calls) },
		"botanu_llm_unpriced_calls": func(u usage) float64 { return float64(u.unpriced) },
		"botanu_llm_tokens":         func(u usage) float64 { return float64(u.input + u.output) },
	} {
		got, err := s.net(t, metric, "botanu_workflow", "gen_ai_provider_name", "gen_ai_request_model")
		if err != nil {
			return "", err
		}
		want := map[string]float64{}
		for m, u := range all.models {
			want[m.workflow+"|"+m.provider+"|"+m.name] = value(u)
		}
		if d := differ(metric, want, got); d != "" {
			return d, nil
		}
	}
	return "", nil
}

// runs says how the runs by settled status differ from the truth.
func (s *setup) runs(t *testing.T, all *truth) (string, error) {
	got, err := s.net(t, "botanu_runs", "botanu_workflow", "botanu_outcome_status")
	if err != nil {
		return "", err
	}
	for label, sign := range map[string]float64{"botanu_outcome_status": 1, "botanu_outcome_previous_status": -1} {
		moved, err := s.net(t, "botanu_run_outcome_changes", "botanu_workflow", label)
		if err != nil {
			return "", err
		}
		for key, n := range moved {
			got[key] += sign * n
		}
	}
	want := map[string]float64{}
	for st, n := range all.runs {
		want[st.workflow+"|"+st.name] = float64(n)
	}
	return differ("runs", want, got), nil
}

// differ says where two maps differ; what is absent is 0.
func differ(what string, want, got map[string]float64) string {
	keys := slices.Sorted(maps.Keys(want))
	for key := range got {
		if _, ok := want[key]; !ok {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		if math.Abs(want[key]-got[key]) > tolerance {
			return fmt.Sprintf("%s of %s: want %v, got %v", what, key, want[key], got[key])
		}
	}
	return ""
}

// one says how the one value of an expression differs from what it has to be.
func (s *setup) one(t *testing.T, expression string, want float64) (string, error) {
	samples, err := s.server.Query(t.Context(), expression)
	if err != nil {
		return "", err
	}
	if len(samples) != 1 || math.Abs(samples[0].Value-want) > tolerance {
		return fmt.Sprintf("%s: want %v, got %v", expression, want, samples), nil
	}
	return "", nil
}

// holdLedger holds the summaries in the file against the same truth: metrics
// and ledger say one thing.
func (s *setup) holdLedger(t *testing.T, all *truth) {
	t.Helper()
	var want synthetic.USD
	for _, u := range all.models {
		want += u.cost
	}
	await(t, "the ledger", func() (string, error) {
		tds, err := replay.ReadFile(s.ledger)
		if err != nil {
			return "", err
		}
		var sum synthetic.USD
		for _, summary := range replay.Latest(replay.Summaries(tds)) {
			if text := summary.Text(botanu.CostTotalExact); text != "" {
				cost, err := synthetic.ParseUSD(text)
				if err != nil {
					return "", err
				}
				sum += cost
			}
		}
		if sum != want {
			return fmt.Sprintf("want %s, got %s", want, sum), nil
		}
		return "", nil
	})
}

// holdRules holds what the server's own evaluation of the rules says.
func (s *setup) holdRules(t *testing.T, all *truth) {
	t.Helper()
	refund := float64(all.cost("refund")) / 1e12
	for expression, want := range map[string]float64{
		// Where one run made all series at once, they cover one time, and the ratio
		// is exact.
		`workflow:botanu_cost_per_success:ratio1h{botanu_workflow="refund", botanu_environment="test"}`: refund,
		`workflow:botanu_runs_success:ratio1h{botanu_workflow="refund"}`:                                1,
		`workflow_model:botanu_llm_unpriced_calls:ratio1h{botanu_workflow="triage"}`:                    0.25,
		// Increases are stretched to the ends of their hour, less and less the
		// longer their series are.
		`round(workflow_status:botanu_runs_settled:increase1h{botanu_workflow="support", botanu_outcome_status="success"})`: float64(all.runs[status{"support", "success"}]),
		`round(workflow_status:botanu_runs_settled:increase1h{botanu_workflow="support", botanu_outcome_status="failed"})`:  float64(all.runs[status{"support", "failed"}]),
		`count(ALERTS{alertname="BotanuUnpricedCalls", botanu_workflow="triage", gen_ai_request_model="model-c"})`:          1,
	} {
		await(t, expression, func() (string, error) { return s.one(t, expression, want) })
	}
	await(t, "the value", func() (string, error) {
		return s.one(t, `sum(botanu_outcome_value_amount{botanu_workflow="refund", botanu_outcome_value_type="refunds_paid"})`, 2.5)
	})
}

// holdPages holds that the metrics that rules and the example's page speak of
// are there, those of the collector itself too, by just these names, and that
// the server understands the page's queries.
func (s *setup) holdPages(t *testing.T) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(example, "README.md"))
	require.NoError(t, err)
	names := append(metrics(t, "botanu_"), metrics(t, "otelcol_")...)
	for _, m := range quoted.FindAllStringSubmatch(string(page), -1) {
		if !label[m[1]] {
			names = append(names, m[1])
		}
	}
	require.Greater(t, len(names), 30)
	for _, name := range names {
		await(t, name, func() (string, error) {
			samples, err := s.server.Query(t.Context(), name)
			if err == nil && len(samples) == 0 {
				return "it is not there", nil
			}
			return "", err
		})
	}
	blocks := promQL.FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		for query := range strings.SplitSeq(block[1], "\n\n") {
			samples, err := s.server.Query(t.Context(), query)
			require.NoError(t, err, query)
			if !strings.Contains(query, "idle") {
				assert.NotEmpty(t, samples, query)
			}
		}
	}
}

var (
	quoted = regexp.MustCompile("`((?:[a-z_]+:)?botanu_[a-z_0-9:]+)`")
	promQL = regexp.MustCompile("(?ms)^```promql\n(.*?)^```")
)

// holdExemplar holds that the histogram of costs points at the run's root.
func (s *setup) holdExemplar(t *testing.T, r *run, cost synthetic.USD) {
	t.Helper()
	const expression = `botanu_run_cost_bucket{botanu_workflow="refund"}`
	await(t, "the exemplar", func() (string, error) {
		exemplars, err := s.server.Exemplars(t.Context(), expression)
		if err != nil {
			return "", err
		}
		for _, e := range exemplars {
			if e.Labels["trace_id"] == r.trace.String() && e.Labels["span_id"] == r.root.String() && math.Abs(e.Value-float64(cost)/1e12) < tolerance {
				return "", nil
			}
		}
		return fmt.Sprintf("want trace %s and span %s, got %v", r.trace, r.root, exemplars), nil
	})
}

// holdLabels holds that nothing that differs from run to run is in a label: of
// no name, and of no value of any series.
func (s *setup) holdLabels(t *testing.T, all *truth) {
	t.Helper()
	names, err := s.server.Labels(t.Context())
	require.NoError(t, err)
	require.Contains(t, names, "botanu_workflow")
	for _, name := range names {
		for _, part := range []string{"run_id", "event_id", "customer", "trace_id", "span_id", "part"} {
			assert.NotContains(t, name, part)
		}
	}
	series, err := s.server.Series(t.Context(), `{__name__=~".+"}`)
	require.NoError(t, err)
	require.Greater(t, len(series), 100)
	for _, labels := range series {
		for name, value := range labels {
			assert.False(t, all.ids[value], "label %s of %s is %s", name, labels["__name__"], value)
		}
	}
}
