package prometheus

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// condition is one to alert on, as docs/operations.md has it.
type condition struct {
	component string // processor or connector
	text      string
}

var (
	conditionTable = regexp.MustCompile("(?s)All names begin with `otelcol_(processor|connector)_run_rollup_`.*?\n\n((?:\\|[^\n]*\n)+)")
	code           = regexp.MustCompile("`([^`]+)`")
	compared       = regexp.MustCompile(` (?:>|<|==|!=|>=|<=) `)
	nothing        = regexp.MustCompile(`^(?:none\b|see the next$)`)
)

// conditions are those of the page's tables. Each metric has one, or says that
// there is none.
func conditions(t *testing.T) []condition {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(repository, "docs", "operations.md"))
	require.NoError(t, err)
	var all []condition
	tables := conditionTable.FindAllStringSubmatch(string(page), -1)
	require.Len(t, tables, 2, "the processor's metrics and the connector's")
	for _, table := range tables {
		rows := strings.Split(strings.TrimSpace(table[2]), "\n")
		for _, row := range rows[2:] {
			cells := strings.Split(strings.Trim(row, "|"), " | ")
			require.Len(t, cells, 3, row)
			alert, before := strings.TrimSpace(cells[2]), len(all)
			for _, m := range code.FindAllStringSubmatch(alert, -1) {
				if compared.MatchString(m[1]) {
					all = append(all, condition{table[1], m[1]})
				}
			}
			if len(all) == before {
				assert.Regexp(t, nothing, alert, row)
			}
		}
	}
	require.Greater(t, len(all), 25)
	return all
}

// metricNames are those of a component, without its prefix. A histogram is told
// in three.
func metricNames(t *testing.T, component string) map[string]bool {
	t.Helper()
	var file struct {
		Telemetry struct {
			Metrics map[string]struct {
				Histogram any
			}
		}
	}
	path := map[string]string{"processor": "metadata.yaml", "connector": "rollupconnector/metadata.yaml"}[component]
	read(t, filepath.Join(repository, path), &file)
	names := map[string]bool{}
	for name, m := range file.Telemetry.Metrics {
		name = strings.TrimPrefix(name, component+"_run_rollup_")
		if m.Histogram == nil {
			names[name] = true
			continue
		}
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			names[name+part] = true
		}
	}
	require.NotEmpty(t, names)
	return names
}

var quotedOrName = regexp.MustCompile(`"[^"]*"|[a-zA-Z_:][a-zA-Z0-9_:]*`)

// whole puts the prefix before the names that the page leaves it out of.
func whole(text, component string, names map[string]bool) string {
	return quotedOrName.ReplaceAllStringFunc(text, func(word string) string {
		if names[word] {
			return "otelcol_" + component + "_run_rollup_" + word
		}
		return word
	})
}

// values are those of series, by what they are called without the prefix, in
// promtool's notation.
type values map[string]string

// cases are what testdata/conditions.yaml holds.
type cases struct {
	// Well is every series of a collector that nothing is wrong with.
	Well map[string]values
	// Conditions say what has to be different for each to fire, and what may be
	// without that it fires.
	Conditions []struct {
		Of, Condition string
		Fires, Silent []values
	}
}

func readCases(t *testing.T) *cases {
	t.Helper()
	var c cases
	read(t, filepath.Join("testdata", "conditions.yaml"), &c)
	return &c
}

// TestEveryConditionIsTested: each condition of the page has a case in which
// it fires and one in which it does not, and no case is of another condition.
func TestEveryConditionIsTested(t *testing.T) {
	tested := map[condition]bool{}
	all := readCases(t)
	for i := range all.Conditions {
		c := &all.Conditions[i]
		assert.NotEmpty(t, c.Fires, "%s fires in no case", c.Condition)
		assert.NotEmpty(t, c.Silent, "%s is silent in no case", c.Condition)
		for _, changed := range slices.Concat(c.Fires, c.Silent) {
			for series := range changed {
				assert.Contains(t, all.Well[c.Of], series, "%s: there is no such series", c.Condition)
			}
		}
		tested[condition{c.Of, c.Condition}] = true
	}
	onPage := map[condition]bool{}
	for _, c := range conditions(t) {
		onPage[c] = true
		assert.True(t, tested[c], "docs/operations.md: the condition %q of the %s has no case in testdata/conditions.yaml", c.text, c.component)
	}
	for c := range tested {
		assert.True(t, onPage[c], "testdata/conditions.yaml: the condition %q of the %s is not in docs/operations.md", c.text, c.component)
	}
}

// TestEveryMetricIsWell: the series of a collector that is well are of all its
// metrics, and of no other. That their labels are right too is held against a
// collector in [TestWellIsReal].
func TestEveryMetricIsWell(t *testing.T) {
	for component, series := range readCases(t).Well {
		found := map[string]bool{}
		for s := range series {
			name, _, _ := strings.Cut(s, "{")
			found[name] = true
		}
		assert.Equal(t, slices.Sorted(maps.Keys(metricNames(t, component))), slices.Sorted(maps.Keys(found)), component)
	}
}

// labelled is a series with its prefix and the component's ID, and with labels
// before its own.
func labelled(component, series, labels string) string {
	name, own := parts(component, series)
	if labels != "" {
		own = labels + "," + own
	}
	return fmt.Sprintf("otelcol_%s_run_rollup_%s{%s}", component, name, own)
}

// parts are the name of a series and its labels, the component's ID among them.
func parts(component, series string) (name, labels string) {
	name, labels, _ = strings.Cut(strings.TrimSuffix(series, "}"), "{")
	if labels != "" {
		labels = "," + labels
	}
	return name, component + `="run_rollup"` + labels
}
