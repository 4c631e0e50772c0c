package crash

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// briefly is how often the collector is killed where CRASH_KILLS does not say.
const briefly = 15

// TestKill holds that what was acknowledged survives kill -9 at any point, and
// that afterwards every total is exact: nothing lost, nothing twice. With the
// exporter's queue on disk the one point left out is the start, at which that
// queue can lose what it was sending (docs/reliability.md): the processor's own
// start, which reads the same journal, is killed in the other layout.
func TestKill(t *testing.T) {
	for _, layout := range []struct {
		name    string
		configs []string
		early   bool // killed before it is ready, too
	}{
		{name: "queue on disk", configs: durable},
		{name: "no queue", configs: queueless, early: true},
	} {
		t.Run(layout.name, func(t *testing.T) { testKill(t, layout.configs, layout.early) })
	}
}

func testKill(t *testing.T, configs []string, early bool) {
	kills, seed := (int(number(t, "CRASH_KILLS", briefly))+1)/2, number(t, "CRASH_SEED", rand.Uint64())
	t.Logf("CRASH_SEED=%d", seed)
	recordings := recorded(t)
	undisturbed := reference(t, recordings)
	sink := startSink(t)
	a := newCollector(t, sink.process.Endpoint)
	a.configs = configs
	l := newLoad(a.client(), seed, recordings)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stop, end := context.WithCancel(ctx)
	var killed atomic.Int64
	wait := l.start(ctx, stop, func() float64 { return float64(killed.Load()) / float64(kills) })
	k := killer{collector: a, rng: rand.New(rand.NewPCG(seed, workers)), starting: early, killed: &killed}
	for killed.Load() < int64(kills) {
		k.once(t)
	}
	a.start(t)
	end()
	require.NoError(t, wait())
	settle(t, sink, func() []string { return append(undisturbed.faults(sink), l.faults(sink)...) })
	skipped, err := a.own(t.Context(), "storage_skipped_entries")
	require.NoError(t, err)
	assert.Zero(t, skipped, "a journal that nobody damaged is read whole")
	awaitQuiet(t, sink) // nothing is told that was not to be
	require.NoError(t, a.stop())
	sink.stop(t)

	assert.Empty(t, first(append(undisturbed.faults(sink), l.faults(sink)...)))
	assert.Zero(t, l.lost(sink), "spans that were acknowledged")
	runs := len(undisturbed.runs)
	for _, e := range l.events {
		runs += len(e.runs)
	}
	assert.Len(t, sink.runs, runs, "no run but those that were sent")
	assert.Len(t, sink.events, len(undisturbed.events)+len(l.events), "no event but those that were sent")
	assert.NotZero(t, l.client.broken.Load(), "the kills were felt")
	t.Logf("killed %d times, %d of them before it was ready, stopped %d times; %d requests taken, %d refused, %d broken; %d spans, %d runs, %d events; of the revisions %d came again as they were and %d as more was known",
		kills, k.early, k.stopped, l.client.taken.Load(), l.client.refused.Load(), l.client.broken.Load(),
		len(l.sent), len(sink.runs), len(sink.events), sink.repeated, sink.replaced)
}

// killer starts the collector and ends it, over and over.
type killer struct {
	collector *collector
	rng       *rand.Rand
	starting  bool // also while it starts
	killed    *atomic.Int64
	early     int // killed before they were ready, some while they read the journal
	stopped   int // ended in good order, which loses nothing either
}

func (k *killer) once(t *testing.T) {
	t.Helper()
	began := time.Now()
	require.NoError(t, k.collector.launch())
	if k.starting && k.rng.IntN(4) == 0 {
		time.Sleep(k.between(0, 600*time.Millisecond) - time.Since(began))
		select {
		case <-k.collector.exited:
			require.NoError(t, k.collector.err, "it ended by itself")
		default:
		}
		k.early++
	} else {
		require.NoError(t, k.collector.awaitReady(t.Context()))
		time.Sleep(k.between(50*time.Millisecond, 1500*time.Millisecond))
		if k.rng.IntN(10) == 0 {
			require.NoError(t, k.collector.stop())
			k.stopped++
			return
		}
	}
	require.NoError(t, k.collector.kill())
	k.killed.Add(1)
}

func (k *killer) between(least, most time.Duration) time.Duration {
	return least + time.Duration(k.rng.Int64N(int64(most-least)))
}

// settle waits until nothing is wrong.
func settle(t *testing.T, sink *sink, faults func() []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), settleLimit)
	defer cancel()
	var last []string
	err := replay.Poll(ctx, func() (bool, error) {
		if err := sink.read(); err != nil {
			return false, err
		}
		last = faults()
		return len(last) == 0, nil
	})
	if !assert.NoError(t, err, "%d are wrong:\n%s", len(last), strings.Join(first(last), "\n")) {
		t.FailNow()
	}
}

// first is the head of a list that may be long.
func first(list []string) []string { return list[:min(20, len(list))] }

// number is what an environment variable says.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}
