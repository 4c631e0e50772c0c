//go:build prometheus

package prometheus

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/runrollup/runrollupprocessor/e2e/internal/edit"
	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
)

// promtool runs it in a folder.
func promtool(t *testing.T, folder string, args ...string) {
	t.Helper()
	path, err := filepath.Abs(promtoolBinary)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "promtool %s\n%s", strings.Join(args, " "), out)
}

// TestPromtool has promtool check the example's configuration and rules, and
// run the rules' own tests.
func TestPromtool(t *testing.T) {
	promtool(t, example, "check", "config", "prometheus.yml")
	promtool(t, example, "check", "rules", "rules/recording.yaml", "rules/alerts.yaml")
	promtool(t, example, "test", "rules", "rules_test.yaml")
}

// What promtool reads.
type (
	ruleTests struct {
		Tests []ruleTest `yaml:"tests"`
	}
	ruleTest struct {
		Name     string        `yaml:"name"`
		Interval string        `yaml:"interval"`
		Series   []inputSeries `yaml:"input_series"`
		Queries  []query       `yaml:"promql_expr_test"`
	}
	inputSeries struct {
		Series string `yaml:"series"`
		Values string `yaml:"values"`
	}
	query struct {
		Expr    string   `yaml:"expr"`
		At      string   `yaml:"eval_time"`
		Samples []sample `yaml:"exp_samples"`
	}
	sample struct {
		Labels string `yaml:"labels"`
		Value  int    `yaml:"value"`
	}
)

// TestConditions has promtool judge the conditions of docs/operations.md over
// two collectors, one of which is well: where one is to fire, it fires for the
// other, and for no label of it twice.
func TestConditions(t *testing.T) {
	all := readCases(t)
	names := map[string]map[string]bool{}
	for component := range all.Well {
		names[component] = metricNames(t, component)
	}
	// test is of the series that an expression may read, or of all.
	test := func(name, read, of string, changed values) ruleTest {
		r := ruleTest{Name: name, Interval: "1m"}
		for component, series := range all.Well {
			for s, v := range series {
				metric, _, _ := strings.Cut(s, "{")
				other, ok := changed[s]
				ok = ok && component == of
				if !ok && read != "" && !strings.Contains(read, metric) {
					continue
				}
				if !ok {
					other = v
				}
				r.Series = append(r.Series,
					inputSeries{labelled(component, s, `job="collector",instance="a"`), other},
					inputSeries{labelled(component, s, `job="collector",instance="b"`), v})
			}
		}
		return r
	}
	asked := func(c condition, want int) query {
		return query{
			Expr: fmt.Sprintf("count(%s) or vector(0)", whole(c.text, c.component, names[c.component])), At: "2h",
			Samples: []sample{{"{}", want}},
		}
	}
	well := test("a collector that is well", "", "", nil)
	var file ruleTests
	for i := range all.Conditions {
		c := &all.Conditions[i]
		on := condition{c.Of, c.Condition}
		well.Queries = append(well.Queries, asked(on, 0))
		for want, changes := range [][]values{c.Silent, c.Fires} {
			for _, changed := range changes {
				r := test(fmt.Sprintf("%s: %s, with %v", c.Of, c.Condition, changed), c.Condition, c.Of, changed)
				r.Queries = []query{asked(on, want)}
				file.Tests = append(file.Tests, r)
			}
		}
	}
	file.Tests = append(file.Tests, well)
	text, err := yaml.Marshal(file)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "conditions_test.yaml"), text, 0o600))
	promtool(t, dir, "test", "rules", "conditions_test.yaml")
}

var (
	ownSeries = regexp.MustCompile(`(?m)^otelcol_(processor|connector)_run_rollup_(\w+)(?:\{(.*)\})? `)
	ownLabel  = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// kind is a series without the values of its labels.
func kind(name, labels string) string {
	var keys []string
	for _, m := range ownLabel.FindAllStringSubmatch(labels, -1) {
		keys = append(keys, m[1])
	}
	slices.Sort(keys)
	return name + "{" + strings.Join(keys, ",") + "}"
}

// TestWellIsReal holds the series that conditions are tested with against what
// a collector says of itself: all that it says is among them, by name and
// labels, and nothing is that it never says.
func TestWellIsReal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	metrics, _ := subject.Address(t)
	own, ownPort := subject.Address(t)
	config := filepath.Join(dir, "collector.yaml")
	require.NoError(t, edit.File(filepath.Join(example, "collector.yaml"), config, func(file map[string]any) error {
		return edit.Set(file, "300ms", "processors", "run_rollup", "quiet_period")
	}))
	c := subject.Start(t, collectorBinary, config,
		"RUNROLLUP_OUT="+filepath.Join(dir, "summaries.jsonl"), "RUNROLLUP_OWN_METRICS_PORT="+ownPort, "RUNROLLUP_PROMETHEUS="+metrics)
	require.NoError(t, c.Send(t.Context(), newTruth().start("triage", "success", rand.New(rand.NewPCG(20261123, 9))).call("model-c", false).sent()))

	well, kinds := map[string]bool{}, map[string]bool{}
	for component, series := range readCases(t).Well {
		for s := range series {
			name, labels := parts(component, s)
			well[component+"_"+sorted(name, labels)] = true
			kinds[component+"_"+kind(name, labels)] = true
		}
	}
	await(t, "the collector's own metrics", func() (string, error) {
		text, err := get(t, "http://"+own+"/metrics")
		if err != nil {
			return "", err
		}
		unknown, seen := []string{}, map[string]bool{}
		for _, m := range ownSeries.FindAllStringSubmatch(text, -1) {
			if s := m[1] + "_" + sorted(m[2], m[3]); !well[s] {
				unknown = append(unknown, s)
			}
			seen[m[1]+"_"+kind(m[2], m[3])] = true
		}
		missing := []string{}
		for k := range kinds {
			if !seen[k] {
				missing = append(missing, k)
			}
		}
		if len(unknown)+len(missing) > 0 {
			return fmt.Sprintf("not in conditions.yaml: %q; not in the collector: %q", unknown, missing), nil
		}
		return "", nil
	})
	stop(t, c)
}

// sorted is a series with its labels in order.
func sorted(name, labels string) string {
	own := ownLabel.FindAllString(labels, -1)
	slices.Sort(own)
	return name + "{" + strings.Join(own, ",") + "}"
}

func get(t *testing.T, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}
