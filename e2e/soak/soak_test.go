package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/e2e/internal/peer"
	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// How long it goes on where SOAK does not say, and from when on memory is
// judged: before that it is still filling.
const (
	briefly    = 15 * time.Second
	judgedFrom = 2 * time.Minute
)

// settleLimit is how long after the last span everything must be told.
const settleLimit = 3 * time.Minute

func TestSoak(t *testing.T) {
	lasts, settleAfter := briefly, 8*time.Second
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		lasts, err = time.ParseDuration(text)
		require.NoError(t, err, "SOAK is a duration, such as 10m")
		settleAfter = 30 * time.Second
	}
	b := newBook(settleAfter)
	s := startSoak(t, b)
	l := &load{client: &peer.Client{Endpoint: s.collector.Endpoint, HTTP: &http.Client{Timeout: time.Minute}}, book: b}
	stop, end := context.WithTimeout(t.Context(), lasts)
	defer end()
	ctx, cancel := context.WithTimeout(t.Context(), lasts+settleLimit)
	defer cancel()
	for n := range workers {
		l.sent.Add(2)
		go l.behaved(stop, ctx, n)
		go l.hostile(stop, ctx, n)
	}
	samples := s.watch(stop, t, l, max(lasts/60, time.Second))
	l.sent.Wait()
	_, err := l.count()
	require.NoError(t, err)
	err = replay.Poll(ctx, func() (bool, error) { return b.settle(time.Now()) == 0, nil })
	assert.NoError(t, err, "every run is settled")

	last := s.sample(t, l)
	stopping, give := context.WithTimeout(t.Context(), time.Minute)
	defer give()
	require.NoError(t, s.collector.Stop(stopping))
	b.report(t)
	assert.Zero(t, last.metrics.Values[peer.Own+"summaries_rejected"])
	assert.Zero(t, last.metrics.Values[peer.Own+"summaries_pending"])
	judge(t, samples, lasts)
}

// report tells what became of the well-behaved runs.
func (b *book) report(t *testing.T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.Logf("%d well-behaved runs in %d parts, %d of them revised; %d runs were let go between two deliveries of a span",
		b.judged, b.parts, b.revised, b.twice)
	assert.Greater(t, b.judged, 100)
	assert.LessOrEqual(t, b.twice, 1+b.judged/500, "that is rare")
	assert.Zero(t, b.faults, "%s", strings.Join(b.wrong, "\n"))
}

// soak is a collector and the downstream that it sends to.
type soak struct {
	collector      *replay.Collector
	metrics, pprof string
	began          time.Time
}

func startSoak(t *testing.T, b *book) *soak {
	t.Helper()
	binary := subject.Binary(filepath.Join("..", "..", "bin", "otelcol-runrollup"))
	downstream, err := peer.NewDownstream(moody(), b.take)
	require.NoError(t, err)
	t.Cleanup(func() { _ = downstream.Close() })
	metrics, port := subject.Address(t)
	pprof, _ := subject.Address(t)
	s := &soak{metrics: "http://" + metrics + "/metrics", pprof: "http://" + pprof + "/debug/pprof/", began: time.Now()}
	s.collector = subject.Start(t, binary, filepath.Join("testdata", "collector.yaml"),
		"SOAK_DOWNSTREAM="+downstream.URL(), "SOAK_METRICS_PORT="+port, "SOAK_PPROF="+pprof)
	return s
}

// moody is a downstream that fails now and then, in every way from which a
// sender can recover.
func moody() func(*peer.Request) peer.Conduct {
	var mu sync.Mutex // guards rng
	rng := rand.New(rand.NewPCG(3, 4))
	return func(*peer.Request) peer.Conduct {
		mu.Lock()
		defer mu.Unlock()
		switch n := rng.IntN(2000); {
		case n < 40:
			return peer.Refuse
		case n < 42:
			return peer.Hang
		case n < 44:
			return peer.Late
		case n < 46:
			return peer.Cut
		}
		return peer.Accept
	}
}

// sample is what the collector says of itself.
type sample struct {
	at         time.Duration
	metrics    peer.Metrics
	goroutines int
	spans      int     // sent so far
	own        float64 // seconds of a core that this process took
}

func (s sample) rss() float64 { return s.metrics.Values["otelcol_process_memory_rss"] / (1 << 20) }

func (s *soak) sample(t *testing.T, l *load) sample {
	t.Helper()
	metrics, err := peer.Scrape(t.Context(), s.metrics)
	require.NoError(t, err, "the collector is alive")
	spans, err := l.count()
	require.NoError(t, err)
	goroutines, err := peer.Goroutines(t.Context(), s.pprof)
	require.NoError(t, err)
	var used syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	own := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	return sample{at: time.Since(s.began), metrics: metrics, goroutines: goroutines, spans: spans, own: own.Seconds()}
}

// watch takes samples until the context ends.
func (s *soak) watch(stop context.Context, t *testing.T, l *load, each time.Duration) []sample {
	t.Helper()
	ticker := time.NewTicker(each)
	defer ticker.Stop()
	var samples []sample
	defer func() { tell(t, samples) }()
	for {
		select {
		case <-stop.Done():
			return samples
		case now := <-ticker.C:
			samples = append(samples, s.sample(t, l))
			l.book.settle(now)
		}
	}
}

// tell prints the samples as a table.
func tell(t *testing.T, samples []sample) {
	var table strings.Builder
	row := "%8v %7v %7v %7v %7v %6v %6v %7v %9v %9v %8v %9v %7v %8v %7v %6v %6v\n"
	fmt.Fprintf(&table, row, "time", "RSS MiB", "heap", "state", "tenants", "open", "late", "waiting", "spans in", "folded", "evicted", "late sp.", "pending", "given up", "gorout.", "cores", "load's")
	var before sample
	for _, s := range samples {
		own := func(name string) string { return fmt.Sprintf("%.0f", s.metrics.Values[peer.Own+name]) }
		cores := (s.metrics.Values[cpu] - before.metrics.Values[cpu]) / (s.at - before.at).Seconds()
		fmt.Fprintf(&table, row, s.at.Round(time.Second), fmt.Sprintf("%.0f", s.rss()),
			fmt.Sprintf("%.0f", s.metrics.Values["otelcol_process_runtime_heap_alloc_bytes"]/(1<<20)),
			fmt.Sprintf("%.1f", s.metrics.Values[peer.Own+"state_bytes"]/(1<<20)),
			own("tenants"), own("open_runs"), own("late_runs"), own("spans_waiting"), s.spans, own("spans_folded"), own("evictions"), own("spans_late"),
			own("summaries_pending"), own("summaries_rejected"),
			s.goroutines, fmt.Sprintf("%.2f", cores), fmt.Sprintf("%.2f", (s.own-before.own)/(s.at-before.at).Seconds()))
		before = s
	}
	t.Logf("\n%s", table.String())
}

const cpu = "otelcol_process_cpu_seconds"

// limited are the metrics that state a limit beside them.
var limited = []string{"open_runs", "late_runs", "spans_waiting", "state_bytes", "tenants"}

// seriesLimit is far above what the collector's metrics are, and far below
// the tenants, models and services that it is shown.
const seriesLimit = 1000

// judge holds that no sample is over a limit, and that memory stays flat once
// it has filled.
func judge(t *testing.T, samples []sample, lasts time.Duration) {
	t.Helper()
	require.GreaterOrEqual(t, len(samples), 3)
	for _, s := range samples {
		for _, name := range limited {
			value, held := s.metrics.Values[peer.Own+name]
			limit, bounded := s.metrics.Values[peer.Own+name+"_limit"]
			if !held || !bounded || value > limit {
				assert.Fail(t, "over the limit", "%s is %v of %v at %v", name, value, limit, s.at)
			}
		}
		assert.Less(t, s.metrics.Series, seriesLimit)
	}
	if lasts < judgedFrom {
		return
	}
	for _, name := range []string{"evictions", "late_windows_cut_short", "traces_decided_early", "spans_over_limit"} {
		assert.Positive(t, samples[len(samples)-1].metrics.Values[peer.Own+name], "the limits were met: %s", name)
	}
	third := len(samples) / 3
	middle, last := samples[third:2*third], samples[2*third:]
	before, after := median(middle, sample.rss), median(last, sample.rss)
	t.Logf("median RSS: %.0f MiB in the middle third, %.0f in the last", before, after)
	assert.LessOrEqual(t, after, 1.2*before, "memory is flat")
	count := func(s sample) float64 { return float64(s.goroutines) }
	before, after = median(middle, count), median(last, count)
	t.Logf("median of goroutines: %.0f in the middle third, %.0f in the last", before, after)
	assert.LessOrEqual(t, after, before+10, "there are some for each connection")
}

func median(samples []sample, of func(sample) float64) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
