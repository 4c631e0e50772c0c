// Package prometheus runs a Prometheus beside a collector under test, and asks
// it what it has.
package prometheus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/runrollup/runrollupprocessor/e2e/internal/peer"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// Bounds on a start, far above what is due on a slow machine.
const (
	startTimeout = 60 * time.Second
	startTries   = 3
)

// Server is a running Prometheus.
type Server struct {
	API // of it

	cmd    *exec.Cmd
	log    lockedBuffer
	exited chan struct{} // closed once err is set
	err    error         // of the process
}

// Start runs a Prometheus that listens on a free port of the loopback interface
// and keeps its data in the folder data, with the flags that the examples ask
// for, and waits until it answers.
func Start(ctx context.Context, binary, config, data string) (*Server, error) {
	for try := 1; ; try++ {
		s, err := start(ctx, binary, config, data)
		// A port that was free a moment ago can be taken by another process.
		if err != nil && try < startTries && strings.Contains(err.Error(), "address already in use") {
			continue
		}
		return s, err
	}
}

func start(ctx context.Context, binary, config, data string) (*Server, error) {
	address, err := peer.FreeAddress()
	if err != nil {
		return nil, fmt.Errorf("start prometheus: %w", err)
	}
	s := &Server{
		API: API{URL: "http://" + address, HTTP: &http.Client{Timeout: startTimeout}},
		cmd: exec.Command(binary, "--config.file="+config, "--storage.tsdb.path="+data, "--web.listen-address="+address,
			"--enable-feature=exemplar-storage", "--web.enable-otlp-receiver", "--log.level=warn"),
		exited: make(chan struct{}),
	}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start prometheus: %w", err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	if err := s.awaitReady(ctx); err != nil {
		_ = s.Kill()
		return nil, fmt.Errorf("start prometheus: %w; it wrote:\n%s", err, s.Log())
	}
	return s, nil
}

var errExited = errors.New("the process is gone")

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return replay.Poll(ctx, func() (bool, error) {
		select {
		case <-s.exited:
			return false, fmt.Errorf("it ended at once: %w", errors.Join(s.err, errExited))
		default:
		}
		return s.Ready(ctx), nil
	})
}

// Stop asks the server to end and waits until it has. It is killed where it
// does not end before the context does.
func (s *Server) Stop(ctx context.Context) error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop prometheus: %w", err)
	}
	select {
	case <-s.exited:
	case <-ctx.Done():
		_ = s.Kill()
		return fmt.Errorf("stop prometheus: %w; it wrote:\n%s", ctx.Err(), s.Log())
	}
	if s.err != nil {
		return fmt.Errorf("stop prometheus: %w; it wrote:\n%s", s.err, s.Log())
	}
	return nil
}

// Kill ends the server at once, and waits until it is gone.
func (s *Server) Kill() error {
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill prometheus: %w", err)
	}
	<-s.exited
	return nil
}

// Log is what the server wrote.
func (s *Server) Log() string { return s.log.String() }

// lockedBuffer is written by the process and read by the test.
type lockedBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
