package prometheus

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	repository = "../.."
	example    = repository + "/examples/prometheus"
)

// rule is one of the example's rules.
type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

func read(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into), path)
}

func rules(t *testing.T) []rule {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(example, "rules", "*.yaml"))
	require.NoError(t, err)
	var all []rule
	for _, path := range paths {
		var file struct{ Groups []struct{ Rules []rule } }
		read(t, path, &file)
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	require.Greater(t, len(all), 20)
	return all
}

// TestEveryRuleIsTested: promtool tests the values of each recording rule, and
// of each alert that it fires and that it does not.
func TestEveryRuleIsTested(t *testing.T) {
	var file struct {
		Tests []struct {
			PromQL []struct{ Expr string } `yaml:"promql_expr_test"`
			Alerts []struct {
				Name  string `yaml:"alertname"`
				Fires []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	read(t, filepath.Join(example, "rules_test.yaml"), &file)
	recorded, fires, silent := "", map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, q := range test.PromQL {
			recorded += q.Expr + "\n"
		}
		for _, a := range test.Alerts {
			fires[a.Name] = fires[a.Name] || len(a.Fires) > 0
			silent[a.Name] = silent[a.Name] || len(a.Fires) == 0
		}
	}
	for _, r := range rules(t) {
		if r.Record != "" {
			assert.Contains(t, recorded, r.Record)
			continue
		}
		assert.True(t, fires[r.Alert], "%s fires in no test", r.Alert)
		assert.True(t, silent[r.Alert], "%s is silent in no test", r.Alert)
	}
}

var (
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	series  = regexp.MustCompile(`\b(?:botanu|otelcol)_[a-z_0-9]+`)
)

// TestEveryAlertHasARunbook: an alert says how bad it is, in a sentence what
// happened, and where stands what to do.
func TestEveryAlertHasARunbook(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(repository, "docs", "operations.md"))
	require.NoError(t, err)
	anchors := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(string(page), -1) {
		anchors["docs/operations.md#"+strings.ReplaceAll(strings.ToLower(m[1]), " ", "-")] = true
	}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		assert.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], r.Alert)
		assert.True(t, strings.HasSuffix(r.Annotations["summary"], "."), "%s: %q is no sentence", r.Alert, r.Annotations["summary"])
		assert.True(t, anchors[r.Annotations["runbook"]], "%s: there is no section %s", r.Alert, r.Annotations["runbook"])
	}
}

// TestRulesReadMetricsThatExist: a misspelt metric would be a rule that never
// says anything. What each is called by the time that it is scraped is held
// against a server in [TestScraped].
func TestRulesReadMetricsThatExist(t *testing.T) {
	own := map[string]bool{}
	for _, path := range []string{"metadata.yaml", "rollupconnector/metadata.yaml"} {
		var file struct {
			Telemetry struct{ Metrics map[string]any }
		}
		read(t, filepath.Join(repository, path), &file)
		for name := range file.Telemetry.Metrics {
			own["otelcol_"+name] = true
		}
	}
	for _, name := range metrics(t, "otelcol_") {
		assert.True(t, own[name], "%s is no metric of run_rollup", name)
	}
}

// metrics are those that the rules read, each once: what is called in an
// expression, and is no label and no name that another rule gave.
func metrics(t *testing.T, prefix string) []string {
	t.Helper()
	found := map[string]bool{}
	for _, r := range rules(t) {
		for _, at := range series.FindAllStringIndex(r.Expr, -1) {
			name, recorded := r.Expr[at[0]:at[1]], at[0] > 0 && r.Expr[at[0]-1] == ':'
			if strings.HasPrefix(name, prefix) && !recorded && !label[name] {
				found[name] = true
			}
		}
	}
	require.NotEmpty(t, found)
	return slices.Sorted(maps.Keys(found))
}

// label are the names of labels that look like those of metrics.
var label = map[string]bool{
	"botanu_workflow": true, "botanu_environment": true, "botanu_outcome_status": true, "botanu_outcome_previous_status": true,
	"botanu_outcome_value_type": true, "botanu_run_completion": true, "botanu_token_type": true,
}
