package sdk

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// versions are the versions of the SDK that are played: the last that writes
// the status that it is given, the last that takes one, and the newest.
var versions = []string{"0.1.dev63", "0.1.dev68", "0.1.dev77"}

// fixtures has a folder for each version with what it sent.
var fixtures = filepath.Join("..", "..", "testdata", "sdk")

// binary is the collector under test.
var binary = subject.Binary(filepath.Join("..", "..", "bin", "otelcol-runrollup"))

func TestMain(m *testing.M) { subject.Main(m, "make build", binary) }

// Bounds on waiting, far above what is due on a slow machine.
const (
	waitLimit = 45 * time.Second
	stopLimit = 20 * time.Second
)

type collector struct {
	*replay.Collector
	out string
}

func start(t *testing.T) *collector {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.jsonl")
	card, err := filepath.Abs("ratecard.yaml")
	require.NoError(t, err)
	c := subject.Start(t, binary, "collector.yaml", "SDK_OUT="+out, "SDK_RATE_CARD="+card)
	return &collector{Collector: c, out: out}
}

func (c *collector) latest(t *testing.T) []replay.Summary {
	t.Helper()
	tds, err := replay.ReadFile(c.out)
	require.NoError(t, err)
	return replay.Latest(replay.Summaries(tds))
}

// hold waits until the summaries agree with what is expected of a version, and
// reports what still does not when the wait ends.
func (c *collector) hold(t *testing.T, version string) {
	t.Helper()
	expected := readExpectations(t)
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	_ = replay.Poll(ctx, func() (bool, error) {
		return len(expected.compare(version, c.latest(t))) == 0, nil
	})
	c.stop(t)
	report(t, expected.of(version), expected.compare(version, c.latest(t)))
}

func (c *collector) stop(t *testing.T) {
	t.Helper()
	subject.Stop(t, c.Collector, stopLimit)
}

// report fails a test of its own for each event with something wrong.
func report(t *testing.T, events []event, wrong map[string][]string) {
	t.Helper()
	for _, ev := range events {
		t.Run(ev.Name, func(t *testing.T) {
			for _, w := range wrong[ev.Name] {
				assert.Fail(t, w)
			}
		})
		delete(wrong, ev.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		assert.Fail(t, fmt.Sprintf("%s: %v", name, wrong[name]))
	}
}

// TestFixtures plays what each version of the SDK sent.
func TestFixtures(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			c.playFixture(t, version)
			c.hold(t, version)
		})
	}
}

func (c *collector) playFixture(t *testing.T, version string) {
	t.Helper()
	recording, err := replay.Load(filepath.Join(fixtures, version))
	require.NoError(t, err)
	recording.ShiftTo(time.Now())
	for _, request := range recording.Requests {
		require.NoError(t, c.Send(t.Context(), request))
	}
}

// TestFixtures_events holds the event summaries of the same plays.
func TestFixtures_events(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			c.playFixture(t, version)
			expected := readExpectations(t)
			ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
			defer cancel()
			_ = replay.Poll(ctx, func() (bool, error) {
				return len(expected.compareEvents(version, c.events(t))) == 0, nil
			})
			c.stop(t)
			report(t, expected.of(version), expected.compareEvents(version, c.events(t)))
		})
	}
}

// events are the attributes of the newest summary of each event so far.
func (c *collector) events(t *testing.T) map[string]map[string]any {
	t.Helper()
	tds, err := replay.ReadFile(c.out)
	require.NoError(t, err)
	found := map[string]map[string]any{}
	for span := range replay.Spans(tds...) {
		if span.Name() != botanu.EventSummary {
			continue
		}
		attributes := span.Attributes().AsRaw()
		name, _ := attributes[botanu.EventID].(string)
		found[name] = attributes // revisions follow each other in the file
	}
	return found
}
