package crash

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// disks are the ways in which a disk fails while the collector runs. The limit on
// the size of files stands for the disk: what is written past it fails, in any
// process and without any rights, as if there were no room.
var disks = []struct {
	name  string
	limit func(size int64) uint64
}{
	{"full", func(size int64) uint64 { return uint64(size) }}, // what is free in the file can still be written
	{"read-only", func(int64) uint64 { return 0 }},            // nothing can
}

// limitFiles limits the size of what the collector writes.
func (c *collector) limitFiles(t *testing.T, limit uint64) {
	t.Helper()
	require.NoError(t, unix.Prlimit(c.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: math.MaxUint64}, nil))
}

// journal is the file that file_storage keeps for the processor.
func (c *collector) journal(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(c.dir, "processor_run_rollup_*"))
	require.NoError(t, err)
	require.Len(t, found, 1, "the journal is one file")
	return found[0]
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

// some are runs whose truth is known, each of an event of its own.
type some struct {
	*load
	name string
	rng  *rand.Rand
}

func newSome(c *collector, name string) *some {
	return &some{load: newLoad(c.client(), 0, nil), name: name, rng: rand.New(rand.NewPCG(5, 6))}
}

// open makes events of which all but the root spans of the runs are sent, one
// request each. What is returned sends those.
func (s *some) open(t *testing.T, act string, n int) (end func()) {
	t.Helper()
	var roots []fragment
	for i := range n {
		e, fragments := makeEvent(fmt.Sprintf("%s-%s-%d", s.name, act, i), s.rng)
		s.note(e)
		for _, f := range fragments {
			s.note(nil, f.td)
			if isRoot(f) {
				roots = append(roots, f)
			} else {
				require.NoError(t, s.client.deliver(t.Context(), f.td))
			}
		}
	}
	return func() {
		t.Helper()
		for _, f := range roots {
			require.NoError(t, s.client.deliver(t.Context(), f.td))
		}
	}
}

func isRoot(f fragment) bool {
	root := false
	for span := range replay.Spans(f.td) {
		root = root || strings.HasPrefix(span.Name(), "botanu.run/")
	}
	return root
}

// awaitMetric waits until one of the processor's own metrics is as wanted.
func (c *collector) awaitMetric(t *testing.T, name string, is func(float64) bool) {
	t.Helper()
	deadline := time.Now().Add(settleLimit)
	for {
		v, err := c.own(t.Context(), name)
		if err == nil && is(v) {
			return
		}
		if time.Now().After(deadline) {
			require.Fail(t, "waiting for a metric", "%s is %v, %v", name, v, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func positive(v float64) bool { return v > 0 }

// TestDisk_pass holds that a disk that fails takes nothing but the protection:
// spans pass on and are told of, the failure is counted and logged, and what
// comes once the disk is back is protected again.
func TestDisk_pass(t *testing.T) {
	for _, disk := range disks {
		t.Run(disk.name, func(t *testing.T) {
			t.Parallel()
			sink := startSink(t)
			c := newCollector(t, sink.process.Endpoint)
			c.start(t)
			s := newSome(c, disk.name)
			endBefore := s.open(t, "before", 20)
			c.limitFiles(t, disk.limit(fileSize(t, c.journal(t))))
			endWithout := s.open(t, "without", 50)
			c.awaitMetric(t, "storage_errors", positive)
			assert.Zero(t, s.client.refused.Load(), "spans pass on")
			endBefore()
			endWithout()
			settle(t, sink, func() []string { return s.faults(sink) })
			assert.Contains(t, c.log.String(), "storage", "it is told in the log")

			c.limitFiles(t, math.MaxUint64)
			time.Sleep(3 * time.Second) // by then it has tried again
			endAfter := s.open(t, "after", 20)
			require.NoError(t, c.kill())
			c.start(t)
			endAfter()
			settle(t, sink, func() []string { return s.faults(sink) })
			require.NoError(t, c.stop())
			sink.stop(t)
			assert.Empty(t, first(s.faults(sink)))
			assert.Zero(t, s.lost(sink))
		})
	}
}

// TestDisk_refuse holds that while the disk fails senders are told to try
// again, and that everything is there once it is back, also in a new process.
func TestDisk_refuse(t *testing.T) {
	for _, disk := range disks {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/restarts=%v", disk.name, restarts), func(t *testing.T) {
				t.Parallel()
				sink := startSink(t)
				c := newCollector(t, sink.process.Endpoint, "CRASH_STORAGE_FAILURE=refuse")
				c.start(t)
				s := newSome(c, disk.name)
				endBefore := s.open(t, "before", 20)
				c.limitFiles(t, disk.limit(fileSize(t, c.journal(t))))
				done := make(chan func())
				go func() { done <- s.open(t, "without", 50) }()
				waitUntil(t, "a refusal", func() bool { return s.client.refused.Load() >= 3 })
				c.awaitMetric(t, "storage_errors", positive)
				if restarts {
					require.NoError(t, c.kill())
					c.start(t)
				} else {
					c.limitFiles(t, math.MaxUint64)
				}
				endWithout := <-done
				endBefore()
				endWithout()
				settle(t, sink, func() []string { return s.faults(sink) })
				require.NoError(t, c.stop())
				sink.stop(t)
				assert.Empty(t, first(s.faults(sink)))
				assert.Zero(t, s.lost(sink))
			})
		}
	}
}

// TestDisk_maxSize holds the same where file_storage itself says that there is
// no more room.
func TestDisk_maxSize(t *testing.T) {
	for _, failure := range []string{"pass", "refuse"} {
		t.Run(failure, func(t *testing.T) {
			t.Parallel()
			sink := startSink(t)
			c := newCollector(t, sink.process.Endpoint, "CRASH_STORAGE_FAILURE="+failure)
			unlimited := c.env
			c.env = append(c.env[:len(c.env):len(c.env)], "CRASH_MAX_SIZE=131072") // four times the smallest file
			c.start(t)
			s := newSome(c, failure)
			done := make(chan func())
			go func() { done <- s.open(t, "all", 150) }()
			c.awaitMetric(t, "storage_errors", positive)
			if failure == "refuse" {
				waitUntil(t, "a refusal", func() bool { return s.client.refused.Load() >= 3 })
				require.NoError(t, c.kill())
				c.env = unlimited
				c.start(t)
			}
			(<-done)()
			settle(t, sink, func() []string { return s.faults(sink) })
			require.NoError(t, c.stop())
			sink.stop(t)
			assert.Empty(t, first(s.faults(sink)))
			assert.Zero(t, s.lost(sink))
		})
	}
}

// TestDisk_readOnlyAtStart holds that a directory that cannot be written is told
// at once: the collector ends with an error that names it, or goes on in
// memory, as `pass` allows, and counts that.
func TestDisk_readOnlyAtStart(t *testing.T) {
	for _, failure := range []string{"pass", "refuse"} {
		t.Run(failure, func(t *testing.T) {
			t.Parallel()
			sink := startSink(t)
			c := newCollector(t, sink.process.Endpoint, "CRASH_STORAGE_FAILURE="+failure)
			c.start(t)
			s := newSome(c, failure)
			end := s.open(t, "before", 5)
			require.NoError(t, c.kill())
			c.makeReadOnly(t)
			require.NoError(t, c.launch())
			if err := c.awaitReady(t.Context()); err != nil {
				require.ErrorIs(t, err, errEnded)
				require.Error(t, c.err, "it tells by its exit code")
				assert.Contains(t, c.log.String(), filepath.Base(c.journal(t)), "the error names the file")
				t.Log("it does not start")
			} else {
				c.awaitMetric(t, "storage_errors", positive)
				t.Log("it goes on in memory")
				require.NoError(t, c.kill())
			}
			c.makeWritable(t)
			c.start(t)
			end()
			settle(t, sink, func() []string { return s.faults(sink) })
			require.NoError(t, c.stop())
		})
	}
}

// nobody has no rights to what belongs to root.
const nobody = 65534

// makeReadOnly takes the right to write from the directory and the journal. Root
// can write all the same, so the collector is somebody else then.
func (c *collector) makeReadOnly(t *testing.T) {
	t.Helper()
	require.NoError(t, os.Chmod(c.journal(t), 0o444))
	require.NoError(t, os.Chmod(c.dir, 0o555))
	t.Cleanup(func() { _ = os.Chmod(c.dir, 0o755) })
	if os.Geteuid() != 0 {
		return
	}
	for dir := c.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		require.NoError(t, err)
		require.NoError(t, os.Chmod(dir, info.Mode()|0o005))
	}
	c.user = &syscall.Credential{Uid: nobody, Gid: nobody}
}

func (c *collector) makeWritable(t *testing.T) {
	t.Helper()
	require.NoError(t, os.Chmod(c.journal(t), 0o600))
	require.NoError(t, os.Chmod(c.dir, 0o755))
	c.user = nil
}

func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(settleLimit); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			require.Fail(t, "waiting for "+what)
		}
	}
}
