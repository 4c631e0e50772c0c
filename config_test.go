package runrollupprocessor

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/rollupconnector"
)

// TestDefaultConfig: `run_rollup:` alone is a valid configuration, and the
// defaults are those of the contract, section 8.
func TestDefaultConfig(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	c := configOf(t, map[string]any{})
	require.NoError(t, c.Validate())
	documented := configOf(t, map[string]any{
		"quiet_period": "10s", "idle_timeout": "5m", "max_duration": "1h", "late_window": "10m",
		"limits":     map[string]any{"open_runs": 100000, "late_runs": 500000, "spans_per_run": 100000},
		"cost":       map[string]any{"prefer": "trusted", "rate_card": map[string]any{"file": "", "reload_interval": "1m"}, "explain": false},
		"attributes": map[string]any{"run_id": "botanu.run_id", "event_id": "botanu.event_id"},
	})
	assert.Equal(t, documented, c)
}

// TestValidateNamesFieldValueAndFix: for each thing that can be wrong.
func TestValidateNamesFieldValueAndFix(t *testing.T) {
	for _, tc := range []struct {
		name   string
		config map[string]any
		want   string
	}{
		{"no time", map[string]any{"quiet_period": 0}, `quiet_period: 0s is out of range; give a duration from 10ms to 720h0m0s, such as "30s"`},
		{"too long", map[string]any{"idle_timeout": "1000h"}, `idle_timeout: 1000h0m0s is out of range; give a duration from`},
		{"negative", map[string]any{"late_window": "-1s"}, `late_window: -1s is out of range; give a duration from 0s`},
		{"never quiet", map[string]any{"quiet_period": "2h"}, `quiet_period: 2h0m0s is longer than max_duration, 1h0m0s: no run could end before it; make it shorter`},
		{"no runs", map[string]any{"limits": map[string]any{"open_runs": 0}}, `limits::open_runs: 0 is too few; give at least 1`},
		{"no spans", map[string]any{"limits": map[string]any{"spans_per_run": -1}}, `limits::spans_per_run: -1 is too few; give at least 1`},
		{"empty key", map[string]any{"attributes": map[string]any{"event_id": ""}}, `attributes::event_id: "" is no attribute; name one, or leave the field out for its default`},
		{"key twice", map[string]any{"attributes": map[string]any{"team": "botanu.region"}}, `attributes::region: "botanu.region" is also the attribute of team; give each its own`},
		{"long key", map[string]any{"attributes": map[string]any{"team": strings.Repeat("x", 300)}}, `attributes::team: "xxxxxxxxxxxxxxxxxxxx"… is 300 bytes long; give at most 256`},
		{"copied twice", map[string]any{"copy_attributes": []any{"a", "a"}}, `copy_attributes::1: "a" stands twice; remove one`},
		{"copy nothing", map[string]any{"copy_attributes": []any{""}}, `copy_attributes::0: "" is no usable attribute; give a name of 1 to 256 bytes`},
		{"copy what is said", map[string]any{"copy_attributes": []any{"botanu.run.cost.total"}}, `copy_attributes::0: "botanu.run.cost.total" is what a summary says itself; copy an attribute of another name`},
		{"drop the key", map[string]any{"drop_attributes": []any{"botanu.run.part"}}, `drop_attributes::0: without "botanu.run.part" summaries cannot be told apart; remove it from the list`},
		{"float value", map[string]any{"outcome": map[string]any{"values": []any{map[string]any{"value_type": "t", "value_per_unit": "1/3"}}}}, `outcome::values::0::value_per_unit: "1/3" is no amount of USD; give a decimal in quotes, such as "12.50"`},
		{"preference", map[string]any{"cost": map[string]any{"prefer": "card"}}, `cost::prefer: "card" is none of trusted, reported, rate_card; give one of them`},
		{"card mode", map[string]any{"cost": map[string]any{"rate_card": map[string]any{"mode": "merge"}}}, `cost::rate_card::mode: "merge" is none of overlay, replace; give one of them`},
		{"reload", map[string]any{"cost": map[string]any{"rate_card": map[string]any{"reload_interval": "1ms"}}}, `cost::rate_card::reload_interval: 1ms is out of range; give a duration from 1s to 720h0m0s, or 0s to never reload`},
		{"value twice", map[string]any{"outcome": map[string]any{"values": []any{
			map[string]any{"value_type": "t", "value_per_unit": "1"}, map[string]any{"value_type": "t", "value_per_unit": "2"},
		}}}, `outcome::values::1::value_type: "t" is empty or stands twice; name each value type once`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.ErrorContains(t, configOf(t, tc.config).Validate(), tc.want)
		})
	}
}

// TestMisfitsNameFieldValueAndFix: what does not even fit the fields.
func TestMisfitsNameFieldValueAndFix(t *testing.T) {
	for _, tc := range []struct {
		config map[string]any
		want   string
	}{
		{map[string]any{"quite_period": "10s"}, `quite_period: there is no such key; did you mean quiet_period? The keys are attributes, copy_attributes, cost,`},
		{map[string]any{"limits": map[string]any{"openruns": 1}}, `limits::openruns: there is no such key; did you mean open_runs? The keys are late_runs, memory_mib, open_runs, spans_per_run, tenants`},
		{map[string]any{"quiet_period": "soon"}, `quiet_period: "soon" is no duration; give one such as "30s" or "5m"`},
		{map[string]any{"limits": map[string]any{"open_runs": "many"}}, `limits::open_runs: "many" is no whole number; give one such as 100000`},
		{map[string]any{"cost": map[string]any{"explain": "yes"}}, `cost::explain: "yes" is neither true nor false; give one of them, without quotes`},
		{map[string]any{"limits": 5}, `limits: 5 is no map of keys`},
		{map[string]any{"copy_attributes": 5}, `copy_attributes: 5 is no list; give one such as [a, b]`},
		{map[string]any{"outcome": map[string]any{"values": []any{map[string]any{"value_type": "t", "value_per_unit": 12.5}}}},
			`outcome::values::0::value_per_unit: 12.5 is no text; give it in quotes`},
	} {
		err := confmap.NewFromStringMap(tc.config).Unmarshal(createDefaultConfig())
		require.ErrorContains(t, err, tc.want)
	}
}

// TestConfig_documented: what README.md shows as the defaults are the
// defaults, all of them, and each has a line that says what it does.
func TestConfig_documented(t *testing.T) {
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, block, found := strings.Cut(string(page), "```yaml\nrun_rollup:\n")
	require.True(t, found)
	block, _, _ = strings.Cut(block, "```")
	var shown map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(block), &shown))
	got, want := configOf(t, shown), createDefaultConfig().(*Config)
	for _, list := range []*[]string{&got.CopyAttributes, &got.DropAttributes, &got.Cost.Attributes, &got.MetadataKeys} {
		assert.Empty(t, *list)
		*list = nil // as by default
	}
	assert.Empty(t, got.Outcome.Values)
	got.Outcome.Values = nil
	assert.Equal(t, want, got)
	all := confmap.New()
	require.NoError(t, all.Marshal(want))
	for _, key := range all.AllKeys() {
		assert.Contains(t, confmap.NewFromStringMap(shown).AllKeys(), key)
		if group, _, _ := strings.Cut(key, "::"); group == "attributes" {
			key = "attributes::*"
		}
		assert.Contains(t, string(page), "| `"+key+"` |")
	}
}

// yamlBlock is a fenced block of YAML in a page.
var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestEveryYAMLInThePagesLoads: what a page shows under run_rollup is a valid
// configuration, in whole collector files and in fragments.
func TestEveryYAMLInThePagesLoads(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	pages = append(pages, "README.md")
	files, err := filepath.Glob("examples/*/*.yaml")
	require.NoError(t, err)
	more, err := filepath.Glob("examples/*/*.md")
	require.NoError(t, err)
	pages = append(pages, more...)
	loaded, connectors := 0, 0
	for _, page := range append(pages, files...) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		blocks := []string{string(text)}
		if strings.HasSuffix(page, ".md") {
			blocks = nil
			for _, m := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
				blocks = append(blocks, m[1])
			}
		}
		for _, block := range blocks {
			var root map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(block), &root), "%s:\n%s", page, block)
			if c, ok := root["connectors"].(map[string]any); ok {
				for name, raw := range c {
					if name == "run_rollup" || strings.HasPrefix(name, "run_rollup/") {
						m, _ := raw.(map[string]any)
						config := rollupconnector.NewFactory().CreateDefaultConfig()
						require.NoError(t, confmap.NewFromStringMap(m).Unmarshal(config), "%s:\n%s", page, block)
						require.NoError(t, confmap.Validate(config), "%s:\n%s", page, block)
						connectors++
					}
				}
			}
			if processors, ok := root["processors"].(map[string]any); ok {
				root = processors
			}
			for name, raw := range root {
				if name != "run_rollup" && !strings.HasPrefix(name, "run_rollup/") {
					continue
				}
				m, _ := raw.(map[string]any)
				require.NoError(t, configOf(t, m).Validate(), "%s:\n%s", page, block)
				loaded++
			}
		}
	}
	assert.GreaterOrEqual(t, loaded, 3)
	assert.GreaterOrEqual(t, connectors, 1)
}

// TestEveryReasonIsExplained: what cost::explain says has a meaning in
// docs/accuracy.md.
func TestEveryReasonIsExplained(t *testing.T) {
	page, err := os.ReadFile("docs/accuracy.md")
	require.NoError(t, err)
	n := 0
	for r := billing.IsAggregate; r.String() != "unknown"; r++ {
		assert.Contains(t, string(page), "`"+r.String()+"`")
		n++
	}
	assert.Greater(t, n, 5)
	for _, key := range []string{
		botanu.CallVerdict, botanu.CallReason, botanu.CallTraceID, botanu.CallSpanID, botanu.CallBySpanID, botanu.CallScope, botanu.CallInputUncached,
		botanu.CallCacheRead, botanu.CallCacheWrite, botanu.CallOutput, botanu.CallCostExact, botanu.CallCostSource, botanu.CallCaveats,
	} {
		assert.Regexp(t, "`(botanu.call)?"+strings.TrimPrefix(key, "botanu.call")+"`", string(page))
	}
}

// TestEveryMetricIsExplained: what the components say of themselves has a
// meaning in docs/operations.md.
func TestEveryMetricIsExplained(t *testing.T) {
	page, err := os.ReadFile("docs/operations.md")
	require.NoError(t, err)
	for file, prefix := range map[string]string{
		"metadata.yaml":                 "processor_run_rollup_",
		"rollupconnector/metadata.yaml": "connector_run_rollup_",
	} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var m struct {
			Telemetry struct {
				Metrics map[string]any `yaml:"metrics"`
			} `yaml:"telemetry"`
		}
		require.NoError(t, yaml.Unmarshal(text, &m))
		require.NotEmpty(t, m.Telemetry.Metrics)
		for name := range m.Telemetry.Metrics {
			short := strings.TrimPrefix(name, prefix)
			assert.True(t, regexp.MustCompile("`"+short+"[`{]").Match(page), "explain %s", name)
		}
	}
}
