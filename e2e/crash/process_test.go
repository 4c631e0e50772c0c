package crash

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/e2e/internal/peer"
	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// binary is the collector under test.
var binary = subject.Binary(filepath.Join("..", "..", "bin", "otelcol-runrollup"))

func TestMain(m *testing.M) { subject.Main(m, "make build", binary) }

// Bounds on waiting, far above what is due on a slow machine.
const (
	readyLimit  = 30 * time.Second
	settleLimit = 2 * time.Minute
	stopLimit   = 30 * time.Second
)

// collector is one that is started again and again, at the same address and
// with the same storage. [replay.Start] would wait until it is ready, and some
// moments to be killed at are before that.
type collector struct {
	address, metrics string // host:port
	dir              string // of the storage
	env              []string
	configs          []string            // files, each laid over those before
	args             []string            // further arguments
	user             *syscall.Credential // nil for that of the test

	cmd    *exec.Cmd
	exited chan struct{} // closed once err is set
	err    error         // of the process
	log    replay.Tail   // of all processes
}

func newCollector(t *testing.T, downstream string, env ...string) *collector {
	t.Helper()
	address, _ := subject.Address(t)
	metrics, port := subject.Address(t)
	c := &collector{address: address, metrics: metrics, dir: t.TempDir(), configs: queueless}
	c.env = append([]string{
		replay.HTTPVar + "=" + c.address, "CRASH_METRICS_PORT=" + port,
		"CRASH_DOWNSTREAM=" + downstream, "CRASH_STORAGE=" + c.dir,
		replay.GRPCVar + "=127.0.0.1:0", "RUNROLLUP_DOWNSTREAM=" + downstream, "RUNROLLUP_STATE=" + c.dir, // of the example
	}, env...)
	t.Cleanup(func() {
		if c.cmd != nil {
			_ = c.kill() // of no effect on one that was stopped
		}
		if t.Failed() {
			t.Logf("the collector wrote:\n%s", c.log.String())
		}
	})
	return c
}

// launch starts the process, and does not wait until it is ready.
func (c *collector) launch() error {
	var args []string
	for _, config := range c.configs {
		args = append(args, "--config", config)
	}
	args = append(args, c.args...)
	cmd, exited := exec.Command(binary, args...), make(chan struct{})
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdout, cmd.Stderr = &c.log, &c.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.user}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start collector: %w", err)
	}
	c.cmd, c.exited = cmd, exited
	go func() {
		c.err = cmd.Wait()
		close(exited)
	}()
	return nil
}

// Layouts in which nothing is lost from end to end: without a queue before the
// next component, and with one on disk, as the documentation shows it.
var (
	queueless = []string{filepath.Join("testdata", "collector.yaml")}
	durable   = []string{filepath.Join("..", "..", "examples", "durable", "collector.yaml"), filepath.Join("testdata", "short.yaml")}
)

var errEnded = errors.New("the collector has ended")

// awaitReady waits until the collector takes OTLP, or has ended.
func (c *collector) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	return replay.Poll(ctx, func() (bool, error) {
		select {
		case <-c.exited:
			return false, fmt.Errorf("%w: %w", errEnded, c.err)
		default:
		}
		if conn, err := net.DialTimeout("tcp", c.address, time.Second); err == nil {
			return true, conn.Close()
		}
		return false, nil
	})
}

// start launches the collector and waits until it takes OTLP.
func (c *collector) start(t *testing.T) {
	t.Helper()
	require.NoError(t, c.launch())
	require.NoError(t, c.awaitReady(t.Context()))
}

// kill ends the process as a crash would, and waits until it is gone.
func (c *collector) kill() error {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill collector: %w", err)
	}
	<-c.exited
	return nil
}

// stop ends the process in good order.
func (c *collector) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop collector: %w", err)
	}
	select {
	case <-c.exited:
	case <-time.After(stopLimit):
		_ = c.cmd.Process.Signal(syscall.SIGQUIT) // it writes where it hangs
		time.Sleep(time.Second)
		_ = c.kill()
		return errors.New("stop collector: it does not end")
	}
	if c.err != nil {
		return fmt.Errorf("stop collector: %w", c.err)
	}
	return nil
}

// own is the value of one of the processor's own metrics.
func (c *collector) own(ctx context.Context, name string) (float64, error) {
	m, err := peer.Scrape(ctx, "http://"+c.metrics+"/metrics")
	return m.Values[peer.Own+name], err
}

// client sends to the collector.
func (c *collector) client() *client {
	return &client{Client: peer.Client{Endpoint: "http://" + c.address, HTTP: &http.Client{Timeout: 5 * time.Second}}}
}
