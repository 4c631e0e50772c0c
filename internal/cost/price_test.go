package cost

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// call is one with a cost of a class stated on it.
func call(class genai.CostClass, stated money.Amount) billing.Call {
	return billing.Call{
		Records: []int{0}, APICalls: 1, HasUsage: true, Tokens: usage.Tokens{Input: 1000, Output: 10},
		Record: genai.Record{Provider: "openai", RequestModel: "m", Cost: genai.Cost{Class: class, Total: stated}},
	}
}

// perToken is a quote of 2 picodollars a token.
func perToken(int) *ratecard.Quote {
	q := &ratecard.Quote{Card: "card@1", Rates: ratecard.Rates{Per: 1}}
	for l := range q.Rates.Num {
		q.Rates.Num[l] = 2
		q.Rates.Priced |= 1 << l
	}
	return q
}

func none(int) *ratecard.Quote { return nil }

// of prices a bill whose spans all have the record of their call.
func of(b *billing.Bill, quote func(int) *ratecard.Quote, metered []Metered, prefer Prefer) (Bill, []Line) {
	return Of(b, func(span int) (*genai.Record, *ratecard.Quote) {
		for i := range b.Calls {
			if slices.Contains(b.Calls[i].Records, span) {
				return &b.Calls[i].Record, quote(span)
			}
		}
		return nil, nil
	}, metered, prefer)
}

// TestOrderOfBelief names who is believed, by what is preferred.
func TestOrderOfBelief(t *testing.T) {
	const stated = 7
	for _, tc := range []struct {
		class   genai.CostClass
		prefer  Prefer
		card    func(int) *ratecard.Quote
		source  Source
		caveats billing.Caveats
	}{
		{genai.OperatorCost, Trusted, perToken, Operator, 0},
		{genai.ProviderCost, Trusted, perToken, Provider, 0},
		{genai.GatewayCost, Trusted, perToken, Gateway, 0},
		{genai.LocalCost, Trusted, perToken, RateCard, 0},
		{genai.LocalCost, Trusted, none, Local, billing.CostEstimated},
		{genai.NoCost, Trusted, perToken, RateCard, 0},
		{genai.NoCost, Trusted, none, Nowhere, billing.UnpricedCalls},
		{genai.LocalCost, Reported, perToken, Local, billing.CostEstimated},
		{genai.OperatorCost, ByRateCard, perToken, RateCard, 0},
		{genai.OperatorCost, ByRateCard, none, Operator, 0},
		{genai.OperatorCost, "", perToken, Operator, 0},
	} {
		b := billing.Bill{Calls: []billing.Call{call(tc.class, stated)}}
		got, lines := of(&b, tc.card, nil, tc.prefer)
		assert.Equal(t, tc.source, got.Source, "%+v", tc)
		assert.Equal(t, tc.caveats.Codes(), got.Caveats, "%+v", tc)
		assert.Equal(t, tc.source != Nowhere, got.Known)
		assert.Equal(t, got.Total, lines[0].Total)
		if got.Known && got.Source != RateCard {
			assert.EqualValues(t, stated, got.Total)
			assert.EqualValues(t, stated, got.Parts.Unsplit)
		}
	}
}

func TestUnknownIsNeverZero(t *testing.T) {
	b := billing.Bill{Calls: []billing.Call{call(genai.NoCost, 0), call(genai.NoCost, 0)}}
	got, _ := of(&b, none, []Metered{{Amount: 5}}, Trusted)
	assert.False(t, got.Known, "where there are calls and none has a price, there is no total")
	assert.Equal(t, billing.Unknown, got.Accuracy)
	assert.Equal(t, 2, got.Unpriced)

	b.Calls[1].Record.Cost = genai.Cost{Class: genai.ProviderCost, Total: 7}
	got, _ = of(&b, none, nil, Trusted)
	assert.True(t, got.Known)
	assert.EqualValues(t, 7, got.Total)
	assert.Equal(t, billing.LowerBound, got.Accuracy)
	assert.Equal(t, []string{"unpriced_calls"}, got.Caveats)

	got, _ = of(&billing.Bill{}, none, nil, Trusted)
	assert.True(t, got.Known, "a run without calls costs nothing, and that is known")
	assert.Equal(t, billing.Exact, got.Accuracy)
}

// TestOverflow: a sum that leaves the range is marked, and never wraps; the
// parts go on adding up to what is left.
func TestOverflow(t *testing.T) {
	b := billing.Bill{Calls: []billing.Call{
		call(genai.OperatorCost, math.MaxInt64), call(genai.OperatorCost, 1), call(genai.NoCost, 0),
	}}
	got, _ := of(&b, perToken, []Metered{{Amount: math.MaxInt64}}, Trusted)
	assert.True(t, got.Overflow)
	assert.Contains(t, got.Caveats, "overflow")
	assert.Positive(t, got.Total)
	p := got.Parts
	assert.Equal(t, got.Total, p.Input+p.Output+p.CacheRead+p.CacheWrite+p.Metered+p.Unsplit)
}

func TestMixedSources(t *testing.T) {
	b := billing.Bill{Calls: []billing.Call{call(genai.OperatorCost, 1), call(genai.NoCost, 0)}}
	got, _ := of(&b, perToken, nil, Trusted)
	assert.Equal(t, Mixed, got.Source)
	assert.Equal(t, []string{"card@1"}, got.Cards)
}

// TestFeeForEachRequest: a span that holds several requests owes the fee of each.
func TestFeeForEachRequest(t *testing.T) {
	fee := func(int) *ratecard.Quote {
		q := perToken(0)
		q.Rates.Request = 100
		return q
	}
	three := call(genai.NoCost, 0)
	three.APICalls, three.Sum = 3, true
	got, _ := of(&billing.Bill{Calls: []billing.Call{three}}, fee, nil, Trusted)
	assert.EqualValues(t, 2*1010+300, got.Total)
	assert.Equal(t, 3, got.Calls)
}

// TestModelsAreBounded: what is past the limit is one of its own, and nothing
// is lost from the sums.
func TestModelsAreBounded(t *testing.T) {
	var b billing.Bill
	for i := range 200 {
		c := call(genai.OperatorCost, money.Amount(i+1))
		c.Record.RequestModel = fmt.Sprint("model-", i)
		b.Calls = append(b.Calls, c)
	}
	got, _ := of(&b, none, nil, Trusted)
	assert.Len(t, got.Models, modelLimit)
	assert.True(t, slices.IsSortedFunc(got.Models, CompareModels))
	var sum Account
	names := map[string]bool{}
	for i := range got.Models {
		sum.plus(&got.Models[i].Account)
		names[got.Models[i].Name] = true
	}
	assert.Equal(t, got.Total, sum.Total)
	assert.Equal(t, 200, sum.Calls)
	assert.True(t, names["model-199"] && names[Others] && !names["model-0"], "the dearest are told apart")
}

// TestWorkThatCannotBeReadIsMissing from the total, and the total says so.
func TestWorkThatCannotBeReadIsMissing(t *testing.T) {
	got, _ := of(&billing.Bill{}, none, []Metered{{Attribute: "bytes", Amount: 5}, {Attribute: "bytes", Unread: true}}, Trusted)
	assert.EqualValues(t, 5, got.Total)
	assert.Equal(t, billing.LowerBound, got.Accuracy)
	assert.Equal(t, []string{"usage_missing"}, got.Caveats)
}

// TestTierOfASum is open only where the card has tiers for the model and the
// sum could hold a call above the first one's bound.
func TestTierOfASum(t *testing.T) {
	tiered := func(int) *ratecard.Quote {
		q := perToken(0)
		q.Context = []ratecard.ContextRates{{Over: 5_000, Rates: q.Rates}}
		return q
	}
	for _, tc := range []struct {
		card  func(int) *ratecard.Quote
		input int64
		want  []string
	}{
		{perToken, 9_000, nil},
		{tiered, 5_000, nil},
		{tiered, 5_001, []string{"tier_assumed"}},
	} {
		c := call(genai.NoCost, 0)
		c.Sum, c.APICalls, c.Tokens.Input = true, 3, tc.input
		got, _ := of(&billing.Bill{Calls: []billing.Call{c}, Caveats: billing.TierAssumed}, tc.card, nil, Trusted)
		assert.Equal(t, tc.want, got.Caveats, "%+v", tc.input)
	}
}
