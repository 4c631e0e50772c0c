package cost

import (
	"slices"
	"strings"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

// Quotes gives the record of a span and the rates that were found for it when
// it arrived, nil where there is none.
type Quotes func(span int) (*genai.Record, *ratecard.Quote)

// quoteFor picks the rates of a call out of those found for its records. Each
// was found by what one span says, and the call is what all of them say
// together: one may name the model that answered, another the service tier.
// Rates are never looked up anew, for the card may have changed since. Where
// no record has the whole name, or two name different things, and that makes a
// difference to the price, the caveats say so.
func quoteFor(call *billing.Call, quotes Quotes) (*ratecard.Quote, billing.Caveats) {
	if len(call.Records) == 1 {
		_, q := quotes(call.Records[0])
		return q, 0
	}
	var best *ratecard.Quote
	var of *genai.Record
	fits := 0
	for _, span := range call.Records {
		rec, q := quotes(span)
		if q == nil || rec == nil {
			continue
		}
		if n := nameFit(&call.Record, rec); best == nil || n > fits {
			best, of, fits = q, rec, n
		}
	}
	if best == nil {
		return nil, 0
	}
	var doubt billing.Caveats
	for _, span := range call.Records {
		rec, q := quotes(span)
		if rec == nil {
			continue
		}
		if rec.Tier != "" && !sameTier(rec.Tier, call.Record.Tier) {
			doubt |= billing.UsageConflict
		}
		if q != nil && (fits < wholeName || contradicts(&call.Record, rec)) && !agree(q, best, sameTier(rec.Tier, of.Tier)) {
			doubt |= billing.UsageConflict
		}
	}
	if sameTier(of.Tier, call.Record.Tier) {
		return best, doubt
	}
	// The tier is another record's. Its rates are right if they are those of
	// the same model.
	if q := tierOf(call, best, quotes); q != nil {
		return q, doubt
	}
	return best, doubt | billing.TierUnpriced
}

// tierOf is a quote of the call's tier for the model and the provider of
// another one, nil where there is none.
func tierOf(call *billing.Call, like *ratecard.Quote, quotes Quotes) *ratecard.Quote {
	for _, span := range call.Records {
		if rec, q := quotes(span); q != nil && rec != nil && sameTier(rec.Tier, call.Record.Tier) && agree(q, like, false) {
			return q
		}
	}
	return nil
}

// How much of the name that a call goes by a record has. The model comes
// first, as it makes the most difference; then the address, which tells more
// than the name of a provider whose protocol half of all others speak.
const (
	hasProvider = 1 << iota
	hasAddress
	hasModel
	wholeName = hasProvider | hasAddress | hasModel
)

func nameFit(call, rec *genai.Record) int {
	n := 0
	if rec.Provider == call.Provider {
		n |= hasProvider
	}
	if rec.ServerAddress == call.ServerAddress {
		n |= hasAddress
	}
	if strings.EqualFold(rec.Model(), call.Model()) {
		n |= hasModel
	}
	return n
}

// contradicts reports whether a record names another seller than the call. A
// record that leaves a name out says nothing against it, and of two names of a
// model the more precise one has been taken.
func contradicts(call, rec *genai.Record) bool {
	return rec.Provider != "" && rec.Provider != call.Provider || rec.ServerAddress != "" && rec.ServerAddress != call.ServerAddress
}

func sameTier(a, b string) bool {
	return strings.EqualFold(a, b) || ratecard.StandardTier(a) && ratecard.StandardTier(b)
}

// agree reports whether two quotes come to the same price. Of two tiers it is
// enough that they are of one model of one provider.
func agree(a, b *ratecard.Quote, tier bool) bool {
	if !tier {
		return a.Provider == b.Provider && a.Model == b.Model
	}
	return a == b || a.Rates == b.Rates && slices.Equal(a.Context, b.Context)
}
