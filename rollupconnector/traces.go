package rollupconnector

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// stateless is what the connectors to traces and to logs have in common: they
// hold nothing, so a refusal goes back to whoever sent the summaries, and he
// sends them again.
type stateless struct{ metrics *telemetry }

func (s *stateless) Start(ctx context.Context, _ component.Host) error {
	s.metrics.begin(ctx)
	return nil
}

func (s *stateless) Shutdown(context.Context) error {
	s.metrics.builder.Shutdown()
	return nil
}

// Capabilities: a batch is copied from, never changed.
func (*stateless) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// toTraces passes on the summaries alone.
type toTraces struct {
	stateless
	next consumer.Traces
}

func (c *toTraces) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	alone := ptrace.NewTraces()
	var to ptrace.ResourceSpans
	var t tally
	for s := range scopes(td) {
		if s.first {
			to = alone.ResourceSpans().AppendEmpty()
			s.of.Resource().CopyTo(to.Resource())
			to.SetSchemaUrl(s.of.SchemaUrl())
		}
		ss := to.ScopeSpans().AppendEmpty()
		s.spans.Scope().CopyTo(ss.Scope())
		ss.SetSchemaUrl(s.spans.SchemaUrl())
		for span := range s.summaries() {
			span.CopyTo(ss.Spans().AppendEmpty())
			t.add(span)
		}
	}
	if alone.ResourceSpans().Len() == 0 {
		return nil
	}
	if err := c.next.ConsumeTraces(ctx, alone); err != nil {
		return err
	}
	c.metrics.passed(ctx, &t)
	return nil
}
