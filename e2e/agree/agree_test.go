//go:build agree

package agree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/e2e/internal/peer"
	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
)

const (
	runs        = 1000
	defaultSeed = 2
)

// seed is what the world is made of; AGREE_SEED sets another.
func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("AGREE_SEED")
	if text == "" {
		return defaultSeed
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, "AGREE_SEED")
	return n
}

// TestAgree sends runs of which everything is known, through refusals and lost
// answers, and asks everybody what they came to.
func TestAgree(t *testing.T) {
	w := newWorld(seed(t), runs)
	truth := w.answers()

	duck := startDuckDB(t)
	server, house := startClickHouse(t)
	second := startCollector(t, "second", filepath.Join("testdata", "second.yaml"))
	// The way to the second collector: refused for a while, and then answers are lost.
	lossy := &mood{refuses: 10, every: 4, then: peer.Lose}
	var failed errorList
	way := startDownstream(t, lossy, func(r *peer.Request) {
		_, err := client(second.Endpoint).Deliver(t.Context(), r.Traces, nil)
		failed.add(err)
	})
	refusing := &mood{refuses: 4, every: 4, then: peer.Refuse}
	beside := startDownstream(t, refusing, func(*peer.Request) {})
	apart, _ := subject.Address(t)
	first := startCollector(t, "first", filepath.Join("testdata", "first.yaml"), "AGREE_APART="+apart,
		"AGREE_REFUSING="+beside.URL(), "AGREE_SECOND="+way.URL(), "AGREE_CLICKHOUSE="+server.Endpoint)
	prom := startPrometheus(t, first, second)

	for phase := range phases {
		w.send(t, phase, first.Endpoint, "http://"+apart)
		await(t, fmt.Sprintf("summaries of all that was sent in phase %d", phase), func() (string, error) {
			b, err := fromSpans(first.file("spans"))
			return w.untold(b, phase), err
		})
	}

	files := []struct {
		where, path string
		read        func(string) (*book, error)
		example     string
	}{
		{"spans", first.file("spans"), fromSpans, "from_spans.sql"},
		{"logs", first.file("logs"), fromLogs, "from_logs.sql"},
		{"spans of the second", second.file("spans"), fromSpans, "from_spans.sql"},
		{"logs of the second", second.file("logs"), fromLogs, "from_logs.sql"},
	}
	for _, f := range files {
		await(t, f.where, func() (string, error) {
			b, err := f.read(f.path)
			return truth.differ(w.excuse(b.answers())), err
		})
	}
	want, got := w.metrics(), map[string]sums{}
	for _, c := range []*collector{first, second} {
		await(t, "metrics of the "+c.job+" in Prometheus", func() (string, error) {
			list, err := scraped(t.Context(), prom, c.job)
			got[c.job] = read(list)
			settled, _ := got[c.job].moves()
			return want.differ(settled), err
		})
	}

	// What was to make it hard has happened, or the test proves nothing.
	w.holdHardships(t, first, second, refusing, lossy)
	var report table
	report.add("truth", truth)
	ids := w.ids(t, first)
	for _, c := range []*collector{first, second} {
		report.metrics("Prometheus, "+c.job, got[c.job])
		for _, url := range []string{c.scraped, c.own} {
			for _, format := range []string{"text/plain", "application/openmetrics-text; version=1.0.0"} {
				text := get(t, url, format)
				require.Contains(t, text, "run_rollup", url)
				assert.Empty(t, ids.in(text), "IDs in %s of the %s collector", url, c.job)
			}
		}
	}

	// At the end everything is told, and nothing changes by it.
	first.stop(t)
	second.stop(t)
	require.NoError(t, failed.join())
	made, err := fromSpans(first.file("spans"))
	require.NoError(t, err)
	for _, f := range files {
		b, err := f.read(f.path)
		require.NoError(t, err)
		assert.Equal(t, made.statuses, b.statuses, "revisions in %s", f.where)
		got, err := w.excuse(b.answers())
		require.NoError(t, err)
		truth.hold(t, f.where, got)
		report.add(f.where, got)

		where := "DuckDB over " + f.where
		duck(t, "SET VARIABLE summary_files = '"+filepath.ToSlash(f.path)+"'")
		duck(t, views(t, "duckdb", f.example))
		w.holdSQL(t, &report, where, "duckdb", duck, made.revisions())
	}
	for _, from := range []string{"from_spans.sql", "from_logs.sql"} {
		house(t, views(t, "clickhouse", from))
		w.holdSQL(t, &report, "ClickHouse "+strings.TrimSuffix(from, ".sql"), "clickhouse", house, made.revisions())
	}
	last := map[string]sums{}
	for _, f := range []struct{ where, path string }{
		{"metrics of the first", first.file("metrics")},
		{"metrics of the second", second.file("metrics")},
		{"deltas of the second", second.file("deltas")},
	} {
		list, err := exported(f.path)
		require.NoError(t, err)
		last[f.where] = read(list)
		settled, _ := last[f.where].moves()
		assert.Empty(t, want.differ(settled), f.where)
		holdMoves(t, last["metrics of the first"], last[f.where])
		report.metrics(f.where, last[f.where])
		text, err := os.ReadFile(f.path)
		require.NoError(t, err)
		assert.Empty(t, ids.in(string(text)), "IDs in %s", f.where)
	}
	t.Log(report.String())
}

// holdSQL holds what the relations of an engine say against the truth.
func (w *world) holdSQL(t *testing.T, report *table, where, example string, engine sqlEngine, revisions int) {
	t.Helper()
	assert.Equal(t, revisions, revisionsInSQL(t, engine), "revisions in %s", where)
	truth, got := w.answers(), inSQL(t, engine)
	truth.hold(t, where, got)
	report.add(where, got)
	report.statements(where, w.holdStatements(t, engine, example))
	w.holdPerSuccess(t, where, example, engine)
}

// senders is how many requests are on their way at once.
const senders = 4

// send delivers the spans of a phase in any order, some of them twice, several
// in one request, each to its processor.
func (w *world) send(t *testing.T, phase int, endpoint, apart string) {
	t.Helper()
	all := slices.Clone(w.sends[phase])
	for _, sent := range w.sends[:phase+1] { // of earlier phases, too
		for range len(sent) / 10 {
			all = append(all, one(w, sent))
		}
	}
	w.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	type request struct {
		to *peer.Client
		td ptrace.Traces
	}
	queue := make(chan request, len(all))
	for url, is := range map[string]bool{endpoint: false, apart: true} {
		to := client(url)
		var mine []ptrace.Traces
		for _, f := range all {
			if f.part.apart == is {
				mine = append(mine, f.td)
			}
		}
		for len(mine) > 0 {
			n := min(len(mine), 1+w.rng.IntN(100))
			queue <- request{to, synthetic.Together(mine[:n]...)}
			mine = mine[n:]
		}
	}
	close(queue)
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	var workers sync.WaitGroup
	var failed errorList
	for range senders {
		workers.Go(func() {
			for r := range queue {
				_, err := r.to.Deliver(ctx, r.td, nil)
				failed.add(err)
			}
		})
	}
	workers.Wait()
	require.NoError(t, failed.join())
}

// untold says of which run not all has been told that was sent until the end
// of a phase.
func (w *world) untold(b *book, phase int) string {
	for _, r := range w.runs {
		want := int64(0)
		for _, p := range r.parts {
			for _, n := range p.spans[:phase+1] {
				want += n
			}
		}
		if got := b.spans(r.id); got != want {
			return fmt.Sprintf("%s: %d spans told, %d sent", r.id, got, want)
		}
	}
	return ""
}

// excuse lets pass what event summaries cannot say: where runs of an event went
// to two processors, each tells a part of it. What parts cost adds up; outcomes,
// and which attempts were in vain, do not (docs/events.md).
func (w *world) excuse(a answers, err error) (answers, error) {
	for _, e := range w.events {
		if told, ok := a.events[e.id]; ok && e.torn() && told.Cost == e.costOfParts() {
			a.events[e.id] = e.row()
		}
	}
	a.sum()
	return a, err
}

// differ says where answers differ from the truth.
func (a *answers) differ(got answers, err error) string {
	if err != nil {
		return err.Error()
	}
	for what, pair := range map[string][2]any{
		"runs": {a.runs, got.runs}, "events": {a.events, got.events}, "figures": {a.figures, got.figures},
	} {
		if d := firstDifference(pair[0], pair[1]); d != "" {
			return what + ": " + d
		}
	}
	return ""
}

func firstDifference(want, got any) string {
	w, g := reflect.ValueOf(want), reflect.ValueOf(got)
	for _, m := range []reflect.Value{w, g} {
		for _, key := range m.MapKeys() {
			a, b := w.MapIndex(key), g.MapIndex(key)
			if !a.IsValid() || !b.IsValid() {
				return fmt.Sprintf("%v: in one of the two alone", key)
			}
			if !a.Equal(b) {
				return fmt.Sprintf("%v: %+v, not %+v", key, b, a)
			}
		}
	}
	return ""
}

// hold holds answers against the truth.
func (a *answers) hold(t *testing.T, where string, got answers) {
	t.Helper()
	assert.Equal(t, a.figures, got.figures, where)
	assert.Empty(t, a.differ(got, nil), where)
}

// holdHardships holds that the world was not an easy one.
func (w *world) holdHardships(t *testing.T, first, second *collector, refusing, lossy *mood) {
	t.Helper()
	b, err := fromSpans(first.file("spans"))
	require.NoError(t, err)
	assert.Greater(t, b.revised, runs/4, "revisions")
	back, forth := b.thereAndBack("success", "failed"), b.thereAndBack("failed", "success")
	assert.Positive(t, back, "successes that were taken for failures for a while")
	assert.Positive(t, forth, "failures that were taken for successes for a while")
	t.Logf("%d went from success to failed and back, %d the other way", back, forth)
	for _, c := range []*collector{first, second} {
		repeats := c.ownMetric(t, "otelcol_connector_run_rollup_repeats")
		assert.Positive(t, repeats, "repeats at the %s collector", c.job)
		t.Logf("%v summaries came again to the metrics of the %s collector", repeats, c.job)
	}
	refused, again := refusing.counts()
	assert.Positive(t, refused, "summaries that the first collector's processors were refused")
	held, lost := lossy.counts()
	assert.Positive(t, held, "summaries refused on the way to the second collector")
	assert.Positive(t, lost, "answers lost on the way to the second collector")
	t.Logf("%d summaries were revised; beside the connector %d + %d requests of summaries were refused; to the second collector %d were refused and %d answers lost",
		b.revised, refused, again, held, lost)

	unknown, free, torn, in := 0, 0, 0, 0
	for _, r := range w.runs {
		switch c := r.cost(); {
		case !c.known:
			unknown++
		case c.usd == 0:
			free++
		}
		if len(r.parts) > 1 {
			torn++
		}
		if r.parent != nil {
			in++
		}
	}
	retried := len(w.runs) - in - len(w.events)
	for _, n := range []int{unknown, free, torn, in, retried} {
		assert.Positive(t, n, "runs of a kind")
	}
	t.Logf("of %d runs %d are of unknown cost, %d cost nothing, %d have two parts, %d are nested in others, %d try again",
		len(w.runs), unknown, free, torn, in, retried)
}

// holdMoves holds that outcomes have changed and that revisions have taken
// something back, the same in other metrics.
func holdMoves(t *testing.T, metrics, others sums) {
	t.Helper()
	_, moved := metrics.moves()
	_, there := others.moves()
	assert.Positive(t, moved["changes "], "changes of outcome")
	for _, name := range netted[:3] {
		assert.Positive(t, moved["reductions of "+name+" "], "%s taken back", name)
	}
	assert.Empty(t, moved.differ(there))
}

// idSet are the parts of IDs that differ from ID to ID.
type idSet map[string]bool

var hex = regexp.MustCompile(`[0-9a-f]{16,}`)

// ids are those of the world's runs and events, and of parts as they were told.
func (w *world) ids(t *testing.T, c *collector) idSet {
	t.Helper()
	set := idSet{}
	for _, r := range w.runs {
		set[hex.FindString(r.id)] = true
	}
	for _, e := range w.events {
		set[hex.FindString(e.id)] = true
	}
	b, err := fromSpans(c.file("spans"))
	require.NoError(t, err)
	for _, parts := range b.runs {
		for part := range parts {
			set[part] = true
		}
	}
	text, err := os.ReadFile(c.file("spans"))
	require.NoError(t, err)
	require.Len(t, set.in(string(text)), len(set), "they are found where they are")
	return set
}

// in are those that a text has.
func (s idSet) in(text string) []string {
	found := map[string]bool{}
	for _, token := range hex.FindAllString(text, -1) {
		if s[token] {
			found[token] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func get(t *testing.T, url, accept string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Accept", accept)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(t, http.StatusOK, res.StatusCode, url)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}

// errorList gathers errors of many goroutines.
type errorList struct {
	mu   sync.Mutex // guards list
	list []error
}

func (l *errorList) add(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, err)
}

func (l *errorList) join() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.list...)
}

// table is what was compared, for whoever reads the log.
type table struct{ rows, notes []string }

func (r *table) add(where string, a answers) {
	f := a.figures[all]
	r.rows = append(r.rows, fmt.Sprintf("%-32s %5d %18s %16s %6d %18s %16s %18s", where,
		f.Runs, f.Cost, decimal(f.perSuccess()), f.Events, f.EventCost, decimal(f.perEventSuccess()), f.Unsuccessful))
}

func decimal(r *big.Rat) string {
	if r == nil {
		return "unknown"
	}
	return r.FloatString(12)
}

func (r *table) metrics(where string, s sums) {
	total := map[string]float64{}
	for key, n := range s {
		name, _, _ := strings.Cut(key, " ")
		total[name] += n
	}
	r.rows = append(r.rows, fmt.Sprintf("%-32s %5.0f parts, models cost %.9f, %.0f calls, %.0f tokens; %.0f changes of outcome; %.9f taken back",
		where, total["runs"], total["botanu_llm_cost"], total["botanu_llm_calls"], total["botanu_llm_tokens"], s["changes "], s["reductions of botanu_llm_cost "]))
}

func (r *table) statements(where string, lines []string) {
	for _, line := range lines {
		r.notes = append(r.notes, where+": "+line)
	}
}

func (r *table) String() string {
	head := fmt.Sprintf("%-32s %5s %18s %16s %6s %18s %16s %18s", "USD", "runs", "cost", "a success", "events", "cost", "a success", "of it in vain")
	return "\n" + head + "\n" + strings.Join(r.rows, "\n") + "\n\n" + strings.Join(r.notes, "\n")
}
