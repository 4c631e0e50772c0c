package runrollupprocessor

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/runrollup/runrollupprocessor/internal/engine"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// rollupProcessor is the component: what comes in goes to the engine and on,
// what the engine sums up follows.
type rollupProcessor struct {
	engine  *engine.Engine
	next    consumer.Traces
	spans   spanWriter
	metrics *telemetry
	logger  *zap.Logger
}

func newProcessor(set processor.Settings, c *Config, next consumer.Traces) (*rollupProcessor, error) {
	card, err := ratecard.Embedded()
	if err != nil {
		return nil, fmt.Errorf("embedded rate card: %w", err)
	}
	p := &rollupProcessor{
		next:   next,
		spans:  newSpanWriter(set.Resource, c),
		logger: set.Logger,
	}
	config := c.engine()
	config.Extract.Card = card
	p.engine = engine.New(config, p.emit)
	p.metrics, err = newTelemetry(set.TelemetrySettings, p.engine, c.Limits)
	return p, err
}

// observe takes in a batch, which then passes on unchanged: the span's way
// through the pipeline never waits for its run, nor fails by it.
func (p *rollupProcessor) observe(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	p.metrics.observed(ctx, p.engine.Observe(td, time.Now()))
	return td, nil
}

// emit sends a batch of summaries down the pipeline.
func (p *rollupProcessor) emit(ctx context.Context, summaries []run.Summary) error {
	err := p.next.ConsumeTraces(ctx, p.spans.traces(summaries))
	switch {
	case err == nil:
		p.metrics.emitted(ctx, summaries)
	case consumererror.IsPermanent(err):
		p.logger.Error("The next component rejected run summaries for good; they are lost.",
			zap.Int("summaries", len(summaries)), zap.String("first_run_id", summaries[0].RunID), zap.Error(err))
	default:
		p.logger.Warn("The next component refused run summaries for now; they are sent again.",
			zap.Int("summaries", len(summaries)), zap.Error(err))
	}
	return err
}

func (p *rollupProcessor) start(context.Context, component.Host) error {
	p.engine.Start()
	return nil
}

func (p *rollupProcessor) shutdown(ctx context.Context) error {
	err := p.engine.Shutdown(ctx)
	p.metrics.shutdown()
	return err
}
