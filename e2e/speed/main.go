// Command speed says what the built collector takes in CPU and how many spans a
// second one sender gets into it: with its receiver alone, with run_rollup, and
// with storage. It judges nothing, since machines differ: it is for holding one
// build against another, in turn on one machine.
//
//	speed [-n ROUNDS] COLLECTOR ...
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/e2e/internal/peer"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// The load: requests of runs of ten spans, three of them calls to a model, each
// run an event of its own.
const (
	requests   = 1200
	runs       = 50 // in a request
	spansOfRun = 10
)

// settle is how long the collector is given to tell of all runs and events. It
// is longer than all windows below.
const settle = 6 * time.Second

const config = `
receivers: { otlp: { protocols: { http: { endpoint: "${env:RUNROLLUP_OTLP_HTTP}" }, grpc: { endpoint: "${env:RUNROLLUP_OTLP_GRPC}" } } } }
extensions: { file_storage: { directory: "${env:SPEED_STATE}" } }
processors:
  run_rollup:
    quiet_period: 1s
    late_window: 2s
    events: { quiet_period: 1s, retain: 2s }
    storage: %s
exporters: { nop: {} }
service:
  extensions: [file_storage]
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines: { traces: { receivers: [otlp], processors: [%s], exporters: [nop] } }
`

var setups = []struct{ name, storage, processors string }{
	{"receiver alone", "", ""},
	{"run_rollup", "", "run_rollup"},
	{"with storage", "file_storage", "run_rollup"},
}

func main() {
	rounds := flag.Int("n", 3, "how many `rounds`, in each of which all collectors have their turn")
	flag.Parse()
	for range *rounds {
		for _, s := range setups {
			for _, binary := range flag.Args() {
				line, err := measure(binary, fmt.Sprintf(config, s.storage, s.processors))
				if err != nil {
					fmt.Fprintln(os.Stderr, "speed:", err)
					os.Exit(1)
				}
				fmt.Printf("%-14s  %s  %s\n", s.name, line, binary)
			}
		}
	}
}

func measure(binary, config string) (string, error) {
	dir, err := os.MkdirTemp("", "speed")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "collector.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return "", err
	}
	ctx := context.Background()
	c, err := replay.Start(ctx, binary, file, "SPEED_STATE="+dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Kill() }() // of no effect once it has stopped
	sender := peer.Client{Endpoint: c.Endpoint, HTTP: http.DefaultClient}
	began := time.Now()
	for n := range requests {
		if _, err := sender.Deliver(ctx, request(n), nil); err != nil {
			return "", err
		}
	}
	took := time.Since(began)
	time.Sleep(settle)
	if err := c.Stop(ctx); err != nil {
		return "", err
	}
	const spans = requests * runs * spansOfRun
	state := c.State()
	cpu := state.UserTime() + state.SystemTime()
	memory := int64(0)
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		memory = usage.Maxrss >> 10 // KiB on Linux
	}
	return fmt.Sprintf("%5.2f us CPU a span, %6.0f spans a second, %4d MiB", float64(cpu.Nanoseconds())/1e3/spans, spans/took.Seconds(), memory), nil
}

func request(n int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "agent")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("opentelemetry.instrumentation.openai_v2")
	now := time.Now()
	for r := range runs {
		id := fmt.Sprintf("run-%d-%d", n, r)
		for s := range spansOfRun {
			span := ss.Spans().AppendEmpty()
			span.SetTraceID(pcommon.TraceID{1, byte(n >> 8), byte(n), byte(r)})
			span.SetSpanID(pcommon.SpanID{1, byte(s)})
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second)))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
			a := span.Attributes()
			a.PutStr("botanu.run_id", id)
			a.PutStr("botanu.event_id", "of "+id)
			a.PutStr("botanu.customer_id", "acme")
			switch {
			case s == 0:
				span.SetName("botanu.run/refund")
				a.PutStr("botanu.workflow", "refund")
				a.PutStr("botanu.outcome.status", "success")
				continue
			case s%3 == 1:
				span.SetName("chat gpt-4o")
				a.PutStr("gen_ai.operation.name", "chat")
				a.PutStr("gen_ai.provider.name", "openai")
				a.PutStr("gen_ai.request.model", "gpt-4o")
				a.PutInt("gen_ai.usage.input_tokens", int64(100+s))
				a.PutInt("gen_ai.usage.output_tokens", 50)
			default:
				span.SetName("step")
				a.PutStr("http.request.method", "GET")
			}
			span.SetParentSpanID(pcommon.SpanID{1})
		}
	}
	return td
}
