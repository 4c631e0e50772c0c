package billing

import (
	"math/bits"
	"slices"
	"strings"
)

// Caveats are the reasons why a total may differ from the invoice.
type Caveats uint32

// The caveats, by the codes of their String. Those that this package never
// sets belong to the same set because they are reported in the same list:
// prices are found and spans are counted elsewhere.
const (
	UsageMissing       Caveats = 1 << iota // a call without usage, or without a part of it
	UsageEstimated                         // counted by the instrumentation, not by the provider
	UsageInexact                           // known to be off by a few tokens
	UsageConflict                          // records of one call disagree, or a record does with itself
	CacheAssumed                           // nothing tells whether input includes cached tokens
	CacheTTLAssumed                        // a cache write of unknown lifetime, priced as five minutes
	CacheUnreported                        // the emitter never reports cached tokens
	TierAssumed                            // several requests summed: the context tier of each is unknown
	ResidualLeft                           // an aggregate says more than the calls beneath it
	PossibleDuplicate                      // two records may be one call, and are billed as two
	AttributionSuspect                     // a span may belong to another run
	UnpricedCalls                          // a call without a price
	TierUnpriced                           // a service tier without a price of its own
	Sampled                                // spans were sampled away
	Currency                               // a cost in another currency
	SpanLimit                              // more spans than a run may hold
	Overflow                               // a sum left the range of amounts
	CostEstimated                          // priced by an instrumentation's own estimate
	CostUnread                             // a cost was stated and could not be read
	UnitFallback                           // tokens of a kind that the card has no rate for, priced as the kind that contains theirs
	end
)

var caveatCodes = [...]string{
	"usage_missing", "usage_estimated", "usage_inexact", "usage_conflict", "cache_assumed", "cache_ttl_assumed",
	"cache_unreported", "tier_assumed", "residual", "possible_duplicate", "attribution_suspect", "unpriced_calls",
	"tier_unpriced", "sampled", "currency", "span_limit", "overflow", "cost_estimated", "cost_unread", "unit_fallback",
}

// caveatsByCode are the places in caveatCodes in order of the codes.
var caveatsByCode = func() []int {
	places := make([]int, len(caveatCodes))
	for i := range places {
		places[i] = i
	}
	slices.SortFunc(places, func(i, j int) int { return strings.Compare(caveatCodes[i], caveatCodes[j]) })
	return places
}()

// Has reports whether all of the given caveats are set.
func (c Caveats) Has(o Caveats) bool { return c&o == o }

// Codes are the codes of the set, sorted.
func (c Caveats) Codes() []string {
	if c == 0 {
		return nil
	}
	codes := make([]string, 0, bits.OnesCount32(uint32(c)))
	for _, i := range caveatsByCode {
		if c&(1<<i) != 0 {
			codes = append(codes, caveatCodes[i])
		}
	}
	return codes
}

// String is the sorted codes, joined by commas.
func (c Caveats) String() string {
	s := ""
	for i, code := range c.Codes() {
		if i > 0 {
			s += ","
		}
		s += code
	}
	return s
}

// ParseCaveats is the set with the given codes. A code of a newer version is
// not known here and is left out, with ok false.
func ParseCaveats(codes []string) (c Caveats, ok bool) {
	ok = true
	for _, code := range codes {
		i := slices.Index(caveatCodes[:], code)
		if i < 0 {
			ok = false
			continue
		}
		c |= 1 << i
	}
	return c, ok
}
