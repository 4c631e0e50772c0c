package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bounds on a start, far above what is due on a slow machine, and on the pauses
// between two looks.
const (
	startTimeout = 60 * time.Second
	startTries   = 3
	pollFirst    = 5 * time.Millisecond
	pollLongest  = 200 * time.Millisecond
)

// Process is a server that was started.
type Process struct {
	what   string // as errors name it
	cmd    *exec.Cmd
	log    Tail
	exited chan struct{} // closed once err is set
	err    error         // of the process
}

// StartProcess starts a server and waits until it is ready.
func StartProcess(ctx context.Context, what string, cmd *exec.Cmd, ready func(context.Context) bool) (*Process, error) {
	p := &Process{what: what, cmd: cmd, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", what, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	if err := p.await(ctx, ready); err != nil {
		_ = p.Kill()
		return nil, fmt.Errorf("start %s: %w; it wrote:\n%s", what, err, p.Log())
	}
	return p, nil
}

// State is what the system says of a process that has ended, such as the CPU
// time that it took; nil before that.
func (p *Process) State() *os.ProcessState {
	select {
	case <-p.exited:
		return p.cmd.ProcessState
	default:
		return nil
	}
}

// OnFreePort starts something again where a port that was free a moment ago
// has been taken by another process.
func OnFreePort[T any](start func() (T, error)) (T, error) {
	for try := 1; ; try++ {
		server, err := start()
		if err == nil || try == startTries || !strings.Contains(err.Error(), "address already in use") {
			return server, err
		}
	}
}

var errExited = errors.New("the process is gone")

func (p *Process) await(ctx context.Context, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return Poll(ctx, func() (bool, error) {
		select {
		case <-p.exited:
			return false, fmt.Errorf("it ended at once: %w", errors.Join(p.err, errExited))
		default:
		}
		return ready(ctx), nil
	})
}

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

// Stop asks the server to end and waits until it has. It is killed where it
// does not end before the context does.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.what, err)
	}
	select {
	case <-p.exited:
	case <-ctx.Done():
		_ = p.Kill()
		return fmt.Errorf("stop %s: %w; it wrote:\n%s", p.what, ctx.Err(), p.Log())
	}
	if p.err != nil {
		return fmt.Errorf("stop %s: %w; it wrote:\n%s", p.what, p.err, p.Log())
	}
	return nil
}

// Kill ends the server as a crash would, and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.what, err)
	}
	<-p.exited
	return nil
}

// Log is the end of what the server wrote.
func (p *Process) Log() string { return p.log.String() }

// tailLimit is how much of a server's log is kept: what led to an error
// stands at its end.
const tailLimit = 64 << 10

// Tail keeps the end of what is written to it. It is safe for concurrent use.
type Tail struct {
	mu  sync.Mutex // guards buf
	buf []byte
}

func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailLimit; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
