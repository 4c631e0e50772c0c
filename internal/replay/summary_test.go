package replay_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// exported is what a file exporter holds: an application's span, a span that
// only looks like a summary, a summary, and a line that is still being written.
const exported = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"chat"},{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002","name":"botanu.run.summary"}]}]}]}
{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"github.com/runrollup/runrollupprocessor"},"spans":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000003","parentSpanId":"0000000000000001","name":"botanu.run.summary","startTimeUnixNano":"1000000000","endTimeUnixNano":"3000000000","attributes":[{"key":"botanu.run_id","value":{"stringValue":"r1"}},{"key":"botanu.run.part","value":{"stringValue":"00000000000000aa"}},{"key":"botanu.run.revision","value":{"intValue":"2"}}],"events":[{"name":"botanu.model_usage","attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"m"}}]}]}]}]}]}
{"resourceSpans":[{"scopeSp`

func TestReadFile(t *testing.T) {
	path := write(t, "out.jsonl", exported)

	tds, err := replay.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, tds, 2)
	summaries := replay.Summaries(tds)

	require.Len(t, summaries, 1)
	s := summaries[0]
	assert.Equal(t, "r1", s.RunID)
	assert.Equal(t, "00000000000000aa", s.Part)
	assert.EqualValues(t, 2, s.Revision)
	assert.Equal(t, "0000000000000003", s.SpanID)
	assert.Equal(t, "0000000000000001", s.ParentSpanID)
	assert.EqualValues(t, 2, s.End.Sub(s.Start).Seconds())
	assert.Equal(t, []map[string]any{{"gen_ai.request.model": "m"}}, s.Models)
	assert.Empty(t, s.Text("botanu.run.revision"), "an integer is no text")
	assert.Zero(t, s.Int("botanu.run_id"))
}

func TestReadFile_absentOrBroken(t *testing.T) {
	tds, err := replay.ReadFile(filepath.Join(t.TempDir(), "none"))
	require.NoError(t, err)
	assert.Empty(t, tds)

	_, err = replay.ReadFile(write(t, "out.jsonl", "{}\nnonsense\n"))
	require.ErrorContains(t, err, "line 2")

	_, err = replay.ReadFile(t.TempDir())
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrNotExist)
}

func TestLatest(t *testing.T) {
	s := func(run, part string, revision int64) replay.Summary {
		return replay.Summary{RunID: run, Part: part, Revision: revision}
	}
	got := replay.Latest([]replay.Summary{s("b", "1", 0), s("a", "2", 1), s("a", "2", 0), s("a", "1", 0), s("a", "2", 3), s("a", "2", 1)})
	assert.Equal(t, []replay.Summary{s("a", "1", 0), s("a", "2", 3), s("b", "1", 0)}, got)
}
