package cost

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

const card = `
schema: ratecard/v1
rates:
  - { provider: openai, match: { exact: m }, price: { input_mtok: "1", output_mtok: "1" }, variants: [ { when: { service_tier: flex }, price: { input_mtok: "0.5", output_mtok: "0.5" } } ] }
  - { provider: openai, match: { exact: m-2024-05-13 }, price: { input_mtok: "2", output_mtok: "2" } }
  - { provider: openai, match: { exact: other }, price: { input_mtok: "3", output_mtok: "3" } }
  - { provider: aws, match: { exact: m }, price: { input_mtok: "4", output_mtok: "4" } }
  - { provider: deepseek, match: { exact: m }, price: { input_mtok: "5", output_mtok: "5" } }
  - { provider: groq, match: { exact: m }, price: { input_mtok: "1", output_mtok: "1" } }
  - { provider: openai, match: { exact: by-the-hour }, price: { audio_hours: "0.36" } }
  - { provider: openai, match: { exact: by-the-call }, price: { requests_kcount: "5" } }
  - { provider: openai, match: { exact: embedding }, price: { input_mtok: "1" } }
  - { provider: openai, match: { exact: free }, price: { input_mtok: "0", output_mtok: "0" } }
`

// described is a call of a million tokens, with the spans that describe it: the
// first is the richest, and what it lacks the others fill in as billing does.
func described(t *testing.T, merged genai.Record, spans ...genai.Record) (billing.Call, Quotes) {
	t.Helper()
	file, err := ratecard.Parse([]byte(card))
	require.NoError(t, err)
	base, err := ratecard.Embedded() // it knows who is at an address
	require.NoError(t, err)
	c, err := ratecard.New(file, base)
	require.NoError(t, err)
	call := billing.Call{Record: merged, APICalls: 1, HasUsage: true, Tokens: usage.Tokens{Input: 1e6}}
	for i := range spans {
		call.Records = append(call.Records, i)
	}
	return call, func(i int) (*genai.Record, *ratecard.Quote) {
		r := &spans[i]
		q, _ := c.Quote(ratecard.Query{
			Provider: r.Provider, ServerAddress: r.ServerAddress, ResponseModel: r.ResponseModel, RequestModel: r.RequestModel,
			Tier: r.Tier, At: time.Unix(1_700_000_000, 0),
		})
		return r, q
	}
}

// TestPriceIsThatOfWhatTheCallIs: the rates are those of the model, the tier and
// the seller that the call goes by, whichever of its spans is the richest.
func TestPriceIsThatOfWhatTheCallIs(t *testing.T) {
	const exact, conflict, noTier = billing.Caveats(0), billing.UsageConflict, billing.TierUnpriced
	rec := func(provider, model, tier, address string) genai.Record {
		return genai.Record{Provider: provider, RequestModel: "m", ResponseModel: model, Tier: tier, ServerAddress: address}
	}
	for name, tc := range map[string]struct {
		merged  genai.Record
		spans   []genai.Record
		dollars money.Amount
		caveats billing.Caveats
	}{
		"one span": {rec("openai", "m", "", ""), []genai.Record{rec("openai", "m", "", "")}, 1, exact},
		"two that agree": {
			rec("openai", "m", "", "a"), []genai.Record{rec("openai", "m", "", ""), rec("openai", "m", "", "a")}, 1, exact,
		},
		"a more precise model": {
			rec("openai", "m-2024-05-13", "", ""), []genai.Record{rec("openai", "m", "", ""), rec("openai", "m-2024-05-13", "", "")}, 2, exact,
		},
		"a tier that the card has": {
			rec("openai", "m", "flex", ""), []genai.Record{rec("openai", "m", "", ""), rec("openai", "m", "flex", "")}, 0, exact,
		},
		"a tier that the card has not": {
			rec("openai", "m", "priority", ""), []genai.Record{rec("openai", "m", "", ""), rec("openai", "m", "priority", "")}, 1, noTier,
		},
		"the tier of one that names the model less precisely": {
			rec("openai", "m-2024-05-13", "flex", ""), []genai.Record{rec("openai", "m-2024-05-13", "", ""), rec("openai", "m", "flex", "")}, 2, noTier,
		},
		"the standard tier by two names": {
			rec("openai", "m", "default", ""), []genai.Record{rec("openai", "m", "default", ""), rec("openai", "m", "standard", "")}, 1, exact,
		},
		"two tiers": {
			rec("openai", "m", "flex", ""), []genai.Record{rec("openai", "m", "flex", ""), rec("openai", "m", "default", "")}, 0, conflict,
		},
		"two sellers": {
			rec("openai", "m", "", ""), []genai.Record{rec("openai", "m", "", ""), rec("aws.bedrock", "m", "", "")}, 1, conflict,
		},
		"two addresses": {
			rec("openai", "m", "", "api.openai.com"),
			[]genai.Record{rec("openai", "m", "", "api.openai.com"), rec("openai", "m", "", "api.deepseek.com")}, 1, conflict,
		},
		"the address that one leaves out": {
			rec("openai", "m", "", "api.deepseek.com"), []genai.Record{rec("openai", "m", "", ""), rec("openai", "m", "", "api.deepseek.com")}, 5, exact,
		},
		"two sellers at one price": {
			rec("openai", "m", "", ""), []genai.Record{rec("openai", "m", "", ""), rec("groq", "m", "", "")}, 1, exact,
		},
		"the seller that one leaves out": {
			rec("aws.bedrock", "m", "", ""), []genai.Record{rec("", "m", "", ""), rec("aws.bedrock", "m", "", "")}, 4, exact,
		},
		"a whole name that no span has": {
			rec("openai", "other", "", "a"),
			[]genai.Record{rec("openai", "other", "", ""), rec("openai", "m", "", "a")}, 3, conflict,
		},
		"a seller that no card knows": {
			rec("house", "m", "", ""), []genai.Record{rec("house", "m", "", ""), rec("openai", "m", "", "")}, 1, exact,
		},
	} {
		t.Run(name, func(t *testing.T) {
			call, quotes := described(t, tc.merged, tc.spans...)
			_, lines := Of(&billing.Bill{Calls: []billing.Call{call}}, quotes, nil, Trusted)
			want := tc.dollars * money.Dollar
			if want == 0 {
				want = money.Dollar / 2
			}
			assert.Equal(t, want, lines[0].Total)
			assert.Equal(t, tc.caveats.Codes(), lines[0].Caveats.Codes())
		})
	}
}

// TestWhatTheCardHasNoTokenPriceFor is not free: the price is unknown, or what
// the span reports. A part without a price marks the rest.
func TestWhatTheCardHasNoTokenPriceFor(t *testing.T) {
	both := usage.Tokens{Input: 1000, Output: 1000}
	local := genai.Cost{Class: genai.LocalCost, Total: 6 * money.Dollar / 1000}
	for name, tc := range map[string]struct {
		model   string
		tokens  usage.Tokens
		cost    genai.Cost
		source  Source
		total   money.Amount
		caveats billing.Caveats
	}{
		"nothing has a price":       {"by-the-hour", both, genai.Cost{}, Nowhere, 0, billing.UnpricedCalls},
		"it is reported":            {"by-the-hour", both, local, Local, local.Total, billing.CostEstimated},
		"the request has a price":   {"by-the-call", both, local, RateCard, money.Dollar / 200, billing.UnpricedCalls},
		"a part has none":           {"embedding", both, genai.Cost{}, RateCard, money.Dollar / 1000, billing.UnpricedCalls},
		"only what has none":        {"embedding", usage.Tokens{Output: 7}, genai.Cost{}, Nowhere, 0, billing.UnpricedCalls},
		"free is stated":            {"free", both, local, RateCard, 0, 0},
		"no token is left to price": {"free", usage.Tokens{}, local, Local, local.Total, billing.CostEstimated},
	} {
		t.Run(name, func(t *testing.T) {
			rec := genai.Record{Provider: "openai", RequestModel: tc.model, Cost: tc.cost}
			call, quotes := described(t, rec, rec)
			call.Tokens = tc.tokens
			got, _ := Of(&billing.Bill{Calls: []billing.Call{call}}, quotes, nil, Trusted)
			assert.Equal(t, tc.source, got.Source)
			assert.Equal(t, tc.total, got.Total)
			assert.Equal(t, tc.source != Nowhere, got.Known)
			assert.Equal(t, tc.source == Nowhere, got.Unpriced == 1)
			assert.Equal(t, tc.caveats.Codes(), got.Caveats)
		})
	}
}

// TestTokensOfImagesArePricedAsText, and marked, whichever of a call's spans
// says that there are some.
func TestTokensOfImagesArePricedAsText(t *testing.T) {
	text := genai.Record{Provider: "openai", RequestModel: "m"}
	image := text
	image.Traits = genai.Pictures
	for name, c := range map[string]struct {
		spans []genai.Record
		want  billing.Caveats
	}{
		"none": {[]genai.Record{text, text}, 0}, "one": {[]genai.Record{image}, billing.UnitFallback},
		"the second": {[]genai.Record{text, image}, billing.UnitFallback},
	} {
		call, quotes := described(t, c.spans[0], c.spans...)
		got, _ := Of(&billing.Bill{Calls: []billing.Call{call}}, quotes, nil, Trusted)
		assert.Equal(t, c.want.Codes(), got.Caveats, name)
		assert.Equal(t, money.Dollar, got.Total, name)
	}
}

// TestAnotherCurrencyIsMarked, for what it comes to is not in the total.
func TestAnotherCurrencyIsMarked(t *testing.T) {
	c := call(genai.NoCost, 0)
	c.Record.Cost.Currency = "EUR"
	got, _ := of(&billing.Bill{Calls: []billing.Call{c}}, perToken, nil, Trusted)
	assert.Equal(t, []string{"currency"}, got.Caveats)
	assert.Equal(t, billing.LowerBound, got.Accuracy)
}

// TestSumIsPricedBelowAllTiers: none of its calls may have been above one.
func TestSumIsPricedBelowAllTiers(t *testing.T) {
	dear := func(int) *ratecard.Quote {
		q := perToken(0)
		above := q.Rates
		for l := range above.Num {
			above.Num[l] = 1000
		}
		q.Context = []ratecard.ContextRates{{Over: 10, Rates: above}}
		return q
	}
	c := call(genai.NoCost, 0)
	one, _ := of(&billing.Bill{Calls: []billing.Call{c}}, dear, nil, Trusted)
	assert.EqualValues(t, 1000*1010, one.Total)
	c.Sum, c.APICalls = true, 3
	sum, _ := of(&billing.Bill{Calls: []billing.Call{c}}, dear, nil, Trusted)
	assert.EqualValues(t, 2*1010, sum.Total)
}

// TestPriceThatNoAmountHolds is none, and is not replaced by somebody's
// estimate: the total says that it is too low.
func TestPriceThatNoAmountHolds(t *testing.T) {
	for name, rates := range map[string]func(*ratecard.Quote){
		"tokens": func(q *ratecard.Quote) { q.Rates.Num[ratecard.Input] = math.MaxInt64 },
		"fee":    func(q *ratecard.Quote) { q.Rates.Request = math.MaxInt64 },
	} {
		t.Run(name, func(t *testing.T) {
			c := call(genai.LocalCost, 7)
			c.APICalls = 2
			got, lines := of(&billing.Bill{Calls: []billing.Call{c, call(genai.OperatorCost, 5)}}, func(int) *ratecard.Quote {
				q := perToken(0)
				rates(q)
				return q
			}, nil, Trusted)
			assert.False(t, lines[0].Known)
			assert.True(t, got.Overflow)
			assert.EqualValues(t, 5, got.Total)
			assert.Equal(t, []string{"overflow", "unpriced_calls"}, got.Caveats)
		})
	}
}
