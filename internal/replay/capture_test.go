package replay_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

const line = `{"resourceSpans":[{"scopeSpans":[{"spans":[
{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"botanu.run/a","startTimeUnixNano":"1000000000000","endTimeUnixNano":"1009000000000",
 "attributes":[{"key":"botanu.run_id","value":{"stringValue":"r1"}},{"key":"botanu.run.start_time","value":{"stringValue":"1970-01-01T00:16:40.5Z"}},{"key":"botanu.run.deadline_ts","value":{"doubleValue":1010}}],
 "events":[{"name":"e","timeUnixNano":"1010000000000"},{"name":"no time"}]},
{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002","name":"never ended","startTimeUnixNano":"1001000000000",
 "attributes":[{"key":"botanu.run_id","value":{"stringValue":"r1"}}]}]}]}]}`

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// oneLine takes out the line ends that make a literal readable.
func oneLine(text string) string {
	return string(slices.DeleteFunc([]byte(text), func(b byte) bool { return b == '\n' }))
}

func load(t *testing.T, text string) (*replay.Capture, error) {
	t.Helper()
	return replay.Load(filepath.Dir(write(t, "traces.jsonl", text)))
}

func TestLoad(t *testing.T) {
	one := oneLine(line)
	for name, text := range map[string]string{"last line ended": one + "\n" + one + "\n", "last line not ended": one + "\n" + one} {
		c, err := load(t, text)
		require.NoError(t, err, name)
		assert.Len(t, c.Requests, 2, name)
		assert.Equal(t, []string{"r1"}, c.RunIDs(), name)
		assert.Equal(t, 4, c.SpanCount(), name)
	}
}

func TestLoad_refuses(t *testing.T) {
	for _, text := range []string{"", "{\n", "{}{}", "{}\nnonsense"} {
		_, err := load(t, text)
		assert.ErrorContains(t, err, "traces.jsonl", "%q", text)
	}
	_, err := replay.Load(t.TempDir())
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestCapture_ShiftTo(t *testing.T) {
	c, err := load(t, oneLine(line))
	require.NoError(t, err)
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

	c.ShiftTo(now)

	spans := slices.Collect(replay.Spans(c.Requests...))
	root, open := spans[0], spans[1]
	newest := now.Add(-10 * time.Millisecond) // the event, which was at second 1010
	assert.Equal(t, newest, root.Events().At(0).Timestamp().AsTime())
	assert.Equal(t, newest.Add(-time.Second), root.EndTimestamp().AsTime())
	assert.Equal(t, newest.Add(-10*time.Second), root.StartTimestamp().AsTime())
	assert.Equal(t, newest.Add(-9*time.Second), open.StartTimestamp().AsTime())
	assert.Zero(t, open.EndTimestamp(), "what had no time has none")
	assert.Zero(t, root.Events().At(1).Timestamp())
	started, _ := root.Attributes().Get(botanu.RunStartTime)
	assert.Equal(t, "2029-12-31T23:59:50.49Z", started.Str())
	deadline, _ := root.Attributes().Get(botanu.RunDeadline)
	assert.InDelta(t, float64(newest.Unix())+0.99, deadline.Double(), 1e-3)
}

// TestLoad_recordings holds that every recording in the repository can be
// played: a setup that is added is read here first.
func TestLoad_recordings(t *testing.T) {
	dirs, err := filepath.Glob("../../testdata/captures/*/traces.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, path := range dirs {
		c, err := replay.Load(filepath.Dir(path))
		require.NoError(t, err)
		assert.NotEmpty(t, c.RunIDs(), path)
	}
}
