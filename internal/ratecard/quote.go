package ratecard

import (
	"strings"
	"time"
)

// Query is what one call says about itself, as its span wrote it.
type Query struct {
	Provider      string // such as "openai" or "aws.bedrock"; "" where the span names none
	Named         string // the provider as the span wrote it, where Provider is a common spelling; a card of one's own may go by it
	ServerAddress string // host, with or without scheme and port
	ResponseModel string
	RequestModel  string
	At            time.Time // when the call began; the rates of this time are quoted
	Tier          string    // service tier; "" where the span names none
}

// Quote is the rates in force for one call: immutable, and complete in
// itself, so that it can be stored and used after the card has changed.
type Quote struct {
	Card     string // id and digest of the card the rates are from, "id@digest"; with "+" between two
	Provider string // the card's id of the provider whose rates these are
	Model    string // the card's id of the model

	// FirstParty says that the provider makes the models it sells. A
	// reseller's price may differ from the maker's, and goes stale sooner.
	FirstParty bool

	// TierUnpriced says that the call named a service tier for which the card
	// has no rates; these are the standard ones.
	TierUnpriced bool

	Rates   Rates          // below all context tiers
	Context []ContextRates // by Over, ascending; a call takes the last one whose bound it exceeds, and is priced by it as a whole
	Fees    []Fee          // by Unit
}

// Reason says why there is no quote. "" is no reason: there is one.
type Reason string

const (
	NoModel         Reason = "no_model"         // the span names no model
	UnknownProvider Reason = "unknown_provider" // it names a provider that the card does not have
	UnknownModel    Reason = "unknown_model"    // the card does not have the model
	Ambiguous       Reason = "ambiguous"        // it names no provider, and not exactly one maker has this model
	NotInForce      Reason = "not_in_force"     // the card has the model, and no price for the time of the call
	NoRates         Reason = "no_rates"         // the card has the model and states no price
)

// Quote finds the rates for a call. Where there are none it returns nil and
// the reason. A combination that was asked for before costs no allocation;
// the time is not part of the combination.
func (c *Card) Quote(q Query) (*Quote, Reason) {
	k := key{q.Provider, q.Named, q.ServerAddress, q.ResponseModel, q.RequestModel, q.Tier}
	r := c.memo.get(k)
	if r == nil {
		r = c.resolve(q)
		c.memo.put(k, r)
	}
	return r.at(q.At)
}

// resolution is all quotes that a combination can get, whatever the time.
type resolution struct {
	offers []timed // in order of preference
	reason Reason  // where no offer is in force; never ""
}

// timed is a quote and when it is in force. The quote is nil where a card has
// the model and states no price for it.
type timed struct {
	when  when
	quote *Quote
}

func (r *resolution) at(t time.Time) (*Quote, Reason) {
	for i := range r.offers {
		if !r.offers[i].when.holds(t) {
			continue
		}
		if q := r.offers[i].quote; q != nil {
			return q, ""
		}
		return nil, NoRates
	}
	return nil, r.reason
}

// standardTiers are the names under which providers report that a call was
// served, and billed, as usual. "auto" is a wish, not a tier.
var standardTiers = map[string]bool{
	"": true, "auto": true, "default": true, "standard": true, "standard_only": true, "on_demand": true, "on-demand": true,
}

// StandardTier reports whether a service tier is the one that every price of a
// card is for; "" is.
func StandardTier(tier string) bool { return standardTiers[tierName(tier)] }

func tierName(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
