package crash

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
)

// bucket is where file_storage keeps the values.
var bucket = []byte("default")

// edit opens the journal of a collector that does not run.
func (c *collector) edit(t *testing.T, change func(*bbolt.Bucket) error) {
	t.Helper()
	db, err := bbolt.Open(c.journal(t), 0o600, &bbolt.Options{Timeout: time.Second})
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error { return change(tx.Bucket(bucket)) }))
	require.NoError(t, db.Close())
}

// entryOf is the key of the first entry that names a run.
func entryOf(t *testing.T, b *bbolt.Bucket, runID string) []byte {
	t.Helper()
	found := []byte(nil)
	require.NoError(t, b.ForEach(func(key, value []byte) error {
		if found == nil && strings.HasPrefix(string(key), "j/") && bytes.Contains(value, []byte(runID)) {
			found = bytes.Clone(key)
		}
		return nil
	}))
	require.NotNil(t, found, "an entry that names %s", runID)
	return found
}

// damages are what can happen to an entry of the journal.
var damages = []struct {
	name string
	do   func([]byte) []byte
}{
	{"a bit flipped in the head", func(b []byte) []byte { b[2] ^= 1; return b }},
	{"a bit flipped in the middle", func(b []byte) []byte { b[len(b)/2] ^= 0x10; return b }},
	{"a bit flipped at the end", func(b []byte) []byte { b[len(b)-1] ^= 0x80; return b }},
	{"truncated", func(b []byte) []byte { return b[:len(b)/2] }},
	{"empty", func([]byte) []byte { return []byte{} }},
}

// TestDamage_entry holds that an entry that cannot be read is counted, skipped
// and kept, and that everything else is right.
func TestDamage_entry(t *testing.T) {
	for _, damage := range damages {
		t.Run(damage.name, func(t *testing.T) {
			t.Parallel()
			sink := startSink(t)
			c := newCollector(t, sink.process.Endpoint)
			c.start(t)
			s := newSome(c, "whole")
			end := s.open(t, "a", 10)
			hurt := newSome(c, "hurt")
			endHurt := hurt.open(t, "b", 1)
			endMore := s.open(t, "c", 10)
			require.NoError(t, c.kill())

			var damaged []byte
			c.edit(t, func(b *bbolt.Bucket) error {
				key := entryOf(t, b, hurt.events[0].runs[0].ID)
				damaged = damage.do(bytes.Clone(b.Get(key)))
				return b.Put(key, damaged)
			})
			c.start(t)
			c.awaitMetric(t, "storage_skipped_entries", func(v float64) bool { return v == 1 })
			end()
			endHurt()
			endMore()
			settle(t, sink, func() []string { return s.faults(sink) })
			require.NoError(t, c.stop())
			sink.stop(t)
			assert.Empty(t, first(s.faults(sink)))
			assert.Zero(t, s.lost(sink))
			assert.Zero(t, hurt.lost(sink), "they had passed on")
			hurt.atMost(t, sink)
			var kept [][]byte
			c.edit(t, func(b *bbolt.Bucket) error {
				return b.ForEach(func(key, value []byte) error {
					if strings.HasPrefix(string(key), "aside/") {
						kept = append(kept, bytes.Clone(value))
					}
					return nil
				})
			})
			assert.Equal(t, [][]byte{damaged}, kept, "the bytes are kept")
		})
	}
}

// atMost holds that no run is told to be more than it is.
func (s *some) atMost(t *testing.T, sink *sink) {
	t.Helper()
	for _, r := range s.events[0].runs {
		o := sink.runs[r.ID]
		require.NotNil(t, o, r.ID)
		for i := range o.latest {
			if got, err := synthetic.Told(o.latest[i : i+1]); assert.NoError(t, err) {
				assert.True(t, got.Within(r.Truth), "%s: %+v told, %+v sent", r.ID, got, r.Truth)
			}
		}
	}
}

// TestDamage_refused holds that a journal which is not to be read by this
// collector stops it at the start, with an error that says so and leaves the
// journal as it is.
func TestDamage_refused(t *testing.T) {
	for name, change := range map[string]struct {
		do   func(*testing.T, *bbolt.Bucket, string) error
		says string
	}{
		"an entry of a newer version": {func(t *testing.T, b *bbolt.Bucket, runID string) error {
			key := entryOf(t, b, runID)
			value := bytes.Clone(b.Get(key))
			value[0]++
			return b.Put(key, value)
		}, "newer version"},
		"a layout of a newer version": {func(t *testing.T, b *bbolt.Bucket, _ string) error {
			return replaceMeta(t, b, `"version":1`, `"version":2`)
		}, "newer version"},
		"of another component": {func(t *testing.T, b *bbolt.Bucket, _ string) error {
			return replaceMeta(t, b, `"owner":"run_rollup"`, `"owner":"run_rollup/other"`)
		}, "run_rollup/other"},
		"what is current is unreadable": {func(_ *testing.T, b *bbolt.Bucket, _ string) error {
			return b.Put([]byte("meta"), []byte(`{"version":`))
		}, "what is current"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := startSink(t)
			c := newCollector(t, sink.process.Endpoint)
			c.start(t)
			s := newSome(c, "refused")
			end := s.open(t, "a", 5)
			require.NoError(t, c.kill())
			whole, err := os.ReadFile(c.journal(t))
			require.NoError(t, err)
			c.edit(t, func(b *bbolt.Bucket) error { return change.do(t, b, s.events[0].runs[0].ID) })

			require.NoError(t, c.launch())
			require.ErrorIs(t, c.awaitReady(t.Context()), errEnded)
			require.Error(t, c.err, "it tells by its exit code")
			assert.Contains(t, c.log.String(), change.says)

			require.NoError(t, os.WriteFile(c.journal(t), whole, 0o600))
			c.start(t)
			end()
			settle(t, sink, func() []string { return s.faults(sink) })
			require.NoError(t, c.stop())
		})
	}
}

func replaceMeta(t *testing.T, b *bbolt.Bucket, before, after string) error {
	t.Helper()
	meta := string(b.Get([]byte("meta")))
	require.Contains(t, meta, before)
	return b.Put([]byte("meta"), []byte(strings.Replace(meta, before, after, 1)))
}

// TestDamage_file holds that a file that is cut or overwritten is told at once:
// the collector ends with an error, or counts what it could not read. It
// neither hangs nor goes on as if there had been nothing.
func TestDamage_file(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"cut to half":        func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, fileSize(t, path)/2)) },
		"cut to a few bytes": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 100)) },
		"heads overwritten": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.WriteAt(make([]byte, 8192), 0)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := startSink(t)
			c := newCollector(t, sink.process.Endpoint)
			c.start(t)
			s := newSome(c, "cut")
			s.open(t, "a", 100)
			require.NoError(t, c.kill())
			damage(t, c.journal(t))
			require.NoError(t, c.launch())
			if err := c.awaitReady(t.Context()); err != nil {
				require.ErrorIs(t, err, errEnded)
				require.Error(t, c.err, "it tells by its exit code")
				t.Logf("it does not start: %s", lastLine(c.log.String()))
				return
			}
			c.awaitMetric(t, "storage_skipped_entries", positive)
			t.Log("it starts, and counts what it cannot read")
			require.NoError(t, c.stop())
		})
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return fmt.Sprintf("%.300s", lines[len(lines)-1])
}
