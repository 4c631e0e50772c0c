package e2e

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// TestPassThrough holds that spans come out as they went in, beside the
// summaries, each once, with the resource and scope that they came with.
func TestPassThrough(t *testing.T) {
	recording := capture(t, "vercel-ai-v7")
	c := start(t, outFile(t))
	c.play(t, recording)
	c.stop(t)

	tds, err := replay.ReadFile(c.out)
	require.NoError(t, err)
	in, out := alone(t, recording.Requests), alone(t, tds)
	summaries := 0
	for span := range replay.Spans(tds...) {
		if span.Name() == botanu.RunSummary || span.Name() == botanu.EventSummary {
			summaries++
		}
	}
	require.Positive(t, summaries)
	assert.Equal(t, len(in)+summaries, len(out))
	missing := slices.DeleteFunc(in, func(span string) bool { return slices.Contains(out, span) })
	assert.Empty(t, missing)
}

// alone writes each span as a request of its own, so that spans compare whole
// however they were batched. A span that occurs twice fails the test.
func alone(t *testing.T, tds []ptrace.Traces) []string {
	t.Helper()
	var spans []string
	seen := map[string]bool{}
	for _, td := range tds {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					one := ptrace.NewTraces()
					r := one.ResourceSpans().AppendEmpty()
					rs.Resource().CopyTo(r.Resource())
					r.SetSchemaUrl(rs.SchemaUrl())
					s := r.ScopeSpans().AppendEmpty()
					ss.Scope().CopyTo(s.Scope())
					s.SetSchemaUrl(ss.SchemaUrl())
					span.CopyTo(s.Spans().AppendEmpty())
					var m ptrace.JSONMarshaler
					text, err := m.MarshalTraces(one)
					require.NoError(t, err)
					assert.False(t, seen[string(text)], "twice: %s", text)
					seen[string(text)] = true
					spans = append(spans, string(text))
				}
			}
		}
	}
	return spans
}
