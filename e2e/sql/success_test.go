//go:build sql

package sql

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// divided are runs whose cost per success has more digits than there are: a
// double would have fewer than are right.
func divided() []replay.Summary {
	large := map[string]any{botanu.Workflow: "large"}
	small := map[string]any{botanu.Workflow: "small"}
	return []replay.Summary{
		told("a", "1", 0, "success", "123456.123456789012", large),
		told("b", "2", 1, "success", "0", large), told("c", "3", 2, "success", "0", large), told("d", "4", 3, "success", "0", large),
		told("e", "5", 4, "success", "0", large), told("f", "6", 5, "success", "0", large), told("g", "7", 6, "success", "0", large),
		told("h", "8", 7, "success", "0.000000000002", small), told("i", "9", 8, "success", "0", small), told("j", "10", 9, "success", "0", small),
		told("k", "11", 10, "failed", "1", map[string]any{botanu.Workflow: "none"}),
	}
}

// holdDivided: a cost per success is exact to the picodollar, what is left over
// below it dropped, whatever the engine.
func holdDivided(t *testing.T, engine string) {
	t.Helper()
	for _, file := range []string{"cost_per_success_of_runs.sql", "cost_per_success_of_events.sql"} {
		got := map[any]any{}
		a := ask(t, engine, statement(t, engine, file))
		for _, row := range a.objects() {
			got[row["workflow"]] = nil
			if row["cost_per_success"] != nil {
				got[row["workflow"]] = amount(t, row["cost_per_success"].(string))
			}
		}
		// 123456.123456789012 / 7 = 17636.589065255573142…, 2 / 3 = 0.66…
		assert.Equal(t, map[any]any{"large": amount(t, "17636.589065255573"), "small": amount(t, "0"), "none": nil}, got, file)
	}
}

func TestDuckDB_costPerSuccessIsExact(t *testing.T) {
	folder := t.TempDir()
	spread(t, rand.New(rand.NewPCG(1, 6)), folder, spanLines(t, divided()))
	openFiles(t, folder, "from_spans.sql")
	holdDivided(t, "duckdb")
}

func TestClickHouse_costPerSuccessIsExact(t *testing.T) {
	ledgerOf(t, divided())
	holdDivided(t, "clickhouse")
}
