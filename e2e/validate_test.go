package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// validate asks the collector whether it would run with a configuration.
func validate(t *testing.T, config string) (ok bool, said string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "collector.yaml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	out, err := exec.CommandContext(t.Context(), binary, "validate", "--config", path).CombinedOutput()
	return err == nil, string(out)
}

// A collector configuration has a key service: other YAML, of Compose or a
// rate card, has not.
var (
	service = regexp.MustCompile(`(?m)^service:`)
	fenced  = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")
)

// scale are the examples for the collector that has what is heavy. Package
// scale holds them.
var scale = regexp.MustCompile(`examples.(clickhouse|scale-out)\b`)

// examples are all collector configurations that a user can copy: the files
// under examples and the blocks in the documentation, by where they stand.
func examples(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	add := func(where, text string) {
		if service.MatchString(text) && !scale.MatchString(where) {
			found[where] = text
		}
	}
	require.NoError(t, filepath.WalkDir("../examples", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml" {
			return err
		}
		text, err := os.ReadFile(path)
		add(path, string(text))
		return err
	}))
	pages := []string{"../README.md"}
	for _, pattern := range []string{"../docs/*.md", "../examples/*/*.md"} {
		more, err := filepath.Glob(pattern)
		require.NoError(t, err)
		pages = append(pages, more...)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for i, block := range fenced.FindAllStringSubmatch(string(text), -1) {
			add(fmt.Sprintf("%s, YAML block %d", page, i+1), block[1])
		}
	}
	return found
}

func TestValidate_acceptsExamples(t *testing.T) {
	found := examples(t)
	require.Contains(t, found, filepath.FromSlash("../examples/quickstart/collector.yaml"))
	for where, config := range found {
		t.Run(where, func(t *testing.T) {
			ok, said := validate(t, config)
			assert.True(t, ok, said)
		})
	}
}

// around is a whole configuration around that of the processor.
func around(processor string) string {
	return `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { nop: {} }
processors:
  run_rollup:
    ` + strings.ReplaceAll(strings.TrimSpace(processor), "\n", "\n    ") + `
service: { pipelines: { traces: { receivers: [otlp], processors: [run_rollup], exporters: [nop] } } }
`
}

func TestValidate_acceptsDefaults(t *testing.T) {
	ok, said := validate(t, around(""))
	assert.True(t, ok, said)
}

// TestValidate_refuses holds that a refusal names the field, the value and the
// fix. For a key that does not exist and a value of a wrong type the words are
// the Collector's own.
func TestValidate_refuses(t *testing.T) {
	for _, c := range []struct {
		name, config string
		says         []string // field, value, fix
	}{
		{"unknown key", "quiet_time: 3s", []string{"run_rollup", "quiet_time: there is no such key", "did you mean quiet_period?"}},
		{"unknown nested key", "limits: { open_run: 3 }", []string{"run_rollup", "limits::open_run: there is no such key", "did you mean open_runs?"}},
		{"wrong type", "limits: { open_runs: many }", []string{"limits::open_runs: \"many\" is no whole number", "such as 100000"}},
		{"no duration", "quiet_period: soon", []string{"quiet_period: \"soon\" is no duration", `such as "30s"`}},
		{"no unit", "quiet_period: 3", []string{"quiet_period: 3ns", "out of range", `such as "30s"`}},
		{"zero", "idle_timeout: 0s", []string{"idle_timeout: 0s", "out of range", `such as "30s"`}},
		{"negative", "late_window: -1m", []string{"late_window: -1m0s", "out of range", `such as "30s"`}},
		{"far too long", "max_duration: 10000h", []string{"max_duration: 10000h0m0s", "from 10ms to 720h0m0s"}},
		{"no run could end", "quiet_period: 2h", []string{"quiet_period: 2h0m0s", "longer than max_duration, 1h0m0s", "make it shorter"}},
		{"no open run", "limits: { open_runs: 0 }", []string{"limits::open_runs: 0", "too few", "at least 1"}},
		{"no late run", "limits: { late_runs: -1 }", []string{"limits::late_runs: -1", "too few", "at least 0"}},
		{"no span", "limits: { spans_per_run: 0 }", []string{"limits::spans_per_run: 0", "too few", "at least 1"}},
		{"no attribute", `attributes: { run_id: "" }`, []string{"attributes::run_id", `""`, "leave the field out"}},
		{"attribute of two fields", "attributes: { event_id: botanu.run_id }", []string{"attributes::event_id", `"botanu.run_id"`, "give each its own"}},
		{"copied twice", "copy_attributes: [a, a]", []string{"copy_attributes::1", `"a"`, "remove one"}},
		{"copied without a name", `copy_attributes: [""]`, []string{"copy_attributes::0", `""`, "1 to 256 bytes"}},
		{"dropped part", "drop_attributes: [botanu.run.part]", []string{"drop_attributes::0", `"botanu.run.part"`, "remove it"}},
		{"cost attribute twice", "cost: { attributes: [a, b, a] }", []string{"cost::attributes::2", `"a"`, "remove one"}},
		{"no money", "outcome: { values: [ { value_type: a, value_per_unit: cheap } ] }", []string{"outcome::values::0::value_per_unit", `"cheap"`, `such as "12.50"`}},
		{"value type twice", "outcome: { values: [ { value_type: a, value_per_unit: '1' }, { value_type: a, value_per_unit: '2' } ] }", []string{"outcome::values::1::value_type", `"a"`, "once"}},
		{"two mistakes", "quiet_period: 0s\nlimits: { open_runs: -4 }", []string{"quiet_period: 0s", "limits::open_runs: -4"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ok, said := validate(t, around(c.config))
			assert.False(t, ok, "accepted")
			for _, part := range c.says {
				assert.Contains(t, said, part)
			}
		})
	}
}
