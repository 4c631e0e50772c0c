//go:build sql

package sql

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/ledgertest"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// ledger is what many worlds come to.
type ledger struct {
	summaries           []replay.Summary
	runs, usage, events []ledgertest.Row
	circles             map[string]bool // events, by key, of which the uncertain columns are not held
}

func worlds(seeds uint64) *ledger {
	l := ledger{circles: map[string]bool{}}
	for seed := range seeds {
		w := ledgertest.New(seed)
		l.summaries = append(l.summaries, w.Summaries...)
		l.runs = append(l.runs, w.Runs...)
		l.usage = append(l.usage, w.Usage...)
		if w.Event != nil {
			l.events = append(l.events, w.Event)
			l.circles[key(w.Event, "event_id", "customer_id")] = w.Circles
		}
	}
	return &l
}

// hold asks an engine for its relations, and holds every value of every row
// against the ledger.
func (l *ledger) hold(t *testing.T, engine string) {
	t.Helper()
	l.holdRuns(t, engine)
	relation(t, engine, "events", ledgertest.EventColumns, []string{"event_id", "customer_id"}, l.events, func(want, got ledgertest.Row) {
		if !l.circles[key(want, "event_id", "customer_id")] {
			return
		}
		if got["total_cost"] != nil {
			require.LessOrEqual(t, got["unsuccessful_cost"], got["total_cost"], "more was unsuccessful than there was")
		}
		for _, c := range ledgertest.Uncertain {
			got[c] = want[c]
		}
	})
}

// holdRuns does so with all but events.
func (l *ledger) holdRuns(t *testing.T, engine string) {
	t.Helper()
	relation(t, engine, "runs", ledgertest.RunColumns, []string{"run_id"}, l.runs, nil)
	relation(t, engine, "model_usage", ledgertest.UsageColumns, []string{"run_id", "part", "provider", "model"}, l.usage, nil)
}

// relation holds the rows of a relation, in any order, against those that are
// wanted. The relation has these columns, in this order, and no more; excuse may
// make alike what may differ.
func relation(t *testing.T, engine, name string, columns, keys []string, want []ledgertest.Row, excuse func(want, got ledgertest.Row)) {
	t.Helper()
	a := ask(t, engine, "SELECT * FROM "+name)
	require.Equal(t, columns, a.Columns, name)
	byKey := map[string]map[string]any{}
	for _, row := range a.objects() {
		byKey[key(row, keys...)] = row
	}
	require.Len(t, a.Rows, len(want), name)
	require.Len(t, byKey, len(want), name)
	for _, w := range want {
		id := key(w, keys...)
		row, found := byKey[id]
		require.True(t, found, "%s has no %s", name, id)
		got := ledgertest.Row{}
		for _, c := range columns {
			got[c] = read(t, row[c], w[c])
		}
		if excuse != nil {
			excuse(w, got)
		}
		require.Equal(t, w, got, "%s %s", name, id)
	}
}

// key tells rows apart.
func key[R ~map[string]any](row R, columns ...string) string {
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = fmt.Sprint(row[c])
	}
	return strings.Join(values, " ")
}

// read is the text of an engine as a value of the same kind as want; the text
// itself where it is none.
func read(t *testing.T, v, want any) any {
	t.Helper()
	text, ok := v.(string)
	if !ok {
		return v
	}
	var err error
	switch want.(type) {
	case int64:
		v, err = strconv.ParseInt(text, 10, 64)
	case float64:
		v, err = strconv.ParseFloat(text, 64)
	case bool: // in both engines, and no number
		if text == "true" || text == "false" {
			v = text == "true"
		}
	case []string: // of words, as Go prints them
		v = append([]string{}, strings.Fields(strings.Trim(text, "[]"))...)
	case money.Amount:
		v = amount(t, text)
	case time.Time:
		v, err = time.Parse("2006-01-02 15:04:05.999999999", strings.TrimSuffix(strings.Replace(text, "T", " ", 1), "Z"))
	}
	require.NoError(t, err)
	return v
}

func amount(t *testing.T, text string) money.Amount {
	t.Helper()
	a, err := money.Parse(text)
	require.NoError(t, err)
	return a
}

// lines are requests of some summaries each, as the file exporter writes them.
func lines[T any](t *testing.T, summaries []replay.Summary, request func([]replay.Summary) T, marshal func(T) ([]byte, error)) [][]byte {
	t.Helper()
	var list [][]byte
	for chunk := range slices.Chunk(summaries, 97) {
		line, err := marshal(request(chunk))
		require.NoError(t, err)
		require.True(t, json.Valid(line))
		list = append(list, line)
	}
	return list
}
