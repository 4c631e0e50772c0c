package cost

import (
	"cmp"
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

// priced is the price of one call.
type priced struct {
	source   Source
	parts    Parts
	total    money.Amount
	known    bool
	overflow bool
	card     string
	caveats  billing.Caveats
}

// price believes, in this order: what the operator, the provider or a gateway
// reported of the call, the rate card, an instrumentation's own estimate
// (contract, section 5).
func price(call *billing.Call, quote func(int) *ratecard.Quote) priced {
	stated := call.Record.Cost
	if stated.Class != genai.NoCost && stated.Class != genai.LocalCost {
		return ofStated(stated)
	}
	if p := ofCard(call, quote); p.known || p.overflow || stated.Class == genai.NoCost {
		return p
	}
	return ofStated(stated)
}

func ofStated(c genai.Cost) priced {
	return priced{source: reported[c.Class], parts: Parts{Unsplit: c.Total}, total: c.Total, known: true}
}

// ofCard prices a call by the rates found for the richest of its records that
// has any.
func ofCard(call *billing.Call, quote func(int) *ratecard.Quote) priced {
	p := priced{source: Nowhere}
	if !call.HasUsage {
		return p
	}
	var q *ratecard.Quote
	for _, span := range call.Records {
		if q = quote(span); q != nil {
			break
		}
	}
	if q == nil {
		return p
	}
	rates := *q
	if call.Sum {
		rates.Context = nil // a tier is chosen by one call's input, never by a sum
	}
	lines, err := rates.Price(call.Tokens)
	if err == nil {
		p.total, err = lines.Total()
	}
	if err != nil {
		p.overflow = true
		return p
	}
	p.source, p.card, p.known = RateCard, q.Card, true
	p.parts = Parts{Input: lines.Input, Output: lines.Output, CacheRead: lines.CacheRead, CacheWrite: lines.CacheWrite}
	if q.TierUnpriced {
		p.caveats |= billing.TierUnpriced
	}
	if lines.Unpriced > 0 {
		p.caveats |= billing.UnpricedCalls
	}
	return p
}

// add counts a call. Where a sum leaves the range the call is left out of
// every sum, so that the parts go on adding up to the total.
func (a *Account) add(call *billing.Call, p *priced) {
	a.Calls += call.APICalls
	if call.Failed {
		a.Errors++
	}
	a.Tokens = a.Tokens.Add(call.Tokens)
	if !p.known {
		a.Unpriced += call.APICalls
		a.Overflow = a.Overflow || p.overflow
		return
	}
	total, err := a.Total.Add(p.total)
	if err != nil {
		a.Overflow = true
		return
	}
	a.Known = true
	a.Total = total
	// No part is greater than the total, so none of these can leave the range.
	a.Parts.Input += p.parts.Input
	a.Parts.Output += p.parts.Output
	a.Parts.CacheRead += p.parts.CacheRead
	a.Parts.CacheWrite += p.parts.CacheWrite
	a.Parts.Unsplit += p.parts.Unsplit
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

func sorted(models map[[2]string]*Account) []Model {
	list := make([]Model, 0, len(models))
	for key, a := range models {
		list = append(list, Model{Provider: key[0], Name: key[1], Account: *a})
	}
	slices.SortFunc(list, func(a, b Model) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Name, b.Name))
	})
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
	a.Parts.Unsplit -= o.Parts.Unsplit
}
