package replay

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
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
	overGRPC, err := FreeAddress()
	if err != nil {
		return nil, fmt.Errorf("start collector: %w", err)
	}
	overHTTP, err := FreeAddress()
	if err != nil {
		return nil, fmt.Errorf("start collector: %w", err)
	}
	c := &Collector{
		Sender: Sender{Endpoint: "http://" + overHTTP, HTTP: &http.Client{Timeout: startTimeout}},
		GRPC:   overGRPC,
	}
	cmd := exec.Command(binary, "--config", config)
	cmd.Env = append(os.Environ(), GRPCVar+"="+overGRPC, HTTPVar+"="+overHTTP)
	cmd.Env = append(cmd.Env, env...)
	c.Process, err = StartProcess(ctx, "collector", cmd, func(ctx context.Context) bool {
		return c.Post(ctx, []byte(`{"resourceSpans":[]}`)) == nil
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}
