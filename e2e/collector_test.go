package e2e

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// binary is the collector under test.
var binary = subject.Binary("../bin/otelcol-runrollup")

func TestMain(m *testing.M) { subject.Main(m, "make build", binary) }

// Bounds on waiting, far above what is due on a slow machine.
const (
	waitLimit = 45 * time.Second
	stopLimit = 20 * time.Second
)

// collector is a running collector and the file that it writes.
type collector struct {
	*replay.Collector
	out string
}

// start runs the collector with testdata/collector.yaml. It appends to out.
func start(t *testing.T, out string, env ...string) *collector {
	t.Helper()
	c := subject.Start(t, binary, filepath.Join("testdata", "collector.yaml"), append(env, "E2E_OUT="+out)...)
	return &collector{Collector: c, out: out}
}

// outFile is where a test's collector writes.
func outFile(t *testing.T) string { return filepath.Join(t.TempDir(), "out.jsonl") }

// await waits until the summaries so far satisfy done, and returns them, of
// each part the highest revision.
func (c *collector) await(t *testing.T, what string, done func([]replay.Summary) bool) []replay.Summary {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	var latest []replay.Summary
	err := replay.Poll(ctx, func() (bool, error) {
		latest = c.summaries(t)
		return done(latest), nil
	})
	require.NoError(t, err, "waiting for %s; so far: %d summaries", what, len(latest))
	return latest
}

func (c *collector) summaries(t *testing.T) []replay.Summary {
	t.Helper()
	tds, err := replay.ReadFile(c.out)
	require.NoError(t, err)
	return replay.Latest(replay.Summaries(tds))
}

// stop ends the collector in good order.
func (c *collector) stop(t *testing.T) {
	t.Helper()
	subject.Stop(t, c.Collector, stopLimit)
}

// capture is a recording, moved to now.
func capture(t *testing.T, setup string) *replay.Capture {
	t.Helper()
	c, err := replay.Load(filepath.Join("..", "testdata", "captures", setup))
	require.NoError(t, err)
	c.ShiftTo(time.Now())
	return c
}

func (c *collector) play(t *testing.T, recording *replay.Capture) {
	t.Helper()
	for _, request := range recording.Requests {
		require.NoError(t, c.Send(t.Context(), request))
	}
}
