package ratecard

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/money"
)

// rate is the price num of per units: an exact fraction, because a price per
// million is not always a whole number of picodollars each.
type rate struct {
	num money.Amount
	per int64 // above zero
}

// newRate is the rate in its lowest terms.
func newRate(num money.Amount, per int64) rate {
	d := gcd(int64(num), per)
	return rate{num: num / money.Amount(d), per: per / d}
}

// times is the rate multiplied by num ÷ per. ok is false where the fraction
// does not fit: prices and multipliers with very many digits.
func (r rate) times(num, per int64) (_ rate, ok bool) {
	// Cross-cancel first, so that only what truly does not fit is refused.
	a, d := gcd(int64(r.num), per), gcd(num, r.per)
	n, ok1 := mul(int64(r.num)/a, num/d)
	p, ok2 := mul(r.per/d, per/a)
	return rate{num: money.Amount(n), per: p}, ok1 && ok2
}

// priceList is what a card states for one model at one time: at most one
// price for a unit, sorted by unit.
type priceList []price

// price is what one unit costs. Above each tier's bound it is the tier's rate.
type price struct {
	unit  unit
	base  rate
	tiers []tier // by bound, ascending
}

// tier is a rate for calls with more input than a bound: all of the call, not
// only what lies above.
type tier struct {
	over int64 // input tokens, cached ones included; the tier begins one above
	rate rate
}

func (l priceList) find(u unit) (price, bool) {
	for _, p := range l {
		if p.unit == u {
			return p, true
		}
	}
	return price{}, false
}

// overlaid is l with each price of o in the place of l's price for the same unit:
// key by key, and a price with all of its tiers (genai-prices: price_variants).
func (l priceList) overlaid(o priceList) priceList {
	out := slices.Clone(o)
	for _, p := range l {
		if _, ok := o.find(p.unit); !ok {
			out = append(out, p)
		}
	}
	out.sort()
	return out
}

func (l priceList) sort() {
	slices.SortFunc(l, func(a, b price) int {
		switch {
		case a.unit < b.unit:
			return -1
		case a.unit > b.unit:
			return 1
		}
		return 0
	})
}

// orphan is a unit that is priced where the unit containing it is not.
func (l priceList) orphan() (part, whole unit, found bool) {
	for _, p := range l {
		w, ok := unitAncestor[p.unit]
		if !ok {
			continue
		}
		if _, ok := l.find(w); !ok {
			return p.unit, w, true
		}
	}
	return "", "", false
}

// bounds are the bounds of all tiers in the list, ascending.
func (l priceList) bounds() []int64 {
	var out []int64
	for _, p := range l {
		for _, t := range p.tiers {
			out = append(out, t.over)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// at is the rate of the price for a call that has more than over input tokens
// and no more than the next bound; over < 0 is below all tiers.
func (p price) at(over int64) rate {
	r := p.base
	for _, t := range p.tiers {
		if over >= 0 && t.over <= over {
			r = t.rate
		}
	}
	return r
}

var errTooPrecise = errors.New("the price has too many digits beside the others of its model; round it to 6 decimal places")

// commonPer is the least denominator that all rates have in common, so that a
// sum of many products is rounded once and not once each.
func commonPer(rates []rate) (int64, error) {
	per := int64(1)
	for _, r := range rates {
		p, ok := mul(per/gcd(per, r.per), r.per)
		if !ok {
			return 0, errTooPrecise
		}
		per = p
	}
	return per, nil
}

// over is the numerator of the rate over the denominator per, a multiple of
// the rate's own.
func (r rate) over(per int64) (int64, error) {
	n, ok := mul(int64(r.num), per/r.per)
	if !ok {
		return 0, fmt.Errorf("%w (%s USD for %d)", errTooPrecise, r.num, r.per)
	}
	return n, nil
}

// gcd is the greatest common divisor of two numbers that are not negative, and
// 1 where both are zero.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, 1)
}

// mul is the product of two numbers that are not negative, if it fits.
func mul(a, b int64) (int64, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return int64(lo), hi == 0 && lo < 1<<63
}
