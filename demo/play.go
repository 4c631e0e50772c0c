package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// setups are the recordings that the demo plays: four libraries that write
// usage in four ways.
var setups = []struct{ folder, library string }{
	{"anthropic-native", "Anthropic SDK, its own tracing"},
	{"otel-openai", "OpenAI SDK, OpenTelemetry instrumentation"},
	{"openinference", "OpenAI and Anthropic SDKs, OpenInference"},
	{"vercel-ai-v7", "Vercel AI SDK 7"},
}

// renamed is the setup whose support tickets are played as orders. No recorded
// application fulfills orders, and the documentation's first statement asks
// for those.
const renamed = "anthropic-native"

var renames = map[string]string{
	"support_ticket":   "fulfill-order",
	"tickets_resolved": "orders_fulfilled",
}

// Bounds on waiting. The longest wait that is due is the idle timeout of the
// quickstart, 10 s, for the runs that their process abandoned.
const (
	summaryTimeout = time.Minute
	stopTimeout    = 20 * time.Second
)

// collect plays the recordings into a collector and returns what it wrote:
// spans and summaries.
func (o *options) collect(ctx context.Context) (_ []ptrace.Traces, err error) {
	if _, err := os.Stat(o.collector); err != nil {
		return nil, fmt.Errorf("%w; `make build` makes the collector", err)
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return nil, err
	}
	written, err := filepath.Abs(filepath.Join(o.out, "spans.jsonl"))
	if err != nil {
		return nil, err
	}
	if err := os.Remove(written); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	collector, err := replay.Start(ctx, o.collector, o.config, "RUNROLLUP_OUT="+written)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = collector.Kill()
		}
	}()
	fmt.Printf("Collector started with %s, listening on %s\n\n", o.config, collector.Endpoint)
	runs, err := o.play(ctx, collector)
	if err != nil {
		return nil, err
	}
	if err := awaitSummaries(ctx, written, runs); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := collector.Stop(ctx); err != nil {
		return nil, err
	}
	return replay.ReadFile(written)
}

// play posts all recordings and returns the runs that they hold.
func (o *options) play(ctx context.Context, collector *replay.Collector) (map[string]bool, error) {
	fmt.Println("Playing recorded traces of real applications, moved to now:")
	runs := map[string]bool{}
	for _, setup := range setups {
		capture, err := replay.Load(filepath.Join(o.captures, setup.folder))
		if err != nil {
			return nil, err
		}
		capture.ShiftTo(time.Now())
		note := ""
		if setup.folder == renamed {
			rename(capture)
			note = " *"
		}
		for _, request := range capture.Requests {
			if err := collector.Send(ctx, request); err != nil {
				return nil, err
			}
		}
		ids := capture.RunIDs()
		for _, id := range ids {
			runs[id] = true
		}
		fmt.Printf("  %-42s %3d runs  %3d spans%s\n", setup.library, len(ids), capture.SpanCount(), note)
	}
	fmt.Printf(`
* No recorded application fulfills orders. So that the first question below has something to answer, this one's
  workflow support_ticket is played as fulfill-order, and its value tickets_resolved as orders_fulfilled.
  Nothing else is changed.

`)
	return runs, nil
}

// rename plays one workflow under another name: in span names, attributes and
// the attributes of span events.
func rename(c *replay.Capture) {
	for span := range replay.Spans(c.Requests...) {
		if workflow, ok := strings.CutPrefix(span.Name(), botanu.RunSpanPrefix); ok && renames[workflow] != "" {
			span.SetName(botanu.RunSpanPrefix + renames[workflow])
		}
		renameIn(span.Attributes())
		for _, ev := range span.Events().All() {
			renameIn(ev.Attributes())
		}
	}
}

func renameIn(a pcommon.Map) {
	for _, v := range a.All() {
		if to := renames[v.AsString()]; to != "" && v.Type() == pcommon.ValueTypeStr {
			v.SetStr(to)
		}
	}
}

// awaitSummaries waits until each run has a summary, and shows how many have.
func awaitSummaries(ctx context.Context, path string, runs map[string]bool) error {
	ctx, cancel := context.WithTimeout(ctx, summaryTimeout)
	defer cancel()
	fmt.Println("Runs summarised (quiet_period after the root span; idle_timeout where it never came):")
	began, shown := time.Now(), -1
	err := replay.Poll(ctx, func() (bool, error) {
		tds, err := replay.ReadFile(path)
		if err != nil {
			return false, err
		}
		done := map[string]bool{}
		for _, s := range replay.Summaries(tds) {
			if runs[s.RunID] {
				done[s.RunID] = true
			}
		}
		if len(done) != shown {
			shown = len(done)
			fmt.Printf("%4.0fs  %3d of %d\n", time.Since(began).Seconds(), shown, len(runs))
		}
		return shown == len(runs), nil
	})
	if err != nil {
		return fmt.Errorf("%d of %d runs summarised, then: %w", shown, len(runs), err)
	}
	return nil
}
