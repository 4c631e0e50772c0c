//go:build sql

package sql

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// export is a page of what a provider says, by the file that it is in. Its days
// are of November 2026.
type export struct {
	provider, kind, file string
	days                 []exportDay
}

// exportDay is how many tokens of input and output a provider counted of its
// model on a day, or how many dollars it charged for it; no results where there
// is none.
type exportDay struct {
	day           int
	input, output int
	cost          string
	hour          int // at which the bucket begins
}

// models are the models of the exports, by provider.
var models = map[string]string{"openai": "gpt-4o-2024-08-06", "anthropic": "claude-sonnet-4-5-20250929"}

// page is the export as the provider writes it.
func (e *export) page() string {
	buckets := make([]string, len(e.days))
	for i, d := range e.days {
		at := time.Date(2026, 11, d.day, d.hour, 0, 0, 0, time.UTC)
		result := ""
		switch model := models[e.provider]; {
		case d == exportDay{day: d.day, hour: d.hour}:
		case e.provider == "openai" && e.kind == "usage":
			result = fmt.Sprintf(`{"model":%q,"num_model_requests":1,"input_tokens":%d,"output_tokens":%d}`, model, d.input, d.output)
		case e.provider == "openai":
			result = fmt.Sprintf(`{"line_item":"%s, input","amount":{"value":%s,"currency":"USD"}}`, model, d.cost)
		case e.kind == "usage":
			result = fmt.Sprintf(`{"model":%q,"uncached_input_tokens":%d,"cache_creation":null,"output_tokens":%d}`, model, d.input, d.output)
		default: // in cents
			result = fmt.Sprintf(`{"model":%q,"amount":"%s00","currency":"usd"}`, model, d.cost)
		}
		start := fmt.Sprintf(`"start_time":%d`, at.Unix())
		if e.provider == "anthropic" {
			start = fmt.Sprintf(`"starting_at":%q`, at.Format(time.RFC3339))
		}
		buckets[i] = fmt.Sprintf(`{%s,"results":[%s]}`, start, result)
	}
	return `{"data":[` + strings.Join(buckets, ",") + `],"has_more":false}`
}

// called is a run of some day that made one call to each provider's model.
func called(id string, day int) replay.Summary {
	s := told(id, "", 0, "success", "4", nil)
	s.Start = time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC)
	s.End = s.Start.Add(time.Second)
	for provider, name := range models {
		m := model(name, 100, 10, "2")[0]
		m[botanu.ModelProvider] = provider
		s.Models = append(s.Models, m)
	}
	return s
}

// exportsOf are cases of exports, and what is found by day. The ledger has one
// call to each model on each of the days 1 to 5.
var exportsOf = []struct {
	name    string
	exports func(provider string) []export
	want    map[string]string
}{
	{
		"files that overlap",
		func(p string) []export {
			return []export{
				// The first week's last day was not over when it was fetched.
				{p, "usage", "usage-2026-11-03-1", []exportDay{{2, 100, 10, "", 0}, {3, 60, 6, "", 0}}},
				{p, "usage", "usage-2026-11-10-1", []exportDay{{3, 100, 10, "", 0}, {4, 100, 10, "", 0}}},
				{p, "cost", "costs-2026-11-03-1", []exportDay{{2, 0, 0, "2", 0}, {3, 0, 0, "1", 0}}},
				{p, "cost", "costs-2026-11-10-1", []exportDay{{3, 0, 0, "2", 0}, {4, 0, 0, "3", 0}}},
			}
		},
		map[string]string{"2026-11-02": "agrees", "2026-11-03": "agrees", "2026-11-04": "another price"},
	},
	{
		"usage alone",
		func(p string) []export {
			return []export{{p, "usage", "usage-1", []exportDay{{2, 100, 10, "", 0}, {3, 101, 10, "", 0}}}}
		},
		map[string]string{"2026-11-02": "no cost to compare", "2026-11-03": "the provider counted more"},
	},
	{
		"days without results",
		func(p string) []export {
			return []export{
				{p, "usage", "usage-1", []exportDay{{day: 1}, {2, 100, 10, "", 0}, {day: 3}, {day: 4}}},
				{p, "cost", "costs-1", []exportDay{{day: 1}, {2, 0, 0, "2", 0}, {day: 3}, {day: 4}}},
			}
		},
		map[string]string{
			"2026-11-01": "not in the export", "2026-11-02": "agrees", "2026-11-03": "not in the export", "2026-11-04": "not in the export",
		},
	},
	{
		"nothing at all on the account",
		func(p string) []export { return []export{{p, "usage", "usage-1", []exportDay{{day: 2}, {day: 3}}}} },
		map[string]string{"2026-11-02": "not in the export", "2026-11-03": "not in the export"},
	},
	{
		"hours of a day",
		func(p string) []export {
			return []export{
				{p, "usage", "usage-1", []exportDay{{2, 50, 4, "", 0}, {2, 40, 6, "", 7}, {day: 2, hour: 8}}},
				{p, "usage", "usage-2", []exportDay{{2, 50, 6, "", 7}}}, // the hour was not over
				{p, "cost", "costs-1", []exportDay{{2, 0, 0, "2", 0}}},
			}
		},
		map[string]string{"2026-11-02": "agrees"},
	},
	{
		"a day that lost its results",
		func(p string) []export {
			return []export{
				{p, "usage", "usage-1", []exportDay{{2, 100, 10, "", 0}}}, {p, "usage", "usage-2", []exportDay{{day: 2}}},
				{p, "cost", "costs-1", []exportDay{{2, 0, 0, "2", 0}}}, {p, "cost", "costs-2", []exportDay{{day: 2}}},
			}
		},
		map[string]string{"2026-11-02": "not in the export"},
	},
}

// ledgerOfDays is what exports are held against.
func ledgerOfDays() (list []replay.Summary) {
	for day := range 5 {
		list = append(list, called(fmt.Sprint("run ", day+1), day+1))
	}
	return list
}

// holdFindings asks an engine what it finds.
func holdFindings(t *testing.T, engine string, want map[string]string, name string) {
	t.Helper()
	a := ask(t, engine, statement(t, engine, "reconcile.sql"))
	got := map[string]map[string]string{"openai": {}, "anthropic": {}}
	for _, row := range a.objects() {
		got[row["provider"].(string)][row["period"].(string)] = row["finding"].(string)
	}
	assert.Equal(t, map[string]map[string]string{"openai": want, "anthropic": want}, got, "%s: %s", engine, name)
	assert.Len(t, a.Rows, 2*len(want), "%s: %s", engine, name)
}

func TestDuckDB_exports(t *testing.T) {
	ledger := t.TempDir()
	spread(t, rand.New(rand.NewPCG(1, 7)), ledger, spanLines(t, ledgerOfDays()))
	openFiles(t, ledger, "from_spans.sql")
	for _, c := range exportsOf {
		ask(t, "duckdb", nothingLoaded)
		folder := t.TempDir()
		load := ""
		for provider := range models {
			for _, e := range c.exports(provider) {
				require.NoError(t, os.WriteFile(filepath.Join(folder, provider+"-"+e.file+".json"), []byte(e.page()), 0o600))
			}
			for _, kind := range []string{"usage", "costs"} {
				point(t, provider+"_"+kind, folder, provider+"-"+kind+"*.json")
			}
			load += statement(t, "duckdb", "load_"+provider+".sql")
		}
		for _, times := range []string{"once", "twice"} {
			ask(t, "duckdb", load)
			holdFindings(t, "duckdb", c.want, c.name+", loaded "+times)
		}
	}
}

func TestClickHouse_exports(t *testing.T) {
	s := ledgerOf(t, ledgerOfDays())
	ask(t, "clickhouse", statement(t, "clickhouse", "provider.sql"))
	for _, c := range exportsOf {
		ask(t, "clickhouse", "TRUNCATE TABLE provider_pages")
		for provider := range models {
			for _, e := range c.exports(provider) { // in order of name
				var row bytes.Buffer
				require.NoError(t, json.NewEncoder(&row).Encode(map[string]string{"provider": provider, "kind": e.kind, "page": e.page()}))
				require.NoError(t, s.Insert(t.Context(), "INSERT INTO provider_pages (provider, kind, page) FORMAT JSONEachRow", &row))
			}
		}
		holdFindings(t, "clickhouse", c.want, c.name)
	}
}
