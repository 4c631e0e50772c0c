package replay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Environment variables by which a configuration for [Start] takes its ports.
const (
	GRPCVar = "RUNROLLUP_OTLP_GRPC"
	HTTPVar = "RUNROLLUP_OTLP_HTTP"
)

// Bounds on a collector's start. A cold start on a busy machine takes seconds.
const (
	startTimeout = 30 * time.Second
	startTries   = 3
	pollFirst    = 5 * time.Millisecond
	pollLongest  = 200 * time.Millisecond
)

// Collector is a running collector process.
type Collector struct {
	Sender        // posts to it
	GRPC   string // where it takes OTLP over gRPC, as host:port

	cmd    *exec.Cmd
	stderr tail
	exited chan struct{} // closed once err is set
	err    error         // of the process
}

// Start runs a collector and waits until it takes OTLP over HTTP. Its
// configuration takes its endpoints from [GRPCVar] and [HTTPVar], which Start
// sets to free ports of the loopback interface; env is further environment, as
// KEY=value.
func Start(ctx context.Context, binary, config string, env ...string) (*Collector, error) {
	for try := 1; ; try++ {
		c, err := start(ctx, binary, config, env)
		// A port that was free a moment ago can be taken by another process.
		if err != nil && try < startTries && strings.Contains(err.Error(), "address already in use") {
			continue
		}
		return c, err
	}
}

func start(ctx context.Context, binary, config string, env []string) (*Collector, error) {
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, fmt.Errorf("start collector: %w", err)
	}
	c := &Collector{
		Sender: Sender{Endpoint: "http://" + addresses[1], HTTP: &http.Client{Timeout: startTimeout}},
		GRPC:   addresses[0],
		cmd:    exec.Command(binary, "--config", config),
		exited: make(chan struct{}),
	}
	c.cmd.Env = append(os.Environ(), GRPCVar+"="+addresses[0], HTTPVar+"="+addresses[1])
	c.cmd.Env = append(c.cmd.Env, env...)
	c.cmd.Stdout, c.cmd.Stderr = &c.stderr, &c.stderr
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start collector: %w", err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.exited)
	}()
	if err := c.awaitReady(ctx); err != nil {
		_ = c.Kill()
		return nil, fmt.Errorf("start collector: %w; it wrote:\n%s", err, c.stderr.String())
	}
	return c, nil
}

// given are the addresses that this process has given out. None is given
// twice: of two collectors that start at once, one would be asked in place of
// the other.
var given = struct {
	mu        sync.Mutex // guards addresses
	addresses map[string]bool
}{addresses: map[string]bool{}}

// freeAddresses are n addresses of the loopback interface that nothing listens on.
func freeAddresses(n int) ([]string, error) {
	given.mu.Lock()
	defer given.mu.Unlock()
	var addresses []string
	for len(addresses) < n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		if a := l.Addr().String(); !given.addresses[a] {
			given.addresses[a] = true
			addresses = append(addresses, a)
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	return addresses, nil
}

// awaitReady posts an empty request until one is taken.
func (c *Collector) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return Poll(ctx, func() (bool, error) {
		select {
		case <-c.exited:
			return false, fmt.Errorf("it ended at once: %w", errors.Join(c.err, errExited))
		default:
		}
		return c.Post(ctx, []byte(`{"resourceSpans":[]}`)) == nil, nil
	})
}

var errExited = errors.New("the process is gone")

// Poll asks again and again, with doubling pauses up to a fifth of a second,
// until done says true or an error, or the context ends.
func Poll(ctx context.Context, done func() (bool, error)) error {
	for wait := pollFirst; ; wait = min(2*wait, pollLongest) {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// Stop asks the collector to end and waits until it has. It is killed where it
// does not end before the context does.
func (c *Collector) Stop(ctx context.Context) error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop collector: %w", err)
	}
	select {
	case <-c.exited:
	case <-ctx.Done():
		_ = c.Kill()
		return fmt.Errorf("stop collector: %w; it wrote:\n%s", ctx.Err(), c.stderr.String())
	}
	if c.err != nil {
		return fmt.Errorf("stop collector: %w; it wrote:\n%s", c.err, c.stderr.String())
	}
	return nil
}

// Kill ends the collector as a crash would, and waits until it is gone.
func (c *Collector) Kill() error {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill collector: %w", err)
	}
	<-c.exited
	return nil
}

// Log is the end of what the collector wrote.
func (c *Collector) Log() string { return c.stderr.String() }

// tailLimit is how much of a collector's log is kept: what led to an error
// stands at its end.
const tailLimit = 64 << 10

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex // guards buf
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailLimit; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
