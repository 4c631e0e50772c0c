package runrollupprocessor

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"

	"github.com/runrollup/runrollupprocessor/internal/engine"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// rollupProcessor is the component: what comes in goes to the engine and on,
// what the engine sums up follows.
type rollupProcessor struct {
	engine  *engine.Engine
	card    *cardFile
	next    consumer.Traces
	spans   spanWriter
	tenants tenantKeys
	page    *runsPage
	keeper  keeper
	metrics *telemetry
	logger  *zap.Logger

	place   place
	started bool
}

func newProcessor(set processor.Settings, c *Config, next consumer.Traces) (*rollupProcessor, error) {
	card, err := openCard(c.Cost.RateCard, set.Logger)
	if err != nil {
		return nil, err
	}
	p := &rollupProcessor{
		card:    card,
		place:   place{id: set.ID},
		next:    next,
		spans:   newSpanWriter(set.Resource, c),
		tenants: c.MetadataKeys,
		logger:  set.Logger,
	}
	if v, ok := set.Resource.Attributes().Get("service.instance.id"); ok {
		p.place.collector = v.AsString()
	}
	config := c.engine()
	config.Extract.Card = card.inForce.Load()
	p.engine = engine.New(config, p.emit, func(ctx context.Context, t engine.Tally) { p.metrics.observed(ctx, t) })
	p.keeper = keeper{id: c.Storage, refuse: c.StorageFailure == storageRefuse, owner: set.ID, logger: set.Logger}
	p.page = newRunsPage(c, set.ID, p.engine, set.Logger)
	p.metrics, err = newTelemetry(set, p.engine, card, c)
	return p, err
}

// observe takes in a batch, which then passes on unchanged: the span's way
// through the pipeline never waits for its run, nor fails by it. With storage it
// waits until what it changed is written down, and may be refused for it.
func (p *rollupProcessor) observe(ctx context.Context, td ptrace.Traces) (ptrace.Traces, error) {
	now := time.Now()
	tally, err := p.engine.Accept(ctx, td, p.tenants.of(ctx), now)
	p.metrics.observed(ctx, tally)
	p.metrics.took(ctx, time.Since(now))
	return td, err
}

// emit sends as many of the summaries of one tenant down the pipeline as go
// into one batch, and says how many these are.
func (p *rollupProcessor) emit(ctx context.Context, metadata [][]string, summaries []engine.Summary) (int, error) {
	td, n := p.spans.traces(summaries)
	summaries = summaries[:n]
	err := p.next.ConsumeTraces(withTenant(ctx, metadata), td)
	switch {
	case err == nil:
		p.metrics.emitted(ctx, summaries)
	case consumererror.IsPermanent(err) && n > 1: // smaller batches are tried
	case consumererror.IsPermanent(err):
		p.logger.Error("The next component rejected a summary for good; it is lost.", append(named(summaries[0]), zap.Error(err))...)
	default:
		p.logger.Warn("The next component refused summaries for now; they are sent again.",
			zap.Int("summaries", len(summaries)), zap.Error(err))
	}
	return n, err
}

func (p *rollupProcessor) start(ctx context.Context, host component.Host) error {
	if err := p.place.take(); err != nil {
		return err
	}
	p.started = true
	if err := p.keeper.open(ctx, host, p.engine); err != nil {
		return err
	}
	if err := p.page.start(ctx); err != nil {
		return err
	}
	p.metrics.begin(ctx)
	p.engine.Start()
	p.card.watch(p.engine.UseCard)
	card := p.card.inForce.Load()
	p.logger.Info("Calls are priced by this rate card.", zap.String("rate_card", card.Ref()), zap.Time("embedded_prices_of", card.Dated()))
	return nil
}

func (p *rollupProcessor) shutdown(ctx context.Context) error {
	if p.started {
		p.started = false
		defer p.place.giveBack()
	}
	p.page.close()
	p.card.close()
	err := errors.Join(p.engine.Shutdown(ctx), p.keeper.close(ctx))
	p.metrics.shutdown()
	return err
}

// named says whose summary it is.
func named(s engine.Summary) []zap.Field {
	if s.Run != nil {
		return []zap.Field{zap.String("run_id", s.Run.RunID)}
	}
	return []zap.Field{zap.String("event_id", s.Event.Identity[run.Event])}
}
