package billing

import (
	"strings"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// unbilled is why a standing call is not billed.
//
// A request that failed is billed only if something shows that the provider
// had begun to answer, or that the fault was ours: a response that the client
// could not parse has been paid for.
func (r *run) unbilled(c *call) Reason {
	switch {
	case c.sum:
		return SumBeside
	case c.hit:
		return SemanticCache
	case c.fetched:
		return FetchedAgain
	case c.silent && c.failed && !c.began:
		return FailedUnbilled
	}
	return notDiscarded
}

// doubts are the caveats of a call that its records give by themselves.
func (r *run) doubts(c *call, out *Call) Caveats {
	rec := &out.Record
	if !out.HasUsage {
		if believed(rec.Cost.Class) {
			return 0 // what it cost is known, if not for what
		}
		return UsageMissing
	}
	var d Caveats
	if !rec.Counts.Input.OK || rec.Class == genai.Generation && !rec.Counts.Output.OK {
		d |= UsageMissing
	}
	if out.Sum {
		d |= TierAssumed
	}
	if write := out.Tokens.CacheWrite(); write > 0 && lifetimes(r.seller(rec)) &&
		clamp(rec.Counts.CacheWrite5m)+clamp(rec.Counts.CacheWrite1h) < write {
		d |= CacheTTLAssumed
	}
	return d | r.traitDoubts(c, out) | r.quarrelDoubts(c)
}

// traitDoubts are what is known of the emitters. A defect counts only if no
// other record of the call is free of it.
func (r *run) traitDoubts(c *call, out *Call) Caveats {
	var d Caveats
	all := ^genai.Traits(0)
	// Of a total it counts where all that state one are at odds with it: to state
	// none says nothing.
	const ofTotals = genai.TotalUnexplained | genai.TotalShort
	totals := genai.Traits(0)
	explained := false
	for _, v := range c.witnesses() {
		if rec := r.record(v); rec.HasUsage() && !r.shaky(c, v) {
			all &= rec.Traits
			totals |= rec.Traits & ofTotals
			explained = explained || rec.Counts.Total.N > 0 && rec.Traits&ofTotals == 0
		}
	}
	all &^= ofTotals
	if !explained {
		all |= totals
	}
	if all.Has(genai.Estimates) {
		d |= UsageEstimated
	}
	d |= r.cacheDoubts(c, out, all)
	if all.Has(genai.BrokenOff) {
		d |= UsageMissing
	}
	if all.Has(genai.Overwritten) {
		d |= UsageMissing // the calls before this one, if there were any
	}
	if all.Has(genai.Streamed | genai.StreamOutputHigh) {
		d |= UsageInexact
	}
	if all.Has(genai.BadCount) {
		d |= UsageInexact | UsageMissing // what could not be read may be a part of what could, or lie beside it
	}
	if all.Has(genai.Failed | genai.Streamed) {
		d |= UsageInexact | UsageMissing // it may have counted to where it broke off, or not at all from where it began
	}
	if all.Has(genai.BadCost) {
		d |= CostUnread
	}
	if all.Has(genai.ReasoningBlind) {
		d |= UsageMissing
	}
	if all.Has(genai.TotalUnexplained) {
		d |= ResidualLeft
	}
	if all.Has(genai.TotalShort) {
		d |= UsageConflict
	}
	if out.Tokens.Reasoning > 0 && out.Record.Output.Basis == genai.Assumed {
		switch reading := out.Record.Output.Reading; {
		case reading == genai.Unsettled && !r.outputSettled(c, out.Tokens.OutputTotal()):
			d |= UsageMissing // taken for a part of the output, and it may lie beside it
		case reading == genai.Exclusive && !r.outputAgreed(c):
			d |= UsageInexact // taken to lie beside the output, and it may be a part of it
		}
	}
	return d
}

// outputSettled reports whether another record than the first, whose reading
// is open, has the same output in all: by a reading of its own, or because it
// states the sum of what that one states apart. Nothing is open where that sum
// is what is billed.
func (r *run) outputSettled(c *call, full int64) bool {
	lead := c.members[0]
	if x := &r.numbers[lead]; full >= x.out+x.reason && x.reason > 0 {
		return true
	}
	for _, v := range c.witnesses() {
		rec, y := r.record(v), &r.numbers[v]
		if v != lead && rec.Counts.Output.OK && !y.guessed && y.full == full &&
			(rec.Output.Reading != genai.Unsettled || y.out != r.numbers[lead].out) {
			return true
		}
	}
	return false
}

// outputAgreed reports whether another record has counted as output what the
// first, which is read as exclusive without proof, states in two parts.
func (r *run) outputAgreed(c *call) bool {
	lead := c.members[0]
	x := &r.numbers[lead]
	for _, v := range c.witnesses() {
		if y := &r.numbers[v]; v != lead && !y.guessed && y.reason == 0 && y.out == x.out+x.reason {
			return true
		}
	}
	return false
}

// cacheDoubts are for calls that may have used a cache and do not say so. What
// was read is then priced as new input, which is too much, and what was
// written, too, which is too little where the provider charges for it.
func (r *run) cacheDoubts(c *call, out *Call, all genai.Traits) Caveats {
	if all&(genai.CacheBlind|genai.WriteBlind) == 0 || out.Record.Class != genai.Generation || !r.cacheable(out) || r.sighted(c.members[0]) {
		return 0
	}
	var d Caveats
	if all.Has(genai.CacheBlind) {
		d |= CacheUnreported
		if out.Record.Input.Reading == genai.Exclusive {
			d |= UsageMissing // the cached tokens are nowhere, rather than in the input
		}
	}
	if genai.APIChargesWrites(r.seller(&out.Record), out.Record.Model()) {
		d |= CacheUnreported | CacheTTLAssumed
	}
	return d
}

// maxSight is how far above a call an aggregate is looked for that speaks for
// it. Agents and their cycles are two or three levels.
const maxSight = 8

// sighted reports whether an aggregate of the same instrumentation above the
// call states cached tokens, be it none: Strands leaves zeros off its calls and
// not off its agents. Where it states more than its calls do, that is a
// residual.
func (r *run) sighted(v int32) bool {
	rec := r.record(v)
	for p, steps := r.parent[v], 0; p != none && steps < maxSight; p, steps = r.parent[p], steps+1 {
		over := r.record(p)
		if over != nil && over.Kind == genai.Aggregate && over.Scope == rec.Scope && over.Version == rec.Version &&
			over.HasUsage() && over.Traits.Has(genai.CacheSeen) {
			return true
		}
	}
	return false
}

// leastCached is the shortest prompt that OpenAI caches any of, by its guide to
// prompt caching: below it, cached tokens are not unreported, there are none.
// The limits of other providers differ by model and have been lowered before.
const leastCached = 1024

func (r *run) cacheable(out *Call) bool {
	if p := r.seller(&out.Record); p != "openai" && p != "azure.ai.openai" || out.Record.Input.Reading == genai.Exclusive {
		return true
	}
	return out.Tokens.InputTotal() >= leastCached
}

// makers are the makers of models, by family, that OpenAI does not sell, and
// that Azure does not sell as it sells OpenAI's: their names as providers where
// they are the ones who host them, else none.
var makers = map[string]string{
	"claude": "anthropic", "gemini": "gcp.gemini", "deepseek": "deepseek", "grok": "x_ai", "mistral": "mistral_ai", "codestral": "mistral_ai",
	"magistral": "mistral_ai", "ministral": "mistral_ai", "pixtral": "mistral_ai", "devstral": "mistral_ai",
	"llama": "", "meta": "", "qwen": "", "qwq": "", "kimi": "", "moonshot": "", "glm": "", "minimax": "", "nova": "", "command": "", "sonar": "",
	"gemma": "", "phi": "", "nemotron": "", "yi": "", "jamba": "",
}

// seller is whose rules a cache follows: the provider named, unless the name is
// OpenAI's and the model is not. Many providers speak OpenAI's protocol, and
// their clients' spans bear its name. By the model and not by the address, as
// gateways pass on what OpenAI does.
func (r *run) seller(rec *genai.Record) string {
	if p := rec.Provider; p != "openai" && p != "azure.ai.openai" {
		return p
	}
	if maker, other := makers[r.models.family(rec.Model())]; other {
		return maker
	}
	if strings.Contains(rec.Model(), "gpt-oss") {
		return "" // OpenAI made it, and does not sell it
	}
	return rec.Provider
}

// quarrelDoubts is for records of one call that no reading reconciles.
func (r *run) quarrelDoubts(c *call) Caveats {
	lead := &r.numbers[c.members[0]]
	for _, v := range c.witnesses() {
		if v != c.members[0] && r.record(v).HasUsage() && agree(lead, &r.numbers[v]) == differ {
			return UsageConflict
		}
	}
	return 0
}

// lifetimes reports whether the provider sells cache writes of several
// lifetimes. One that is not known may.
func lifetimes(provider string) bool {
	switch provider {
	case "openai", "azure.ai.openai", "gcp.gemini", "gcp.vertex_ai", "deepseek", "x_ai", "groq", "mistral_ai":
		return provider == "gcp.vertex_ai" // it serves Anthropic's models too
	}
	return true
}
