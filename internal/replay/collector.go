package replay

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
)

// Environment variables by which a configuration for [Start] takes its ports.
const (
	GRPCVar = "RUNROLLUP_OTLP_GRPC"
	HTTPVar = "RUNROLLUP_OTLP_HTTP"
)

// Collector is a running collector process.
type Collector struct {
	*Process
	Sender        // posts to it
	GRPC   string // where it takes OTLP over gRPC, as host:port
}

// Start runs a collector and waits until it takes OTLP over HTTP. Its
// configuration takes its endpoints from [GRPCVar] and [HTTPVar], which Start
// sets to free ports of the loopback interface; env is further environment, as
// KEY=value.
func Start(ctx context.Context, binary, config string, env ...string) (*Collector, error) {
	return OnFreePort(func() (*Collector, error) { return start(ctx, binary, config, env) })
}

func start(ctx context.Context, binary, config string, env []string) (*Collector, error) {
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, fmt.Errorf("start collector: %w", err)
	}
	c := &Collector{
		Sender: Sender{Endpoint: "http://" + addresses[1], HTTP: &http.Client{Timeout: startTimeout}},
		GRPC:   addresses[0],
	}
	cmd := exec.Command(binary, "--config", config)
	cmd.Env = append(os.Environ(), GRPCVar+"="+addresses[0], HTTPVar+"="+addresses[1])
	cmd.Env = append(cmd.Env, env...)
	c.Process, err = StartProcess(ctx, "collector", cmd, func(ctx context.Context) bool {
		return c.Post(ctx, []byte(`{"resourceSpans":[]}`)) == nil
	})
	if err != nil {
		return nil, err
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
