package cost

import (
	"cmp"
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
)

// Line is the price of one call.
type Line struct {
	Source  Source
	Parts   Parts
	Total   money.Amount
	Known   bool
	Card    string // id and digest of the rate card that priced it
	Caveats billing.Caveats

	overflow bool
}

// Prefer is whether a reported cost or the rate card is believed first.
type Prefer string

const (
	// Trusted believes, in this order, what the operator, the provider or a
	// gateway reported of the call, the rate card, and an instrumentation's own
	// estimate (contract, section 5).
	Trusted Prefer = "trusted"
	// Reported believes any reported cost before the rate card.
	Reported Prefer = "reported"
	// ByRateCard believes the rate card before any reported cost.
	ByRateCard Prefer = "rate_card"
)

// statedFirst reports whether a reported cost of the class comes before the card.
func (p Prefer) statedFirst(class genai.CostClass) bool {
	switch p {
	case Reported:
		return true
	case ByRateCard:
		return false
	}
	return class != genai.LocalCost
}

// price puts a price on a call: what is reported of it, or what the card says,
// whichever comes first and is there.
func price(call *billing.Call, quotes Quotes, prefer Prefer) Line {
	stated := call.Record.Cost
	if stated.Class != genai.NoCost && prefer.statedFirst(stated.Class) {
		return ofStated(stated)
	}
	if p := ofCard(call, quotes); p.Known || p.overflow || stated.Class == genai.NoCost {
		return p
	}
	return ofStated(stated)
}

func ofStated(c genai.Cost) Line {
	l := Line{Source: reported[c.Class], Parts: Parts{Unsplit: c.Total}, Total: c.Total, Known: true}
	if c.Class == genai.LocalCost {
		l.Caveats |= billing.CostEstimated
	}
	return l
}

// ofCard prices a call by the rates found for its records.
func ofCard(call *billing.Call, quotes Quotes) Line {
	p := Line{Source: Nowhere}
	if !call.HasUsage {
		return p
	}
	q, doubt := quoteFor(call, quotes)
	if q == nil {
		return p
	}
	rates := *q
	if call.Sum {
		// A tier is chosen by one call's input, never by a sum. Below the first
		// bound the sum tells all the same: none of its calls is above it.
		if len(q.Context) > 0 && call.Tokens.InputTotal() > q.Context[0].Over {
			p.Caveats |= billing.TierAssumed
		}
		rates.Context = nil
	}
	fees, err := money.Amount(rates.Rates.Request).Mul(int64(call.APICalls))
	if err != nil {
		p.overflow = true
		return p
	}
	rates.Rates.Request = int64(fees) // a fee for the request is due for each
	lines, err := rates.Price(call.Tokens)
	if err == nil {
		p.Total, err = lines.Total()
	}
	if err != nil {
		p.overflow = true
		return p
	}
	if !lines.Priced {
		return Line{Source: Nowhere} // the card has the model, and a price for nothing that the call used
	}
	p.Source, p.Card, p.Known = RateCard, q.Card, true
	p.Caveats |= doubt
	p.Parts = Parts{Input: lines.Input, Output: lines.Output, CacheRead: lines.CacheRead, CacheWrite: lines.CacheWrite}
	if q.TierUnpriced {
		p.Caveats |= billing.TierUnpriced
	}
	if lines.Unpriced > 0 {
		p.Caveats |= billing.UnpricedCalls
	}
	if lines.UnitFallback || pictured(call, quotes) {
		p.Caveats |= billing.UnitFallback
	}
	return p
}

// pictured reports whether a span states that some of the tokens are of images
// or video. They are priced as text, for nothing tells which of them they are.
func pictured(call *billing.Call, quotes Quotes) bool {
	if call.Record.Traits.Has(genai.Pictures) {
		return true
	}
	for _, span := range call.Records[min(1, len(call.Records)):] {
		if rec, _ := quotes(span); rec != nil && rec.Traits.Has(genai.Pictures) {
			return true
		}
	}
	return false
}

// add counts a call. Where a sum leaves the range the call is left out of
// every sum, so that the parts go on adding up to the total.
func (a *Account) add(call *billing.Call, p *Line) {
	a.Calls += call.APICalls
	if call.Failed {
		a.Errors++
	}
	a.Tokens = a.Tokens.Add(call.Tokens)
	if !p.Known {
		a.Unpriced += call.APICalls
		a.Overflow = a.Overflow || p.overflow
		return
	}
	total, err := a.Total.Add(p.Total)
	if err != nil {
		a.Overflow = true
		return
	}
	a.Known = true
	a.Total = total
	// No part is greater than the total, so none of these can leave the range.
	a.Parts.Input += p.Parts.Input
	a.Parts.Output += p.Parts.Output
	a.Parts.CacheRead += p.Parts.CacheRead
	a.Parts.CacheWrite += p.Parts.CacheWrite
	a.Parts.Unsplit += p.Parts.Unsplit
}

// meter counts other metered work, which is no call.
func (b *Bill) meter(m *Metered) billing.Caveats {
	if m.Unread {
		return billing.UsageMissing
	}
	total, err := b.Total.Add(m.Amount)
	if err != nil || m.Overflow {
		b.Overflow = true
		return 0
	}
	b.Total = total
	b.Parts.Metered += m.Amount // no part is greater than the total
	b.from(RateCard)
	b.card(m.Card)
	return 0
}

// card notes a rate card that was used.
func (b *Bill) card(id string) {
	if id != "" && !slices.Contains(b.Cards, id) {
		b.Cards = append(b.Cards, id)
	}
}

// from keeps the one source that all priced calls share.
func (b *Bill) from(s Source) {
	switch {
	case s == Nowhere || s == b.Source:
	case b.Source == Nowhere:
		b.Source = s
	default:
		b.Source = Mixed
	}
}

// discard counts what the bill leaves out: tries that failed, and spans that
// repeat what is billed.
func (b *Bill) discard(from *billing.Bill) {
	b.Errors = from.FailedTries
	for i := range from.Discards {
		if from.Discards[i].Reason != billing.FailedUnbilled {
			b.Discarded++
		}
	}
}

// settle makes the cost of a run without calls known: it is zero.
func (b *Bill) settle() {
	if b.Calls == 0 {
		b.Known = true
	}
}

// byModel is the account of each model, in order. Calls are sorted rather than
// looked up: most runs call one model, and a map of accounts costs more than
// they do.
func byModel(calls []billing.Call, lines []Line) []Model {
	order := make([]int32, len(calls))
	for i := range order {
		order[i] = int32(i)
	}
	compare := func(i, j int32) int {
		a, b := &calls[i].Record, &calls[j].Record
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model(), b.Model()))
	}
	// Stable, as it may depend on the order of the calls which of them is left
	// out of a sum that would leave its range.
	slices.SortStableFunc(order, compare)
	n := 0
	for k := range order {
		if k == 0 || compare(order[k-1], order[k]) != 0 {
			n++
		}
	}
	list := make([]Model, 0, n)
	for k, i := range order {
		if k == 0 || compare(order[k-1], i) != 0 {
			list = append(list, Model{Provider: calls[i].Record.Provider, Name: calls[i].Record.Model()})
		}
		list[len(list)-1].add(&calls[i], &lines[i])
	}
	return list
}

// Less takes o away from a.
func (a *Account) Less(o *Account) {
	a.Calls -= o.Calls
	a.Errors -= o.Errors
	a.Unpriced -= o.Unpriced
	a.Tokens = a.Tokens.Sub(o.Tokens)
	a.Total -= o.Total
	a.Parts.Input -= o.Parts.Input
	a.Parts.Output -= o.Parts.Output
	a.Parts.CacheRead -= o.Parts.CacheRead
	a.Parts.CacheWrite -= o.Parts.CacheWrite
	a.Parts.Metered -= o.Parts.Metered
	a.Parts.Unsplit -= o.Parts.Unsplit
}

// modelLimit bounds the models that a run's cost is told apart by.
const modelLimit = 64

// Others is the provider and the name of what is past the limit.
const Others = "_other"

// bounded folds the models past the limit into one. The dearest are kept, then
// those with the most calls, then by name: which ones these are may change from
// one revision to the next, and the increases go along with that.
func bounded(models []Model) []Model {
	if len(models) <= modelLimit {
		return models
	}
	slices.SortStableFunc(models, func(a, b Model) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Calls, a.Calls))
	})
	others := Model{Provider: Others, Name: Others}
	for i := range models[modelLimit-1:] {
		others.plus(&models[modelLimit-1+i].Account)
	}
	models = append(models[:modelLimit-1], others)
	slices.SortFunc(models, CompareModels)
	return models
}

// CompareModels orders models by provider, then name.
func CompareModels(a, b Model) int {
	return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Name, b.Name))
}

// plus adds the account of other calls of the same run. The sums are within the
// run's own, which are within range.
func (a *Account) plus(o *Account) {
	a.Calls += o.Calls
	a.Errors += o.Errors
	a.Unpriced += o.Unpriced
	a.Tokens = a.Tokens.Add(o.Tokens)
	a.Known = a.Known || o.Known
	a.Overflow = a.Overflow || o.Overflow
	a.Total += o.Total
	a.Parts.Input += o.Parts.Input
	a.Parts.Output += o.Parts.Output
	a.Parts.CacheRead += o.Parts.CacheRead
	a.Parts.CacheWrite += o.Parts.CacheWrite
	a.Parts.Metered += o.Parts.Metered
	a.Parts.Unsplit += o.Parts.Unsplit
}
