// Package cost puts a price on the calls of a run: what a span reports of a
// call, or what the rate card says. Which calls there are is decided in
// package billing.
//
// The package is pure: no clock, no lock, no logger, no I/O.
package cost

import (
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// Source is where the price of a call came from.
type Source string

// Sources, as a summary writes them. A run whose calls were priced from
// several is [Mixed].
const (
	Operator Source = "operator"
	Provider Source = "provider"
	Gateway  Source = "gateway"
	Local    Source = "local"
	RateCard Source = "rate_card"
	Mixed    Source = "mixed"
	Nowhere  Source = "none"
)

var reported = map[genai.CostClass]Source{
	genai.OperatorCost: Operator, genai.ProviderCost: Provider, genai.GatewayCost: Gateway, genai.LocalCost: Local,
}

// Parts is an amount of money by what it was spent on. The parts add up to
// [Parts.Total]. A reported total that states no parts is Unsplit.
type Parts struct {
	Input, Output, CacheRead, CacheWrite, Metered, Unsplit money.Amount
}

// Metered is work other than a model call that a span did and the rate card
// prices: bytes that a warehouse scanned, messages that were sent.
type Metered struct {
	Attribute string // the span attribute that was priced
	Quantity  string // its value
	Amount    money.Amount
	Card      string `json:"-"` // id and digest of the card
	Unread    bool   // the value is no quantity: there is work that has no price
	Overflow  bool   `json:"-"` // the amount left the range of an Amount
}

// Same reports whether both are the same work, whatever another card priced it
// at. The same card prices work at two amounts by two of its rules.
func (m Metered) Same(o Metered) bool {
	return m.Attribute == o.Attribute && m.Quantity == o.Quantity && (m.Amount == o.Amount || m.Card != o.Card)
}

// Account is what the calls of a run, or of one model in it, come to.
type Account struct {
	Calls    int // requests the provider bills
	Errors   int // requests that failed, billed or not; of a model, the billed ones
	Unpriced int // of Calls, those without a price
	Tokens   usage.Tokens

	Parts    Parts
	Total    money.Amount
	Known    bool // false where there are calls and none has a price
	Overflow bool // a sum left the range of an Amount; the total is too low
}

// Model is the account of one model of one provider.
type Model struct {
	Provider, Name string // empty where the spans do not say
	Account
}

// Bill is the cost of a run.
type Bill struct {
	Account
	Source    Source
	Cards     []string // id and digest of the rate cards used, sorted
	Models    []Model  // by provider, then name
	Discarded int      // spans with usage that were not billed
	Accuracy  billing.Accuracy
	Caveats   []string // sorted
}

// Of adds up the cost of a run's calls and its other metered work, and gives
// the price of each call.
func Of(b *billing.Bill, quotes Quotes, metered []Metered, prefer Prefer) (Bill, []Line) {
	bill := Bill{Source: Nowhere}
	lines := make([]Line, len(b.Calls))
	bill.discard(b)
	caveats := b.Caveats &^ billing.TierAssumed // billing cannot know whether the card has tiers
	for i := range b.Calls {
		call := &b.Calls[i]
		lines[i] = price(call, quotes, prefer)
		p := &lines[i]
		caveats |= p.Caveats
		if call.Record.Cost.Currency != "" {
			caveats |= billing.Currency
		}
		bill.add(call, p)
		bill.from(p.Source)
		bill.card(p.Card)
	}
	for i := range metered {
		caveats |= bill.meter(&metered[i])
	}
	slices.Sort(bill.Cards)
	bill.Models = bounded(byModel(b.Calls, lines))
	bill.settle()
	if bill.Unpriced > 0 {
		caveats |= billing.UnpricedCalls
	}
	if bill.Overflow {
		caveats |= billing.Overflow
	}
	bill.Caveats = caveats.Codes()
	bill.Accuracy = caveats.Claim()
	if !bill.Known {
		bill.Accuracy = billing.Unknown
		bill.Source, bill.Cards = Nowhere, nil // a part without a total is not told
	}
	return bill, lines
}
