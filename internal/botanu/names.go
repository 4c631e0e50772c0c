// Package botanu holds the names of the convention: the attributes, span names
// and events that instrumented applications write, and those that a summary
// carries. The processor writes what the connector and every query read, so
// both sides take the names from here.
package botanu

// Scope is the instrumentation scope of every summary span. Together with the
// span's name it tells a summary from an application's span.
const Scope = "github.com/runrollup/runrollupprocessor"

// Names of spans, span events and log records.
const (
	RunSummary   = "botanu.run.summary"   // the span that sums a run up
	EventSummary = "botanu.event.summary" // the span that sums an event up
	ModelUsage   = "botanu.model_usage"   // span event of a run summary, one a provider and model
	CallNote     = "botanu.call"          // span event of a run summary: why a record was billed or not

	RunSpanPrefix  = "botanu.run/"            // a run's own root span: this and the workflow
	OutcomeEmitted = "botanu.outcome_emitted" // span event: somebody states an outcome
	RunCompleted   = "botanu.run.completed"   // span event: the run's own wrapper saw its end
)

// IsSummary reports whether a span of that instrumentation scope and name is a
// summary: by both, as an application may use the name for a span of its own.
func IsSummary(scope, name string) bool {
	return scope == Scope && (name == RunSummary || name == EventSummary)
}

// Unset stands where a status is expected and there is none.
const Unset = "unset"

// Identity, as applications write it. All but the run ID's key are defaults of
// the configuration; a summary always bears these names, whatever was read.
const (
	RunID       = "botanu.run_id"
	EventID     = "botanu.event_id"
	Workflow    = "botanu.workflow"
	Version     = "botanu.workflow.version"
	Customer    = "botanu.customer_id"
	Environment = "botanu.environment"
	Tenant      = "botanu.tenant_id"
	ParentRun   = "botanu.parent_run_id"
	RootRun     = "botanu.root_run_id"
	Attempt     = "botanu.attempt"
	RetryOf     = "botanu.retry_of_run_id"
	Team        = "botanu.team"
	CostCenter  = "botanu.cost_center"
	Region      = "botanu.region"

	// SummaryVersion is how a summary spells [Version]: backends that unfold
	// dotted names into objects cannot hold a workflow that is a string and an
	// object at once.
	SummaryVersion = "botanu.workflow_version"
)

// What a run's root span says beside its identity.
const (
	RunStartTime = "botanu.run.start_time"  // RFC 3339
	RunDeadline  = "botanu.run.deadline_ts" // double, Unix seconds
	RunCancelled = "botanu.run.cancelled"   // bool
	RunDuration  = "botanu.run.duration_ms" // double
)

// Outcome attributes, on spans and on summaries.
const (
	OutcomeStatus      = "botanu.outcome.status"
	OutcomeBare        = "botanu.outcome" // the status, as older SDKs wrote it
	OutcomeValueType   = "botanu.outcome.value_type"
	OutcomeValueAmount = "botanu.outcome.value_amount"
	OutcomeConfidence  = "botanu.outcome.confidence"
	OutcomeReason      = "botanu.outcome.reason"
	OutcomeReasonCode  = "botanu.outcome.reason_code" // older spelling of the reason
	OutcomeErrorType   = "botanu.outcome.error_type"
	OutcomeErrorClass  = "botanu.outcome.error_class" // older spelling of the error type
	OutcomeMetadata    = "botanu.outcome.metadata."   // prefix

	OutcomeStatusRaw      = "botanu.outcome.status_raw"
	OutcomeSource         = "botanu.outcome.source"
	OutcomeRank           = "botanu.outcome.rank"
	OutcomeTime           = "botanu.outcome.time"
	OutcomeEmissions      = "botanu.outcome.emissions"
	OutcomeConflict       = "botanu.outcome.conflict"
	OutcomePreviousStatus = "botanu.outcome.previous_status"
	OutcomeValuePerUnit   = "botanu.outcome.value_per_unit"
	OutcomeValueTotal     = "botanu.outcome.value_total"
)

// Attributes of the span events [OutcomeEmitted] and [RunCompleted].
const (
	EventStatus      = "status"
	EventValueType   = "value_type"
	EventValueAmount = "value_amount"
	EventErrorType   = "error_type"
	EventErrorClass  = "error_class"
)

// What a run summary adds.
const (
	CostTotal      = "botanu.run.cost.total"
	CostTotalExact = "botanu.run.cost.total_exact"
	CostIncrease   = "botanu.run.cost.increase_exact"
	CostInput      = "botanu.run.cost.input"
	CostOutput     = "botanu.run.cost.output"
	CostCacheRead  = "botanu.run.cost.cache_read"
	CostCacheWrite = "botanu.run.cost.cache_write"
	CostMetered    = "botanu.run.cost.metered"
	CostUnsplit    = "botanu.run.cost.unsplit"
	CostSource     = "botanu.run.cost.source"
	CostAccuracy   = "botanu.run.cost.accuracy"
	CostCaveats    = "botanu.run.cost.caveats"
	RateCard       = "botanu.run.rate_card"

	LLMCalls          = "botanu.run.llm.calls"
	LLMErrors         = "botanu.run.llm.errors"
	LLMUnpricedCalls  = "botanu.run.llm.unpriced_calls"
	LLMDiscardedSpans = "botanu.run.llm.discarded_spans"

	TokensInput         = "botanu.run.tokens.input"
	TokensInputUncached = "botanu.run.tokens.input_uncached"
	TokensCacheRead     = "botanu.run.tokens.cache_read"
	TokensCacheWrite    = "botanu.run.tokens.cache_write"
	TokensOutput        = "botanu.run.tokens.output"
	TokensReasoning     = "botanu.run.tokens.reasoning"

	Models     = "botanu.run.models"
	ToolCalls  = "botanu.run.tool_calls"
	SpanCount  = "botanu.run.span_count"
	ErrorCount = "botanu.run.error_count"
	TraceCount = "botanu.run.trace_count"
	Service    = "botanu.run.service"
	Services   = "botanu.run.services"
	Completion = "botanu.run.completion"
	Part       = "botanu.run.part"
	Revision   = "botanu.run.revision"
)

// What an event summary adds.
const (
	EventCostTotal      = "botanu.event.cost.total"
	EventCostTotalExact = "botanu.event.cost.total_exact"
	EventCostIncrease   = "botanu.event.cost.increase_exact"
	EventCostAccuracy   = "botanu.event.cost.accuracy"
	EventCostCaveats    = "botanu.event.cost.caveats"
	// EventCostUnsuccessful is what went into attempts that did not succeed.
	EventCostUnsuccessful      = "botanu.event.cost.unsuccessful"
	EventCostUnsuccessfulExact = "botanu.event.cost.unsuccessful_exact"

	EventRuns           = "botanu.event.runs"
	EventAttempts       = "botanu.event.attempts"
	EventOtherWorkflows = "botanu.event.other_workflows" // top-level runs of workflows that began later
	EventPart           = "botanu.event.part"
	EventRevision       = "botanu.event.revision"
	EventDuration       = "botanu.event.duration_ms"

	EventLLMCalls            = "botanu.event.llm.calls"
	EventLLMUnpricedCalls    = "botanu.event.llm.unpriced_calls"
	EventTokensInput         = "botanu.event.tokens.input"
	EventTokensInputUncached = "botanu.event.tokens.input_uncached"
	EventTokensCacheRead     = "botanu.event.tokens.cache_read"
	EventTokensCacheWrite    = "botanu.event.tokens.cache_write"
	EventTokensOutput        = "botanu.event.tokens.output"
	EventTokensReasoning     = "botanu.event.tokens.reasoning"
)

// Attributes of the span event [ModelUsage]; see [UsageKeys].
const (
	ModelProvider      = "gen_ai.provider.name"
	ModelName          = "gen_ai.request.model"
	UsageCalls         = "botanu.usage.calls"
	UsageUnpricedCalls = "botanu.usage.unpriced_calls"
	UsageInputUncached = "botanu.usage.input_uncached"
	UsageCacheRead     = "botanu.usage.cache_read"
	UsageCacheWrite    = "botanu.usage.cache_write"
	UsageOutput        = "botanu.usage.output"
	UsageCostExact     = "botanu.usage.cost_exact"
)

// UsageKeys are the attributes of [ModelUsage] that tell what calls came to.
type UsageKeys struct{ Calls, Unpriced, InputUncached, CacheRead, CacheWrite, Output, CostExact string }

// What the part's calls came to, and what of that its last revision did not
// have. An increase is negative where a revision takes something back.
var (
	Usage         = usageKeys("")
	UsageIncrease = usageKeys("_increase")
)

func usageKeys(suffix string) UsageKeys {
	return UsageKeys{
		Calls: UsageCalls + suffix, Unpriced: UsageUnpricedCalls + suffix,
		InputUncached: UsageInputUncached + suffix, CacheRead: UsageCacheRead + suffix,
		CacheWrite: UsageCacheWrite + suffix, Output: UsageOutput + suffix,
		CostExact: UsageCostExact + suffix,
	}
}

// Attributes of the span event [CallNote], beside [ModelProvider] and
// [ModelName].
const (
	CallVerdict       = "botanu.call.verdict" // billed, merged or discarded
	CallReason        = "botanu.call.reason"  // why it was not billed by itself
	CallTraceID       = "botanu.call.trace_id"
	CallSpanID        = "botanu.call.span_id"
	CallBySpanID      = "botanu.call.by_span_id" // the span that stands for it
	CallScope         = "botanu.call.scope"      // instrumentation scope
	CallInputUncached = "botanu.call.input_uncached"
	CallCacheRead     = "botanu.call.cache_read"
	CallCacheWrite    = "botanu.call.cache_write"
	CallOutput        = "botanu.call.output"
	CallCostExact     = "botanu.call.cost_exact"
	CallCostSource    = "botanu.call.cost_source"
	CallCaveats       = "botanu.call.caveats"
)
