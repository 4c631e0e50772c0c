package rollupconnector

import (
	"iter"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// scoped is a scope of a batch that has summaries in it.
type scoped struct {
	of    ptrace.ResourceSpans
	first bool // of its resource
	spans ptrace.ScopeSpans
}

// scopes are those of a batch that have summaries in them. Of other scopes,
// which is most of what a pipeline of spans carries, no span is looked at.
func scopes(td ptrace.Traces) iter.Seq[scoped] {
	return func(yield func(scoped) bool) {
		for _, rs := range td.ResourceSpans().All() {
			first := true
			for _, ss := range rs.ScopeSpans().All() {
				s := scoped{of: rs, first: first, spans: ss}
				if ss.Scope().Name() != botanu.Scope || !s.any() {
					continue
				}
				if !yield(s) {
					return
				}
				first = false
			}
		}
	}
}

// any reports whether the scope has a summary in it.
func (s scoped) any() bool {
	for range s.summaries() {
		return true
	}
	return false
}

// summaries are those of the scope.
func (s scoped) summaries() iter.Seq[ptrace.Span] {
	return func(yield func(ptrace.Span) bool) {
		scope := s.spans.Scope().Name()
		for _, span := range s.spans.Spans().All() {
			if botanu.IsSummary(scope, span.Name()) && !yield(span) {
				return
			}
		}
	}
}

// isRun reports whether a summary is of a run; else it is of an event.
func isRun(summary ptrace.Span) bool { return summary.Name() == botanu.RunSummary }

// revisionOf is the revision of a summary, of its part of a run or an event.
// ok is false where it bears none.
func revisionOf(summary ptrace.Span) (n int64, ok bool) {
	key := botanu.EventRevision
	if isRun(summary) {
		key = botanu.Revision
	}
	v, ok := summary.Attributes().Get(key)
	if !ok || v.Type() != pcommon.ValueTypeInt || v.Int() < 0 {
		return 0, false
	}
	return v.Int(), true
}
