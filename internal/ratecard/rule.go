package ratecard

import (
	"regexp"
	"slices"
	"strings"

	"github.com/runrollup/runrollupprocessor/internal/money"
)

// rule is one entry under rates of a ratecard/v1 file.
type rule struct {
	provider string // id; "" for any
	kind     matchKind
	names    []string // in lower case; for regex as written
	res      []*regexp.Regexp
	offer    offer
	span     when // from and to
	line     int
}

// matchKind is how a rule's names are meant, from the closest to the loosest.
type matchKind uint8

const (
	matchExact matchKind = iota
	matchPattern
	matchRegex
)

// fit says how closely a rule fits a name: exact before the longest prefix or
// glob before regex, and the file's order among equals. A smaller fit is a
// closer one.
type fit struct {
	kind  matchKind
	short int // how much of the name is not spelled out, negated length
}

func (r *rule) fits(provider, name string) (best fit, ok bool) {
	if r.provider != "" && r.provider != provider {
		return fit{}, false
	}
	for i, n := range r.names {
		f := fit{kind: r.kind}
		switch r.kind {
		case matchExact:
			if n != name {
				continue
			}
		case matchPattern:
			if !r.res[i].MatchString(name) {
				continue
			}
			f.short = -len(strings.NewReplacer("*", "", "?", "").Replace(n))
		case matchRegex:
			if !r.res[i].MatchString(name) {
				continue
			}
		}
		if !ok || f.short < best.short {
			best, ok = f, true
		}
	}
	return best, ok
}

// rulesFor are the rules that fit a name, closest first. All of them are
// wanted: the closest may not be in force at the time of a call.
func (l *layer) rulesFor(provider, name string) []*rule {
	type hit struct {
		fit
		rule *rule
	}
	var hits []hit
	for i := range l.rules {
		if f, ok := l.rules[i].fits(provider, name); ok {
			hits = append(hits, hit{f, &l.rules[i]})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		if a.kind != b.kind {
			return int(a.kind) - int(b.kind)
		}
		return a.short - b.short
	})
	out := make([]*rule, len(hits))
	for i := range hits {
		out[i] = hits[i].rule
	}
	return out
}

// modelAlias says what a name stands for: a deployment, an inference profile.
type modelAlias struct {
	provider string // id; "" for any
	model    string // in lower case
	is       target
	line     int
}

// adjustment is a negotiated term: all prices of a provider times a factor.
type adjustment struct {
	provider string
	when     when
	num, per int64  // the factor
	text     string // as written
	ref      string // of the card that states it
	line     int
}

// apply is the quote under the adjustment. The card that states the term goes
// on the quote beside the one that states the price.
func (a adjustment) apply(q *Quote, from string) (*Quote, error) {
	out, err := q.times(a.num, a.per)
	if err != nil {
		return nil, err
	}
	if a.ref != from {
		out.Card = from + "+" + a.ref
	}
	return out, nil
}

// factor reads a multiplier as a fraction.
func factor(s string) (num, per int64, err error) {
	a, err := money.Parse(s) // the same syntax: a decimal of at most 12 places
	if err != nil {
		return 0, 0, err
	}
	if a < 0 {
		return 0, 0, ErrNegative
	}
	r := newRate(a, int64(money.Dollar))
	return int64(r.num), r.per, nil
}
