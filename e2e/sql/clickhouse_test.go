//go:build sql

package sql

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/e2e/internal/clickhouse"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/ledgertest"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// startClickHouse starts a server on an empty database, in a time zone that is
// not that of the summaries, as engine "clickhouse" of this test.
func startClickHouse(t *testing.T) *clickhouse.Server {
	t.Helper()
	s, err := clickhouse.Start("engines", "TZ=Asia/Kolkata")
	require.NoError(t, err)
	servers["clickhouse"] = func(statements string) (answer, error) {
		a, err := s.Query(t.Context(), statements)
		return answer{Columns: a.Columns, Rows: a.Rows}, err
	}
	t.Cleanup(func() {
		delete(servers, "clickhouse")
		require.NoError(t, s.Stop())
	})
	createTables(t)
	return s
}

// exporterSQL is a template of the clickhouse exporter that the scale-out
// example is built with.
func exporterSQL(t *testing.T, file string) string {
	t.Helper()
	manifest, err := os.ReadFile(filepath.Join("..", "..", "examples", "scale-out", "builder-config.yaml"))
	require.NoError(t, err)
	module := regexp.MustCompile(`(\S+/clickhouseexporter) (v\S+)`).FindSubmatch(manifest)
	require.NotNil(t, module)
	download := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", string(module[1])+"@"+string(module[2]))
	download.Dir = t.TempDir() // of no module: the exporter is not required by this one
	out, err := download.Output()
	require.NoError(t, err, "%s", out)
	var at struct{ Dir string }
	require.NoError(t, json.Unmarshal(out, &at))
	text, err := os.ReadFile(filepath.Join(at.Dir, "internal", "sqltemplates", file))
	require.NoError(t, err)
	return string(text)
}

// createTables makes the tables that the exporter makes for spans and for log
// records.
func createTables(t *testing.T) {
	t.Helper()
	ask(t, "clickhouse", fmt.Sprintf(exporterSQL(t, "traces_table.sql"), "default", "otel_traces", "", "MergeTree()", ""))
	quote := template.FuncMap{"ident": func(name string) string { return "`" + name + "`" }}
	logs, err := template.New("").Funcs(quote).Parse(exporterSQL(t, "logs_table.sql"))
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, logs.Execute(&b, map[string]any{
		"Database": "default", "TableName": "otel_logs", "ClusterString": "", "Engine": "MergeTree()", "TTL": "", "HasFullTextSearch": true,
	}))
	ask(t, "clickhouse", b.String())
}

// insert writes rows into a table, as many at once as requests would bring.
func insert(t *testing.T, s *clickhouse.Server, table string, rows []map[string]any) {
	t.Helper()
	for len(rows) > 0 {
		n := min(len(rows), 5000)
		var b bytes.Buffer
		for _, row := range rows[:n] {
			require.NoError(t, json.NewEncoder(&b).Encode(row))
		}
		rows = rows[n:]
		require.NoError(t, s.Insert(t.Context(), "INSERT INTO "+table+" FORMAT JSONEachRow", &b))
	}
}

// texts are attributes as the exporter writes them.
func texts(m pcommon.Map) map[string]string {
	to := map[string]string{}
	for k, v := range m.All() {
		to[k] = v.AsString()
	}
	return to
}

// clickhouseStamp is a time with all its digits.
func clickhouseStamp(t pcommon.Timestamp) string {
	return t.AsTime().Format("2006-01-02T15:04:05.000000000Z")
}

// spanRows are the rows that the exporter makes of spans.
func spanRows(td ptrace.Traces) []map[string]any {
	var rows []map[string]any
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				var times, names []string
				attributes := []map[string]string{}
				for _, ev := range span.Events().All() {
					times, names = append(times, clickhouseStamp(ev.Timestamp())), append(names, ev.Name())
					attributes = append(attributes, texts(ev.Attributes()))
				}
				rows = append(rows, map[string]any{
					"Timestamp": clickhouseStamp(span.StartTimestamp()), "TraceId": span.TraceID().String(), "SpanId": span.SpanID().String(),
					"ParentSpanId": span.ParentSpanID().String(), "SpanName": span.Name(), "SpanKind": span.Kind().String(),
					"ServiceName": "run_rollup", "ResourceAttributes": texts(rs.Resource().Attributes()),
					"ScopeName": ss.Scope().Name(), "SpanAttributes": texts(span.Attributes()),
					"Duration": uint64(span.EndTimestamp() - span.StartTimestamp()), "StatusCode": span.Status().Code().String(),
					"Events.Timestamp": append([]string{}, times...), "Events.Name": append([]string{}, names...), "Events.Attributes": attributes,
				})
			}
		}
	}
	return rows
}

// logRows are the rows that the exporter makes of the log records of summaries.
func logRows(summaries []replay.Summary) []map[string]any {
	var rows []map[string]any
	for _, rl := range ledgertest.Logs(summaries).ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				rows = append(rows, map[string]any{
					"Timestamp": clickhouseStamp(record.Timestamp()), "TraceId": record.TraceID().String(), "SpanId": record.SpanID().String(),
					"ServiceName": "run_rollup", "Body": record.Body().AsString(), "ResourceAttributes": texts(rl.Resource().Attributes()),
					"ScopeName": sl.Scope().Name(), "LogAttributes": texts(record.Attributes()), "EventName": record.EventName(),
				})
			}
		}
	}
	return rows
}

// shuffled are the rows of summaries in any order.
func shuffled(rows []map[string]any) []map[string]any {
	r := rand.New(rand.NewPCG(1, 1))
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

func TestClickHouse_worldsFromSpans(t *testing.T) {
	l := worlds(3000)
	s := startClickHouse(t)
	td := ledgertest.Traces(l.summaries)
	// Spans that are no summary of a run, though one bears the name.
	alike := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	alike.Scope().SetName("an application")
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).CopyTo(alike.Spans().AppendEmpty())
	other := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	other.SetName(botanu.EventSummary)
	other.Attributes().PutStr(botanu.EventID, "e")
	insert(t, s, "otel_traces", shuffled(spanRows(td)))
	ask(t, "clickhouse", statement(t, "clickhouse", "from_spans.sql")+statement(t, "clickhouse", "schema.sql"))
	l.hold(t, "clickhouse")
	// The setting that makes the statements of the contract run (README) must
	// not change what the views say.
	ask(t, "clickhouse", "SET prefer_column_name_to_alias = 1")
	l.hold(t, "clickhouse")
}

func TestClickHouse_worldsFromLogs(t *testing.T) {
	l := worlds(500)
	s := startClickHouse(t)
	insert(t, s, "otel_logs", shuffled(logRows(l.summaries)))
	ask(t, "clickhouse", statement(t, "clickhouse", "from_logs.sql")+statement(t, "clickhouse", "schema.sql"))
	l.hold(t, "clickhouse")
}

func TestClickHouse_droppedAttributes(t *testing.T) {
	ledgerOf(t, dropped())
	holdDropped(t, "clickhouse")
}
