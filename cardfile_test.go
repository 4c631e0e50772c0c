package runrollupprocessor

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/metadata"
)

// cardOf is a rate card that prices the model m of the provider acme.
func cardOf(id, input string) string {
	return `schema: ratecard/v1
currency: USD
id: ` + id + `
mode: overlay
rates:
  - provider: acme
    match: { exact: [m] }
    price: { input_mtok: "` + input + `", output_mtok: "0" }
usage:
  - attribute: warehouse.bytes
    where: { botanu.vendor: snowflake }
    per: "1000000000000"
    price: "5.00"
`
}

func acmeCall(runID string, id byte) ptrace.Traces {
	s := span{Trace: 1, ID: id, Parent: 9, Name: "chat m", Attributes: map[string]any{
		botanu.RunID: runID, "gen_ai.operation.name": "chat", "gen_ai.provider.name": "acme", "gen_ai.request.model": "m",
		"gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.output_tokens": 1,
	}}
	return s.traces(&testing.T{}, time.Now())
}

// totals is the exact total of the newest summary of each run in the sink.
func totals(sink *consumertest.TracesSink) map[string]string {
	m := map[string]string{}
	for _, td := range sink.AllTraces() {
		for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			if s.Name() == botanu.RunSummary {
				id, _ := s.Attributes().Get(botanu.RunID)
				total, _ := s.Attributes().Get(botanu.CostTotalExact)
				card, _ := s.Attributes().Get(botanu.RateCard)
				m[id.Str()] = total.AsString() + " " + card.AsString()
			}
		}
	}
	return m
}

// TestReload: a changed card prices what arrives from then on and nothing anew;
// a bad one, or none, leaves the one before in force and is counted.
func TestReload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "card.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write(cardOf("one", "1"))
	synctest.Test(t, func(t *testing.T) {
		tel := componenttest.NewTelemetry()
		defer func() { require.NoError(t, tel.Shutdown(context.Background())) }()
		sink := &consumertest.TracesSink{}
		set := processortest.NewNopSettings(metadata.Type)
		set.TelemetrySettings = tel.NewTelemetrySettings()
		config := configOf(t, map[string]any{"cost": map[string]any{"rate_card": map[string]any{"file": file}}})
		require.NoError(t, config.Validate())
		p, err := NewFactory().CreateTraces(t.Context(), set, config, sink)
		require.NoError(t, err)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))

		step := func(text, runID string, id byte) {
			if text != "" {
				write(text)
			}
			time.Sleep(61 * time.Second)
			synctest.Wait()
			require.NoError(t, p.ConsumeTraces(t.Context(), acmeCall(runID, id)))
		}
		step("", "first", 1)
		step(cardOf("two", "2"), "second", 2)
		step("", "first", 3) // one call by the old card, one by the new
		step("schema: ratecard/v1\nid: three\nrates:\n  - provider: acme\n    price: { input_mtok: \"lots\" }\n", "third", 4)
		require.NoError(t, os.Remove(file))
		step("", "fourth", 5)
		assert.Equal(t, 1, metricOf(t, tel, "rate_card_reloads"))
		assert.Equal(t, 2, metricOf(t, tel, "rate_card_reload_errors"))
		require.NoError(t, p.Shutdown(t.Context()))

		got := totals(sink)
		for id, want := range map[string]string{
			"first": `^3 one@[0-9a-f]{12}, two@[0-9a-f]{12}$`, "second": `^2 two@`, "third": `^2 two@`, "fourth": `^2 two@`,
		} {
			assert.Regexp(t, want, got[id], id)
		}
	})
}

// TestBadCardStopsTheStart with the line and the reason.
func TestBadCardStopsTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "card.yaml")
	for text, want := range map[string]string{
		cardOf("x", "one"):    "line 8",
		"schema: ratecard/v2": "line 1",
		"[[[":                 "line 1",
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		config := configOf(t, map[string]any{"cost": map[string]any{"rate_card": map[string]any{"file": file}}})
		_, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), config, consumertest.NewNop())
		require.ErrorContains(t, err, "cost::rate_card::file: "+file)
		require.ErrorContains(t, err, want)
	}
	config := configOf(t, map[string]any{"cost": map[string]any{"rate_card": map[string]any{"file": "no/such/card"}}})
	_, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), config, consumertest.NewNop())
	require.ErrorContains(t, err, "no/such/card")
}

// TestMeteredUsage: a usage rule of the card prices a numeric attribute of any
// span whose other attributes are as it says.
func TestMeteredUsage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "card.yaml")
	require.NoError(t, os.WriteFile(file, []byte(cardOf("one", "1")), 0o600))
	synctest.Test(t, func(t *testing.T) {
		sink := &consumertest.TracesSink{}
		p := newTestProcessor(t, map[string]any{"cost": map[string]any{"rate_card": map[string]any{"file": file}}}, sink)
		for id, attributes := range map[byte]map[string]any{
			1: {"warehouse.bytes": 200_000_000_000, "botanu.vendor": "snowflake"},  // 1 USD
			2: {"warehouse.bytes": 0.1e12, "botanu.vendor": "snowflake"},           // 0.5 USD
			3: {"warehouse.bytes": "1000000000000", "botanu.vendor": "snowflake"},  // 5 USD
			4: {"warehouse.bytes": 1_000_000_000_000, "botanu.vendor": "bigquery"}, // another vendor's
			5: {"warehouse.bytes": "many", "botanu.vendor": "snowflake"},           // no number
			6: {"warehouse.bytes": -1, "botanu.vendor": "snowflake"},               // negative
		} {
			attributes[botanu.RunID] = "r"
			s := span{Trace: 1, ID: id, Name: "query", Attributes: attributes}
			require.NoError(t, p.ConsumeTraces(t.Context(), s.traces(t, time.Now())))
		}
		sink.Reset()
		require.NoError(t, p.Shutdown(t.Context()))
		a := sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
		assert.Equal(t, "6.5", a[botanu.CostTotalExact])
		assert.InDelta(t, 6.5, a[botanu.CostMetered], 0)
		assert.Equal(t, "rate_card", a[botanu.CostSource])
		assert.EqualValues(t, 0, a[botanu.LLMCalls])
	})
}
