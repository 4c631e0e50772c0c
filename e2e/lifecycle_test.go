package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// The spans of one run, each a request of its own: its root and calls to a
// model, of 1000 and 100 tokens each, that are children of the root.
var (
	runTrace = pcommon.TraceID{15: 1}
	rootSpan = pcommon.SpanID{7: 1}
)

const runID = "run-1"

func request(name string, id byte) (ptrace.Traces, ptrace.Span) {
	td := ptrace.NewTraces()
	span := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	now := time.Now()
	span.SetName(name)
	span.SetTraceID(runTrace)
	span.SetSpanID(pcommon.SpanID{7: id})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	span.Attributes().PutStr(botanu.RunID, runID)
	return td, span
}

func root() ptrace.Traces {
	td, span := request("botanu.run/fulfill-order", rootSpan[7])
	span.Attributes().PutStr(botanu.OutcomeStatus, "success")
	return td
}

func call(id byte) ptrace.Traces {
	td, span := request("chat", id)
	span.SetParentSpanID(rootSpan)
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	a.PutStr("gen_ai.provider.name", "openai")
	a.PutStr("gen_ai.request.model", "gpt-4o-mini")
	a.PutInt("gen_ai.usage.input_tokens", 1000)
	a.PutInt("gen_ai.usage.output_tokens", 100)
	return td
}

// together is some requests in one, so that nothing can pass between them.
func together(requests ...ptrace.Traces) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, r := range requests {
		r.ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	return td
}

// costs are the prices of so many calls: 1000 tokens at 0.15 USD and 100 at
// 0.60 USD a million are 0.00021 USD.
var costs = []string{"0", "0.00021", "0.00042"}

func revision(n int64) func([]replay.Summary) bool {
	return func(latest []replay.Summary) bool { return len(latest) == 1 && latest[0].Revision == n }
}

// never keeps a run whose root has ended open for longer than any test.
const never = "E2E_QUIET_PERIOD=30m"

func TestLateSpan_raisesRevision(t *testing.T) {
	c := start(t, outFile(t))
	require.NoError(t, c.Send(t.Context(), together(root(), call(2))))
	first := c.await(t, "the summary", revision(0))[0]
	assert.EqualValues(t, 1, first.Int(botanu.LLMCalls))
	assert.Equal(t, costs[1], first.Text(botanu.CostTotalExact))

	late := call(3)
	require.NoError(t, c.Send(t.Context(), late))
	second := c.await(t, "the revision", revision(1))[0]

	assert.Equal(t, first.Part, second.Part)
	assert.NotEqual(t, first.SpanID, second.SpanID)
	assert.Equal(t, []string{runTrace.String(), rootSpan.String()}, []string{second.TraceID, second.ParentSpanID}, "a child of the root")
	assert.EqualValues(t, 2, second.Int(botanu.LLMCalls), "a restatement of the whole, not the rest")
	assert.Equal(t, costs[2], second.Text(botanu.CostTotalExact))
	assert.Equal(t, costs[1], second.Text(botanu.CostIncrease))

	require.NoError(t, c.Send(t.Context(), late)) // delivered again: it changes nothing
	c.stop(t)
	assert.Equal(t, []replay.Summary{second}, c.summaries(t))
}

func TestShutdown_flushesOpenRuns(t *testing.T) {
	for _, test := range []struct {
		name   string
		sent   ptrace.Traces
		status any
	}{
		{"its root has ended", together(root(), call(2)), "success"},
		{"its root has not ended", call(2), nil}, // no timeout has passed: nothing says that it is abandoned
	} {
		t.Run(test.name, func(t *testing.T) {
			c := start(t, outFile(t), never, "E2E_IDLE_TIMEOUT=30m")
			require.NoError(t, c.Send(t.Context(), test.sent))
			c.stop(t)
			summaries := c.summaries(t)
			require.Len(t, summaries, 1)
			s := summaries[0]
			assert.Equal(t, "shutdown", s.Text(botanu.Completion))
			assert.Equal(t, test.status, s.Attributes[botanu.OutcomeStatus])
			assert.Equal(t, costs[1], s.Text(botanu.CostTotalExact))
			assert.Zero(t, s.Revision)
		})
	}
}

// TestRestart_beginsNewPart holds that without storage a run goes on after a
// restart as a second part, and that the parts add up.
func TestRestart_beginsNewPart(t *testing.T) {
	out := outFile(t)
	before := start(t, out, never)
	require.NoError(t, before.Send(t.Context(), together(root(), call(2))))
	before.stop(t)

	after := start(t, out, never)
	require.NoError(t, after.Send(t.Context(), call(3)))
	after.stop(t)

	parts := after.summaries(t)
	require.Len(t, parts, 2)
	assert.NotEqual(t, parts[0].Part, parts[1].Part)
	for _, s := range parts {
		assert.Equal(t, runID, s.RunID)
		assert.Equal(t, costs[1], s.Text(botanu.CostTotalExact), "each part has the call that it saw")
		assert.Zero(t, s.Revision)
	}
}
