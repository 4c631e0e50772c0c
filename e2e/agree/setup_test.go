//go:build agree

package agree

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/e2e/internal/peer"
	"github.com/runrollup/runrollupprocessor/e2e/internal/prometheus"
	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

const (
	repository   = "../.."
	engines      = "../sql/engines"
	scaleBinary  = repository + "/bin/otelcol-runrollup-scale" // it has the exporter clickhouse
	serverBinary = repository + "/bin/prometheus"
)

// Bounds on waiting, far above what is due on a slow machine.
const (
	waitLimit = 3 * time.Minute
	stopLimit = time.Minute
)

func TestMain(m *testing.M) {
	subject.Main(m, "make e2e-agree", scaleBinary, serverBinary, engines+"/node_modules")
}

// collector is a running collector and where to read what it tells.
type collector struct {
	*replay.Collector
	out          string // folder of its files
	scraped, own string // URLs of metrics: of runs, of itself
	job          string // in Prometheus
}

func (c *collector) file(name string) string { return filepath.Join(c.out, name+".jsonl") }

// startCollector starts one; env is what its configuration takes beside the
// addresses that all take.
func startCollector(t *testing.T, job, config string, env ...string) *collector {
	t.Helper()
	exporter, _ := subject.Address(t)
	own, port := subject.Address(t)
	c := &collector{out: t.TempDir(), scraped: "http://" + exporter + "/metrics", own: "http://" + own + "/metrics", job: job}
	env = append(env, "AGREE_OUT="+c.out, "AGREE_PROMETHEUS="+exporter, "AGREE_OWN_PORT="+port)
	c.Collector = subject.Start(t, scaleBinary, config, env...)
	return c
}

func (c *collector) stop(t *testing.T) {
	t.Helper()
	subject.Stop(t, c.Collector, stopLimit)
}

// ownMetric is the sum of one of the collector's own metrics.
func (c *collector) ownMetric(t *testing.T, name string) float64 {
	t.Helper()
	m, err := peer.Scrape(t.Context(), c.own)
	require.NoError(t, err)
	return m.Values[name]
}

// startPrometheus starts a server that scrapes collectors, each as a job.
func startPrometheus(t *testing.T, collectors ...*collector) *prometheus.Server {
	t.Helper()
	dir := t.TempDir()
	config := "global: { scrape_interval: 1s, scrape_timeout: 1s }\nscrape_configs:\n"
	for _, c := range collectors {
		config += fmt.Sprintf("  - { job_name: %s, static_configs: [{ targets: [%q] }] }\n", c.job, c.scraped[len("http://"):len(c.scraped)-len("/metrics")])
	}
	path := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	server, err := prometheus.Start(t.Context(), serverBinary, path, filepath.Join(dir, "data"))
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
		defer cancel()
		assert.NoError(t, server.Stop(ctx))
	})
	return server
}

// mood decides what a downstream does with its requests: from the first that
// brings summaries it refuses everything, until it has refused so many that
// bring some; after that, something happens to every so many that do.
type mood struct {
	refuses, every int
	then           peer.Conduct

	mu                        sync.Mutex // guards everything declared below
	refused, taken, disturbed int        // requests that bring summaries
}

func (m *mood) conduct(r *peer.Request) peer.Conduct {
	m.mu.Lock()
	defer m.mu.Unlock()
	brings := len(r.Summaries) > 0
	switch {
	case m.refused < m.refuses && (brings || m.refused > 0):
		if brings {
			m.refused++
		}
		return peer.Refuse
	case !brings:
		return peer.Accept
	}
	m.taken++
	if m.taken%m.every == 0 {
		m.disturbed++
		return m.then
	}
	return peer.Accept
}

// counts are how many requests with summaries were refused at first, and to how
// many something happened later.
func (m *mood) counts() (refused, disturbed int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.refused, m.disturbed
}

// startDownstream starts one of a mood.
func startDownstream(t *testing.T, m *mood, take func(*peer.Request)) *peer.Downstream {
	t.Helper()
	d, err := peer.NewDownstream(m.conduct, take)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	return d
}

// client sends as OTLP clients do.
func client(endpoint string) *peer.Client {
	return &peer.Client{Endpoint: endpoint, HTTP: &http.Client{Timeout: 30 * time.Second}}
}

// await polls until nothing differs any more.
func await(t *testing.T, what string, differs func() (string, error)) {
	t.Helper()
	subject.Await(t, waitLimit, what, differs)
}
