package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/runrollup/runrollupprocessor/internal/billing"
)

// inTheEmitter names, by setup and scenario, why the tokens of a run are not
// even what its spans show. Each reason lies in the emitter; there is no way
// to say so but to have looked.
var inTheEmitter = map[[2]string]string{
	{"langchain-openllmetry", "nested_child"}: "concurrent LangChain callbacks start spans in another run's context: run ID, trace and parent are wrong",
	{"langchain-openllmetry", "interleaved"}:  "concurrent LangChain callbacks start spans in another run's context: run ID, trace and parent are wrong",
	{"openlit", "stream_without_usage"}:       "OpenLIT counts tokens of its own where the provider sent none",

	// langchain-anthropic, utils/message_outputs.ts: usage_metadata of message_start
	// and of message_delta are added up, and the latter is a running total.
	{"js-langchain-openinference", "streaming_anthropic"}: "LangChain adds the opening event's output tokens to a count that has them",
	{"js-langchain-openinference", "cached_anthropic"}:    "LangChain adds the opening event's output tokens to a count that has them",
	// @traceloop/instrumentation-openai, _streamingWrapPromise.
	{"js-traceloop-sdk", "stream_without_usage"}: "OpenLLMetry counts the text of streamed chat instead of reading its usage",
	{"js-traceloop-sdk", "direct_stream"}:        "OpenLLMetry counts the text of streamed chat instead of reading its usage",
}

// Reason says why a run is not what the invoice says; empty where it is, and
// where nobody has found out.
func (r *Run) Reason(setup string) string {
	switch {
	case r.Got.SameParts(r.Billed) && r.Got.Calls == r.Billed.Calls:
		return ""
	case !r.Visible():
		return inTheEmitter[[2]string{setup, r.Scenario}]
	}
	var reasons []string
	if !r.VisibleParts() && slices.Contains(r.Summary.Cost.Caveats, billing.CacheUnreported.String()) {
		reasons = append(reasons, "the emitter writes no cached tokens for this provider")
	}
	count := map[string]int{}
	for _, call := range r.Derived.NotVisible {
		if count[call.Why] == 0 {
			reasons = append(reasons, call.Why)
		}
		count[call.Why]++
	}
	for i, why := range reasons {
		if n := count[why]; n > 1 {
			reasons[i] = fmt.Sprintf("%d × %s", n, why)
		}
	}
	return strings.Join(reasons, "; ")
}
