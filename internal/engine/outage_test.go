package engine

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// outage is a next component that is down for hours, with a storage: what is
// kept for it stays within the memory, whatever gives way to it, and all is told
// or counted as given up in the end, and nothing kept.
type outage struct {
	name    string
	change  func(*Config)
	traceOf func(run int) int
	eventOf func(run int) int
	killed  bool // in the middle of it
}

func (o outage) test(t *testing.T) {
	config := testConfig(t)
	withEvents(&config)
	config.Memory, config.InheritQuiet = 2<<20, time.Second
	if o.change != nil {
		o.change(&config)
	}
	const runs = 2000
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		p := startOn(t, newDisk(), config, s, false)
		s.answer(errors.New("down"))
		most, rejected, unsecured := 0, int64(0), int64(0)
		send := func(i int, span byte) {
			td := spanOf(fmt.Sprint("run-", i), span)
			sp := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
			trace := o.traceOf(i)
			sp.SetTraceID(pcommon.TraceID{9, byte(trace), byte(trace >> 8)})
			sp.SetSpanID(pcommon.SpanID{span, byte(i), byte(i >> 8), 1})
			if span != 1 {
				sp.SetParentSpanID(pcommon.SpanID{1, byte(i), byte(i >> 8), 1})
			}
			sp.Attributes().PutStr(botanu.EventID, fmt.Sprint("event-", o.eventOf(i)))
			callOn(sp)
			_, err := p.Accept(t.Context(), td, nil, time.Now())
			require.NoError(t, err)
			most = max(most, p.Gauges().Bytes)
		}
		for i := range runs {
			send(i, 1)
			if i%3 == 0 {
				send(i, 2)
			}
			if i >= 10 {
				send(i-10, 3) // after it has been summarised, and before anyone took that
			}
			if i%4 == 3 {
				after(20 * time.Second)
				p.checkOwed(t)
			}
			if o.killed && i == runs/2 {
				rejected, unsecured = p.Gauges().Rejected, p.LogStats().Unsecured
				p = startOn(t, p.kill(), config, s, false)
			}
		}
		after(time.Hour)
		most = max(most, p.Gauges().Bytes)
		assert.LessOrEqual(t, most, config.Memory+config.Memory/32, "it is about")
		p.checkOwed(t)
		unsecured += p.LogStats().Unsecured
		s.answer(nil)
		after(4 * time.Hour)
		rejected += p.Gauges().Rejected
		told := newestRuns(s.take())
		t.Logf("%d runs told, %d summaries given up, %d unsecured, at most %d bytes", len(told), rejected, unsecured, most)
		lost := int64(0)
		if o.killed {
			lost = unsecured
		}
		assert.GreaterOrEqual(t, int64(len(told))+rejected+lost, int64(runs))
		g := p.Gauges()
		assert.Zero(t, g.Pending)
		p.mu.Lock()
		assert.Equal(t, held{}, p.held)
		assert.Empty(t, p.letGo)
		assert.Empty(t, p.tenants.byKey)
		assert.Empty(t, p.evicted)
		p.mu.Unlock()
		p.outbox.mu.Lock()
		assert.Empty(t, p.outbox.unsent)
		assert.Empty(t, p.outbox.byTenant)
		p.outbox.mu.Unlock()
		send(runs, 1) // and it works as before
		after(time.Minute)
		assert.Len(t, s.take(), 1)
		p.kill()
	})
}

// checkOwed checks that what is let go is counted as it is.
func (p *process) checkOwed(t *testing.T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, g := range p.letGo {
		n += g.bytes()
		if g.run != nil {
			assert.LessOrEqual(t, g.run.size(), g.run.bytes) // its places among those that are held are not counted off
		}
		if ev := g.event; ev != nil && ev.busy == 0 && (!ev.changed || ev.owed != nil) {
			assert.Equal(t, ev.size(), ev.bytes)
		}
	}
	assert.Equal(t, n, p.held.letGoBytes)
	for el := p.tenants.byQuiet.Front(); el != nil; el = el.Next() {
		for _, kept := range el.Value.(*tenant).kept {
			assert.LessOrEqual(t, len(kept), runsPerTrace)
		}
	}
}

// callOn makes a span a call of a model.
func callOn(s ptrace.Span) {
	s.Attributes().PutStr("gen_ai.operation.name", "chat")
	s.Attributes().PutStr("gen_ai.request.model", "gpt-4o")
	s.Attributes().PutInt("gen_ai.usage.input_tokens", 100)
	s.Attributes().PutInt("gen_ai.usage.output_tokens", 10)
}

func TestOutageOfHours(t *testing.T) {
	same := func(i int) int { return i }
	for _, o := range []outage{
		{name: "runs alone"},
		{name: "no late windows", change: func(c *Config) { c.LateRuns = 0 }},
		{name: "ample memory", change: func(c *Config) { c.Memory = 256 << 20 }},
		{name: "nested runs", traceOf: func(i int) int { return i / 4 }},
		{name: "one trace for all", traceOf: func(int) int { return 0 }, change: func(c *Config) { c.Memory = 8 << 20 }},
		{name: "one trace for all in little memory", traceOf: func(int) int { return 0 }},
		{name: "events of several runs", eventOf: func(i int) int { return i / 6 }},
		{name: "few events are held", eventOf: func(i int) int { return i % 100 }, change: func(c *Config) { c.MaxEvents = 5 }},
		{name: "few open runs", change: func(c *Config) { c.OpenRuns, c.LateRuns = 5, 5 }},
	} {
		if o.traceOf == nil {
			o.traceOf = same
		}
		if o.eventOf == nil {
			o.eventOf = same
		}
		for _, killed := range []bool{false, true} {
			o.killed = killed
			t.Run(fmt.Sprintf("%s, killed %v", o.name, killed), o.test)
		}
	}
}
