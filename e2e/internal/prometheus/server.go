// Package prometheus runs a Prometheus beside a collector under test, and asks
// it what it has.
package prometheus

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// clientTimeout bounds a request, far above what is due on a slow machine.
const clientTimeout = 60 * time.Second

// Server is a running Prometheus.
type Server struct {
	*replay.Process
	API // of it
}

// Start runs a Prometheus that listens on a free port of the loopback interface
// and keeps its data in the folder data, with the flags that the examples ask
// for, and waits until it answers.
func Start(ctx context.Context, binary, config, data string) (*Server, error) {
	return replay.OnFreePort(func() (*Server, error) { return start(ctx, binary, config, data) })
}

func start(ctx context.Context, binary, config, data string) (*Server, error) {
	address, err := replay.FreeAddress()
	if err != nil {
		return nil, fmt.Errorf("start prometheus: %w", err)
	}
	s := &Server{API: API{URL: "http://" + address, HTTP: &http.Client{Timeout: clientTimeout}}}
	cmd := exec.Command(binary, "--config.file="+config, "--storage.tsdb.path="+data, "--web.listen-address="+address,
		"--enable-feature=exemplar-storage", "--web.enable-otlp-receiver", "--log.level=warn")
	if s.Process, err = replay.StartProcess(ctx, "prometheus", cmd, s.Ready); err != nil {
		return nil, err
	}
	return s, nil
}
