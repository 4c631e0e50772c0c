//go:build scale

package scale

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/e2e/internal/clickhouse"
	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
	"github.com/runrollup/runrollupprocessor/internal/ledgertest"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// binary is the collector under test.
const binary = "../../bin/otelcol-runrollup-scale"

func TestMain(m *testing.M) { subject.Main(m, "make build-scale", binary) }

// Bounds on waiting, far above what is due on a slow machine. A run is
// summarised 10 seconds after its last span, as the examples have it.
const (
	waitLimit = 2 * time.Minute
	stopLimit = 30 * time.Second
)

func example(parts ...string) string {
	return filepath.Join(append([]string{"..", "..", "examples"}, parts...)...)
}

// start runs the collector with a configuration until the test ends.
func start(t *testing.T, config string, env ...string) *replay.Collector {
	t.Helper()
	return subject.Start(t, binary, config, append([]string{"RUNROLLUP_STATE=" + t.TempDir(), metricsPort(t)}, env...)...)
}

// metricsPort gives a collector a port of its own for its own metrics.
func metricsPort(t *testing.T) string {
	t.Helper()
	_, port := subject.Address(t)
	return "RUNROLLUP_METRICS_PORT=" + port
}

func stop(t *testing.T, c *replay.Collector) {
	t.Helper()
	subject.Stop(t, c, stopLimit)
}

// sink is a collector that writes all spans it gets into a file.
type sink struct {
	*replay.Collector
	out string
}

func startSink(t *testing.T) sink {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.jsonl")
	return sink{start(t, filepath.Join("testdata", "sink.yaml"), "E2E_OUT="+out), out}
}

func (s sink) requests(t *testing.T) []ptrace.Traces {
	t.Helper()
	tds, err := replay.ReadFile(s.out)
	require.NoError(t, err)
	return tds
}

// store is a ClickHouse with the views of the example, as soon as a collector
// has made the exporter's table.
type store struct{ *clickhouse.Server }

func startStore(t *testing.T) store {
	t.Helper()
	s, err := clickhouse.Start(filepath.Join("..", "sql", "engines"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return store{s}
}

// env has a collector write into the store.
func (s store) env() []string {
	return []string{"CLICKHOUSE_ENDPOINT=" + s.Endpoint, "CLICKHOUSE_COMPRESS=none"}
}

func (s store) createViews(t *testing.T, from string) {
	t.Helper()
	for _, file := range []string{from, "schema.sql"} {
		text, err := os.ReadFile(example("clickhouse", file))
		require.NoError(t, err)
		s.query(t, string(text))
	}
}

func (s store) query(t *testing.T, statement string) clickhouse.Answer {
	t.Helper()
	a, err := s.Query(t.Context(), statement)
	require.NoError(t, err, statement)
	return a
}

func (s store) count(t *testing.T, relation string) int {
	t.Helper()
	n := 0
	_, err := fmt.Sscan(s.query(t, "SELECT count() FROM "+relation).Rows[0][0].(string), &n)
	require.NoError(t, err)
	return n
}

// poll waits until done.
func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	require.NoError(t, replay.Poll(ctx, func() (bool, error) { return done(), nil }), what)
}

// recording is a recording, moved to now, and how many of its runs come to an
// end: one that died is given up long after this test.
func recording(t *testing.T, setup string) (c *replay.Capture, ended int) {
	t.Helper()
	folder := filepath.Join("..", "..", "testdata", "captures", setup)
	c, err := replay.Load(folder)
	require.NoError(t, err)
	c.ShiftTo(time.Now())
	text, err := os.ReadFile(filepath.Join(folder, "truth.json"))
	require.NoError(t, err)
	var truth struct {
		Runs []struct{ Exit string }
	}
	require.NoError(t, json.Unmarshal(text, &truth))
	for _, r := range truth.Runs {
		if r.Exit != "abandoned" {
			ended++
		}
	}
	require.NotZero(t, ended)
	return c, ended
}

func play(t *testing.T, to *replay.Collector, recording *replay.Capture) {
	t.Helper()
	for _, request := range recording.Requests {
		require.NoError(t, to.Send(t.Context(), request))
	}
}

// hold holds relations runs and model_usage against summaries that went
// another way, by the rule of the contract in Go.
func (s store) hold(t *testing.T, summaries []replay.Summary) {
	t.Helper()
	s.relation(t, "runs", ledgertest.RunColumns, ledgertest.Runs(summaries))
	s.relation(t, "model_usage", ledgertest.UsageColumns, ledgertest.Usage(summaries))
}

func (s store) relation(t *testing.T, name string, columns []string, want []ledgertest.Row) {
	t.Helper()
	a := s.query(t, "SELECT "+strings.Join(columns, ", ")+" FROM "+name)
	assert.ElementsMatch(t, texts(columns, func(yield func(column func(string) any)) {
		for _, row := range want {
			yield(func(c string) any { return row[c] })
		}
	}), texts(columns, func(yield func(column func(string) any)) {
		for _, row := range a.Rows {
			yield(func(c string) any { return row[slices.Index(columns, c)] })
		}
	}), name)
}

// texts are rows as a line of text each.
func texts(columns []string, each func(yield func(column func(string) any))) []string {
	var lines []string
	each(func(column func(string) any) {
		values := make([]string, len(columns))
		for i, c := range columns {
			v := column(c)
			if at, ok := v.(time.Time); ok {
				v = at.Format("2006-01-02 15:04:05.000000000")
			}
			values[i] = c + "=" + fmt.Sprint(v)
		}
		lines = append(lines, strings.Join(values, " "))
	})
	slices.Sort(lines)
	return lines
}

func TestValidate_acceptsExamples(t *testing.T) {
	files, err := filepath.Glob(example("*", "*"))
	require.NoError(t, err)
	fenced := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")
	configs := map[string]string{}
	for _, file := range files {
		if folder := filepath.Base(filepath.Dir(file)); folder != "clickhouse" && folder != "scale-out" {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		switch filepath.Ext(file) {
		case ".yaml":
			configs[file] = string(text)
		case ".md":
			for i, block := range fenced.FindAllStringSubmatch(string(text), -1) {
				configs[fmt.Sprintf("%s, YAML block %d", file, i+1)] = block[1]
			}
		}
	}
	held := 0
	for where, config := range configs {
		if !regexp.MustCompile(`(?m)^service:`).MatchString(config) {
			continue // the manifest; a part of a configuration
		}
		held++
		t.Run(where, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "collector.yaml")
			require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
			validate := exec.CommandContext(t.Context(), binary, "validate", "--config", path)
			validate.Dir = t.TempDir()
			validate.Path, err = filepath.Abs(binary)
			require.NoError(t, err)
			said, err := validate.CombinedOutput()
			assert.NoError(t, err, "%s", said)
		})
	}
	assert.GreaterOrEqual(t, held, 5)
}

// TestClickHouse: the exporter makes its table in the real engine and writes
// into it; the views say what the summaries say that went to a file. Summaries
// go as spans, and as log records as the example's last comment has it.
func TestClickHouse(t *testing.T) {
	t.Parallel() // most of the time is waiting: for quiet periods, for retries
	text, err := os.ReadFile(example("clickhouse", "collector.yaml"))
	require.NoError(t, err)
	asLogs := filepath.Join(t.TempDir(), "collector.yaml")
	require.Contains(t, string(text), "    traces/summaries:")
	require.NoError(t, os.WriteFile(asLogs, []byte(strings.ReplaceAll(string(text), "    traces/summaries:", "    logs/summaries:")), 0o600))
	for _, c := range []struct{ config, views, table string }{
		{example("clickhouse", "collector.yaml"), "from_spans.sql", "otel_traces"},
		{asLogs, "from_logs.sql", "otel_logs"},
	} {
		t.Run(c.table, func(t *testing.T) {
			t.Parallel()
			db, spans := startStore(t), startSink(t)
			of := start(t, c.config, append(db.env(), "RUNROLLUP_DOWNSTREAM="+spans.Endpoint)...)
			db.createViews(t, c.views)
			recorded, ended := recording(t, "anthropic-native")
			play(t, of, recorded)
			poll(t, "the runs", func() bool { return db.count(t, "runs") == ended })
			stop(t, of) // its queues are empty after that
			db.hold(t, replay.Summaries(spans.requests(t)))
			assert.Equal(t, db.count(t, c.table), db.count(t, c.table+" WHERE ScopeName = 'github.com/runrollup/runrollupprocessor'"),
				"the connector passes on the summaries alone")
		})
	}
}

// tiers are a balancer and two collectors behind it.
func tiers(t *testing.T, balance string, db store, spans sink, env ...string) (balancer *replay.Collector, backends [2]*replay.Collector) {
	t.Helper()
	for i := range backends {
		backends[i] = start(t, example("scale-out", "rollup.yaml"), append(db.env(), "RUNROLLUP_DOWNSTREAM="+spans.Endpoint)...)
		env = append(env, fmt.Sprintf("RUNROLLUP_BACKEND_%d=%s", i+1, backends[i].GRPC))
	}
	return start(t, example("scale-out", balance), env...), backends
}

// instances are the collectors that summarised each run, by run ID.
func instances(tds []ptrace.Traces) map[string][]string {
	by := map[string][]string{}
	for _, td := range tds {
		for _, rs := range td.ResourceSpans().All() {
			one := ptrace.NewTraces()
			rs.CopyTo(one.ResourceSpans().AppendEmpty())
			id, _ := rs.Resource().Attributes().Get("service.instance.id")
			for _, s := range replay.Summaries([]ptrace.Traces{one}) {
				if !slices.Contains(by[s.RunID], id.Str()) {
					by[s.RunID] = append(by[s.RunID], id.Str())
				}
			}
		}
	}
	return by
}

// whole holds that each run was summed up from all the spans that were sent of
// it: a part of it that sits in another collector would still wait there.
func (s store) whole(t *testing.T, sent ...ptrace.Traces) {
	t.Helper()
	spans := map[string]map[string]bool{}
	for span := range replay.Spans(sent...) {
		if id, ok := span.Attributes().Get("botanu.run_id"); ok {
			if spans[id.Str()] == nil {
				spans[id.Str()] = map[string]bool{}
			}
			spans[id.Str()][span.SpanID().String()] = true
		}
	}
	for _, row := range s.query(t, "SELECT run_id, part, attributes['botanu.run.span_count'] FROM parts").Rows {
		id := row[0].(string)
		assert.Equal(t, strconv.Itoa(len(spans[id])), row[2], "spans of run %s", id)
	}
}

// TestScaleOut: with a key that every span bears, each run is whole in one
// collector, and both take a share.
func TestScaleOut(t *testing.T) {
	t.Parallel() // most of the time is waiting: for quiet periods, for retries
	for _, key := range []string{"botanu.event_id", "botanu.run_id"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			db, spans := startStore(t), startSink(t)
			balancer, backends := tiers(t, "balance.yaml", db, spans, "RUNROLLUP_ROUTE_BY="+key)
			db.createViews(t, "from_spans.sql")
			recorded, ended := recording(t, "anthropic-native")
			play(t, balancer, recorded)
			poll(t, "the runs", func() bool { return db.count(t, "runs") == ended })
			stop(t, balancer)
			for _, c := range backends {
				stop(t, c)
			}
			db.hold(t, replay.Summaries(spans.requests(t)))
			db.whole(t, recorded.Requests...)
			share := map[string]int{}
			for run, by := range instances(spans.requests(t)) {
				assert.Len(t, by, 1, "run %s", run)
				share[by[0]]++
			}
			assert.Len(t, share, 2, "one collector had all runs")
		})
	}
}

// TestScaleOut_byTrace: whole traces stay together; of a run in several traces
// the parts add up to what one collector would have said.
func TestScaleOut_byTrace(t *testing.T) {
	t.Parallel() // most of the time is waiting: for quiet periods, for retries
	db, spans := startStore(t), startSink(t)
	balancer, backends := tiers(t, "balance-by-trace.yaml", db, spans)
	db.createViews(t, "from_spans.sql")
	recorded, ended := recording(t, "anthropic-native")
	play(t, balancer, recorded)
	poll(t, "the runs", func() bool { return db.count(t, "runs") == ended })
	stop(t, balancer)
	for _, c := range backends {
		stop(t, c)
	}
	summaries := replay.Summaries(spans.requests(t))
	db.hold(t, summaries)
	traces := map[string]map[string]bool{}
	for span := range replay.Spans(recorded.Requests...) {
		if id, ok := span.Attributes().Get("botanu.run_id"); ok {
			if traces[id.Str()] == nil {
				traces[id.Str()] = map[string]bool{}
			}
			traces[id.Str()][span.TraceID().String()] = true
		}
	}
	for _, row := range ledgertest.Runs(summaries) {
		assert.LessOrEqual(t, row["parts"], int64(len(traces[row["run_id"].(string)])), "run %s", row["run_id"])
	}
}

// TestScaleOut_balancerSurvives: what a balancer has answered for while its
// backends were away reaches them, though it was killed meanwhile.
func TestScaleOut_balancerSurvives(t *testing.T) {
	t.Parallel() // most of the time is waiting: for quiet periods, for retries
	db, spans := startStore(t), startSink(t)
	state := "RUNROLLUP_STATE=" + t.TempDir()
	away := []string{"RUNROLLUP_BACKEND_1=127.0.0.1:1", "RUNROLLUP_BACKEND_2=127.0.0.1:1", state, metricsPort(t)}
	first, err := replay.Start(t.Context(), binary, example("scale-out", "balance.yaml"), away...)
	require.NoError(t, err)
	recorded, ended := recording(t, "anthropic-native")
	play(t, first, recorded)
	require.NoError(t, first.Kill())
	balancer, backends := tiers(t, "balance.yaml", db, spans, state)
	db.createViews(t, "from_spans.sql")
	poll(t, "the runs", func() bool { return db.count(t, "runs") == ended })
	stop(t, balancer)
	for _, c := range backends {
		stop(t, c)
	}
	db.hold(t, replay.Summaries(spans.requests(t)))
	db.whole(t, recorded.Requests...)
}

// TestScaleOut_backendAway: while one backend is away, the others get what is
// theirs, once, however often the first is tried.
func TestScaleOut_backendAway(t *testing.T) {
	t.Parallel() // most of the time is waiting: for quiet periods, for retries
	db, spans := startStore(t), startSink(t)
	late, _ := subject.Address(t)
	behind := append(db.env(), "RUNROLLUP_DOWNSTREAM="+spans.Endpoint)
	there := start(t, example("scale-out", "rollup.yaml"), behind...)
	balancer := start(t, example("scale-out", "balance.yaml"), "RUNROLLUP_BACKEND_1="+there.GRPC, "RUNROLLUP_BACKEND_2="+late)
	recorded, ended := recording(t, "anthropic-native")
	play(t, balancer, recorded)
	// Which requests have something for the backend that is away is a matter of its
	// port. With more than twice as many tries as requests, one was tried three times.
	poll(t, "tries", func() bool {
		return strings.Count(balancer.Log(), "Will retry the request") > 2*len(recorded.Requests)
	})
	back := start(t, example("scale-out", "rollup.yaml"), append(behind, replay.GRPCVar+"="+late)...)
	db.createViews(t, "from_spans.sql")
	poll(t, "the runs", func() bool { return db.count(t, "runs") == ended })
	for _, c := range []*replay.Collector{balancer, there, back} {
		stop(t, c)
	}
	db.hold(t, replay.Summaries(spans.requests(t)))
	db.whole(t, recorded.Requests...)
	times := map[string]int{}
	for span := range replay.Spans(spans.requests(t)...) {
		times[span.SpanID().String()]++
	}
	for span := range replay.Spans(recorded.Requests...) {
		assert.Equal(t, 1, times[span.SpanID().String()], "%s", span.Name())
	}
}

// TestScaleOut_mixedTraces: runs that share a trace are told apart, though the
// balancer routes by the first span of a trace in a request, which is another
// one each time.
func TestScaleOut_mixedTraces(t *testing.T) {
	t.Parallel() // most of the time is waiting: for quiet periods, for retries
	const traces, runs = 8, 4
	db, spans := startStore(t), startSink(t)
	balancer, _ := tiers(t, "balance.yaml", db, spans, "RUNROLLUP_ROUTE_BY=botanu.run_id")
	db.createViews(t, "from_spans.sql")
	now := time.Now()
	var sent []ptrace.Traces
	for trace := range byte(traces) {
		call, root := ptrace.NewTraces(), ptrace.NewTraces()
		calls := call.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		roots := root.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for i := range byte(runs) {
			put := func(span ptrace.Span, name string, id, parent, run byte) {
				span.SetName(name)
				span.SetTraceID(pcommon.TraceID{1, trace})
				span.SetSpanID(pcommon.SpanID{1, trace, id, run})
				if parent != 0 {
					span.SetParentSpanID(pcommon.SpanID{1, trace, parent, run})
				}
				span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second)))
				span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
				span.Attributes().PutStr("botanu.run_id", fmt.Sprintf("run-%d-%d", trace, run))
			}
			put(calls.AppendEmpty(), "step", 2, 1, i)
			put(roots.AppendEmpty(), "botanu.run/mixed", 1, 0, runs-1-i) // the other way round
		}
		sent = append(sent, call, root)
	}
	for _, request := range sent {
		require.NoError(t, balancer.Send(t.Context(), request))
	}
	poll(t, "the runs", func() bool { return db.count(t, "runs") == traces*runs })
	db.whole(t, sent...)
	for run, by := range instances(spans.requests(t)) {
		assert.Len(t, by, 1, "run %s", run)
	}
}
