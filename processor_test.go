package runrollupprocessor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.yaml.in/yaml/v3"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/engine"
	"github.com/runrollup/runrollupprocessor/internal/metadata"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// scenario is a file of testdata/scenarios: what arrives and when, what must
// come out, and what the processor says of itself at the end. Times count from
// the start of the scenario.
type scenario struct {
	Why       string         `yaml:"why"`
	Config    map[string]any `yaml:"config"`
	Steps     []step         `yaml:"steps"`
	Telemetry map[string]int `yaml:"telemetry"`
}

// step is a moment: first what has come out by then, then what arrives.
type step struct {
	At        time.Duration    `yaml:"at"`
	Summaries []map[string]any `yaml:"summaries"`
	Spans     []span           `yaml:"spans"`
}

type span struct {
	Trace      byte           `yaml:"trace"`
	ID         byte           `yaml:"id"`
	Parent     byte           `yaml:"parent"`
	Name       string         `yaml:"name"`
	Scope      string         `yaml:"scope"`
	Start      time.Duration  `yaml:"start"`
	End        time.Duration  `yaml:"end"`
	Error      bool           `yaml:"error"`
	Flags      uint32         `yaml:"flags"`
	TraceState string         `yaml:"tracestate"`
	Resource   map[string]any `yaml:"resource"`
	Attributes map[string]any `yaml:"attributes"`
	Events     []struct {
		Name       string         `yaml:"name"`
		At         time.Duration  `yaml:"at"`
		Attributes map[string]any `yaml:"attributes"`
	} `yaml:"events"`
}

func (s *span) traces(t *testing.T, origin time.Time) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	require.NoError(t, rs.Resource().Attributes().FromRaw(s.Resource))
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(s.Scope)
	out := ss.Spans().AppendEmpty()
	out.SetTraceID(pcommon.TraceID{15: s.Trace})
	out.SetSpanID(pcommon.SpanID{7: s.ID})
	out.SetParentSpanID(pcommon.SpanID{7: s.Parent})
	out.SetName(s.Name)
	out.SetFlags(s.Flags)
	out.TraceState().FromRaw(s.TraceState)
	out.SetStartTimestamp(pcommon.NewTimestampFromTime(origin.Add(s.Start)))
	out.SetEndTimestamp(pcommon.NewTimestampFromTime(origin.Add(s.End)))
	if s.Error {
		out.Status().SetCode(ptrace.StatusCodeError)
	}
	require.NoError(t, out.Attributes().FromRaw(s.Attributes))
	for _, e := range s.Events {
		ev := out.Events().AppendEmpty()
		ev.SetName(e.Name)
		ev.SetTimestamp(pcommon.NewTimestampFromTime(origin.Add(e.At)))
		require.NoError(t, ev.Attributes().FromRaw(e.Attributes))
	}
	return td
}

// TestScenarios runs each file through the factory, under a clock of its own.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			d := yaml.NewDecoder(strings.NewReader(string(text)))
			d.KnownFields(true)
			var s scenario
			require.NoError(t, d.Decode(&s))
			synctest.Test(t, func(t *testing.T) { s.run(t) })
		})
	}
}

func (s *scenario) run(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	defer func() { require.NoError(t, telemetry.Shutdown(context.Background())) }()
	config := configOf(t, s.Config)
	require.NoError(t, config.Validate())
	sink := &consumertest.TracesSink{}
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	p, err := NewFactory().CreateTraces(t.Context(), set, config, sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))

	origin := time.Now()
	for _, st := range s.Steps {
		if wait := time.Until(origin.Add(st.At)); wait > 0 {
			time.Sleep(wait)
			synctest.Wait()
		}
		assert.Equal(t, st.Summaries, summaries(t, sink, origin), "at %v", st.At)
		for i := range st.Spans {
			require.NoError(t, p.ConsumeTraces(t.Context(), st.Spans[i].traces(t, origin)))
		}
	}
	require.NoError(t, p.Shutdown(t.Context()))
	for name, want := range s.Telemetry {
		assert.Equal(t, want, metricOf(t, telemetry, name), name)
	}
}

// TestTelemetry_begin: counters that are alerted on are there from the start, or
// their first event would be no increase.
func TestTelemetry_begin(t *testing.T) {
	tel := componenttest.NewTelemetry()
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	p, err := NewFactory().CreateTraces(t.Context(), set, createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	defer func() { require.NoError(t, p.Shutdown(t.Context())) }()
	for _, name := range []string{
		"event_summaries", "events_closed_early", "evictions", "identity_conflicts", "invalid_input", "late_windows_cut_short", "outcome_conflicts",
		"rate_card_reload_errors", "spans_conflicting", "spans_folded", "spans_late", "spans_over_limit", "storage_errors", "summaries", "summaries_rejected",
		"traces_decided_early", "unattributed_calls", "unattributed_cost",
	} {
		assert.Zero(t, metricOf(t, tel, name), name) // and it is there
	}
	_, err = tel.GetMetric("otelcol_processor_run_rollup_unpriced_calls")
	require.Error(t, err, "of which model is not known")
}

func configOf(t *testing.T, raw map[string]any) *Config {
	t.Helper()
	config := createDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(raw).Unmarshal(config))
	return config.(*Config)
}

// summaries takes the summaries out of the sink, as attributes. What no test
// can foretell is given a name: the part. Times count from the origin.
func summaries(t *testing.T, sink *consumertest.TracesSink, origin time.Time) []map[string]any {
	var list []map[string]any
	for _, td := range sink.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					if ss.Scope().Name() == botanu.Scope && span.Name() == botanu.RunSummary {
						list = append(list, described(t, span, origin))
					}
				}
			}
		}
	}
	sink.Reset()
	slices.SortFunc(list, func(a, b map[string]any) int {
		return cmp.Or(cmp.Compare(a["run_id"].(string), b["run_id"].(string)), cmp.Compare(a["run.revision"].(int), b["run.revision"].(int)))
	})
	return list
}

func described(t *testing.T, span ptrace.Span, origin time.Time) map[string]any {
	m := map[string]any{
		"(parent)": span.TraceID().String()[30:] + "/" + span.ParentSpanID().String()[14:],
		"(start)":  span.StartTimestamp().AsTime().Sub(origin).String(),
		"(end)":    span.EndTimestamp().AsTime().Sub(origin).String(),
	}
	if n := span.Links().Len(); n > 0 {
		m["(links)"] = n
	}
	if calls := callNotes(span, origin); len(calls) > 0 {
		m["(calls)"] = calls
	}
	for k, v := range span.Attributes().AsRaw() {
		short := strings.TrimPrefix(k, "botanu.")
		switch v := v.(type) {
		case int64:
			m[short] = int(v)
		case string:
			switch k {
			case botanu.Part:
				require.Len(t, v, 16)
				_, err := strconv.ParseUint(v, 16, 64)
				require.NoError(t, err)
				continue
			case botanu.OutcomeTime:
				at, err := time.Parse(time.RFC3339Nano, v)
				require.NoError(t, err)
				m[short] = at.Sub(origin).String()
				continue
			case botanu.RateCard:
				require.Regexp(t, `^genai-prices-\S+@[0-9a-f]{12}$`, v)
				continue
			}
			m[short] = v
		default:
			m[short] = v
		}
	}
	// Zeros and empty costs say nothing in a scenario about something else.
	for k, v := range m {
		if (v == 0 || v == 0.0) && k != "run.revision" && k != "outcome.rank" && k != "run.llm.calls" && k != "outcome.value_amount" {
			delete(m, k)
		}
	}
	return m
}

// callNotes are the span events that explain the bill, a line each.
func callNotes(span ptrace.Span, origin time.Time) []any {
	var lines []any
	for _, ev := range span.Events().All() {
		if ev.Name() != botanu.CallNote {
			continue
		}
		a := ev.Attributes().AsRaw()
		last := func(id string) string { s, _ := a[id].(string); return s[len(s)-2:] }
		line := fmt.Sprint(ev.Timestamp().AsTime().Sub(origin), " ", a[botanu.CallVerdict])
		if a[botanu.CallReason] != nil {
			line += fmt.Sprint(" ", a[botanu.CallReason])
		}
		line += " " + last(botanu.CallSpanID)
		if a[botanu.CallBySpanID] != nil {
			line += " by " + last(botanu.CallBySpanID)
		}
		if a[botanu.CallOutput] != nil {
			line += fmt.Sprintf(" %s %d+%d+%d/%d %s %s", a[botanu.ModelName], a[botanu.CallInputUncached], a[botanu.CallCacheRead],
				a[botanu.CallCacheWrite], a[botanu.CallOutput], a[botanu.CallCostExact], a[botanu.CallCostSource])
		}
		lines = append(lines, line)
	}
	return lines
}

// metricOf is the sum over a metric's attributes. Name may end in an attribute
// to look at: spans_invalid{reason=type}.
func metricOf(t *testing.T, telemetry *componenttest.Telemetry, name string) int {
	name, filter, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
	metric, err := telemetry.GetMetric("otelcol_processor_run_rollup_" + name)
	require.NoError(t, err)
	var points []metricdata.DataPoint[int64]
	switch data := metric.Data.(type) {
	case metricdata.Sum[int64]:
		points = data.DataPoints
	case metricdata.Gauge[int64]:
		points = data.DataPoints
	}
	sum := 0
	for _, p := range points {
		pairs := []string{""}
		for _, kv := range p.Attributes.ToSlice() {
			pairs = append(pairs, string(kv.Key)+"="+kv.Value.String())
		}
		if slices.Contains(pairs, filter) {
			sum += int(p.Value)
		}
	}
	return sum
}

// TestPassThrough: spans go on at once and unchanged, and the component does
// not claim to change them.
func TestPassThrough(t *testing.T) {
	sink := &consumertest.TracesSink{}
	p := newTestProcessor(t, map[string]any{}, sink)
	assert.False(t, p.Capabilities().MutatesData)
	in := (&span{Trace: 1, ID: 1, Name: "botanu.run/x", Attributes: map[string]any{botanu.RunID: "r"}}).traces(t, time.Now())
	wire := func(td ptrace.Traces) string {
		b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(t, err)
		return string(b)
	}
	want := wire(in)
	in.MarkReadOnly() // a write would panic
	require.NoError(t, p.ConsumeTraces(t.Context(), in))
	require.Len(t, sink.AllTraces(), 1)
	assert.Equal(t, want, wire(sink.AllTraces()[0]))
}

// TestErrorsGoBackUnchanged: the rollup neither hides nor makes an error of
// the way that spans take.
func TestErrorsGoBackUnchanged(t *testing.T) {
	downstream := errors.New("full")
	p := newTestProcessor(t, nil, consumertest.NewErr(downstream))
	in := (&span{Trace: 1, ID: 1, Name: "x", Attributes: map[string]any{botanu.RunID: "r"}}).traces(t, time.Now())
	for range 2 {
		require.ErrorIs(t, p.ConsumeTraces(t.Context(), in), downstream)
	}
}

func newTestProcessor(t testing.TB, raw map[string]any, next consumer.Traces) processor.Traces {
	config := createDefaultConfig()
	require.NoError(t, confmap.NewFromStringMap(raw).Unmarshal(config))
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), config, next)
	require.NoError(t, err)
	return p
}

func TestFactoryRefusesAnotherComponentsConfig(t *testing.T) {
	var other component.Config = &struct{}{}
	_, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), other, consumertest.NewNop())
	require.ErrorContains(t, err, "want a *Config")
}

// TestSummariesOfAnEarlierTierPassThrough: what the processor itself made is
// recognised by scope and name, and never rolled up again.
func TestSummariesOfAnEarlierTierPassThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &consumertest.TracesSink{}
		p := newTestProcessor(t, nil, sink)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		for _, name := range []string{botanu.RunSummary, botanu.EventSummary} {
			summary := span{Trace: 1, ID: 9, Scope: botanu.Scope, Name: name, Attributes: map[string]any{botanu.RunID: "r"}}
			require.NoError(t, p.ConsumeTraces(t.Context(), summary.traces(t, time.Now())))
		}
		require.NoError(t, p.Shutdown(t.Context()))
		assert.Equal(t, 2, sink.SpanCount())
	})
}

// TestDropAttributes: what is named is on no summary.
func TestDropAttributes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &consumertest.TracesSink{}
		p := newTestProcessor(t, map[string]any{"drop_attributes": []any{botanu.Customer}, "copy_attributes": []any{"plan"}}, sink)
		in := span{
			Trace: 1, ID: 1, Name: "botanu.run/x", Resource: map[string]any{"plan": "gold"},
			Attributes: map[string]any{botanu.RunID: "r", botanu.Customer: "acme"},
		}
		require.NoError(t, p.ConsumeTraces(t.Context(), in.traces(t, time.Now())))
		sink.Reset()
		require.NoError(t, p.Shutdown(t.Context()))
		require.Equal(t, 1, sink.SpanCount())
		a := sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
		assert.NotContains(t, slices.Collect(maps.Keys(a)), botanu.Customer)
		assert.Equal(t, "gold", a["plan"])
	})
}

// TestSameIDInTwoPipelines: the second start fails and says what to do; the
// place is free again when the first has shut down.
func TestSameIDInTwoPipelines(t *testing.T) {
	set := processortest.NewNopSettings(metadata.Type)
	set.Resource.Attributes().PutStr("service.instance.id", "collector-1")
	start := func(set processor.Settings) (processor.Traces, error) {
		p, err := NewFactory().CreateTraces(t.Context(), set, createDefaultConfig(), consumertest.NewNop())
		require.NoError(t, err)
		return p, p.Start(t.Context(), componenttest.NewNopHost())
	}
	first, err := start(set)
	require.NoError(t, err)
	second, err := start(set)
	require.ErrorContains(t, err, set.ID.String()+" is in two pipelines of this collector")
	require.ErrorContains(t, err, "forward connector")
	require.NoError(t, second.Shutdown(t.Context()))
	_, err = start(set)
	require.Error(t, err, "the one that never started gives nothing back")

	other := set
	other.Resource = pcommon.NewResource()
	other.Resource.Attributes().PutStr("service.instance.id", "collector-2")
	elsewhere, err := start(other)
	require.NoError(t, err, "another collector in the same process is another matter")
	require.NoError(t, elsewhere.Shutdown(t.Context()))

	require.NoError(t, first.Shutdown(t.Context()))
	again, err := start(set)
	require.NoError(t, err)
	require.NoError(t, again.Shutdown(t.Context()))
}

// TestBatchesStayWithinTheirBound of bytes, and hold at least one summary.
func TestBatchesStayWithinTheirBound(t *testing.T) {
	w := newSpanWriter(pcommon.NewResource(), createDefaultConfig().(*Config))
	summaries := make([]engine.Summary, 40)
	for i := range summaries {
		summaries[i].Run = &run.Summary{RunID: fmt.Sprint(i)}
		summaries[i].Run.Root = &run.Root{Copied: []run.Attribute{{Key: "k", Value: strings.Repeat("x", 100_000)}}}
	}
	sent := 0
	for sent < len(summaries) {
		td, n := w.traces(summaries[sent:])
		require.Positive(t, n)
		assert.Equal(t, n, td.SpanCount())
		assert.LessOrEqual(t, (&ptrace.ProtoMarshaler{}).TracesSize(td), batchBytes)
		sent += n
	}
	summaries[0].Run.Root.Copied[0].Value = strings.Repeat("x", 2*batchBytes)
	td, n := w.traces(summaries)
	assert.Equal(t, []int{1, 1}, []int{n, td.SpanCount()})
}
