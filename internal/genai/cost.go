package genai

import (
	"strings"

	"github.com/runrollup/runrollupprocessor/internal/attrs"
	"github.com/runrollup/runrollupprocessor/internal/money"
)

// readCost takes the most believed cost that the span states: one total, or
// the two halves of one, never more. It reports whether the span states any,
// be it one that is not read for its currency.
//
// A cost of zero is not a cost: an instrumentation that does not know a price
// writes 0, and one who serves from a free plan can be priced at 0 by the rate
// card.
func (r *reading) readCost() bool {
	foreign := ""
	for i := range r.x.costs {
		c := &r.x.costs[i]
		if c.own != nil && (r.dialect == nil || r.dialect.Dialect != c.own) {
			continue
		}
		amount := r.amount(c)
		if amount <= 0 {
			continue
		}
		if unit := r.span.Attrs.String(c.currency); unit != "" && !strings.EqualFold(unit, "USD") {
			if foreign == "" {
				foreign = r.keep(unit)
			}
			continue
		}
		class := c.class
		if strings.EqualFold(r.span.Attrs.String(c.source), "provider") {
			class = ProviderCost
		}
		if now := r.rec.Cost.Class; now == NoCost || class < now {
			r.rec.Cost = Cost{Class: class, Total: amount}
		}
	}
	if r.rec.Cost.Class == NoCost {
		r.rec.Cost.Currency = foreign
	}
	return r.rec.Cost != Cost{}
}

// amount is what one way of stating a cost comes to, 0 where it says nothing.
func (r *reading) amount(c *cost) money.Amount {
	if c.blob != attrs.None {
		return r.amountInBlob(c)
	}
	sum := money.Amount(0)
	for _, id := range c.total {
		if a := r.usd(id); a > 0 {
			sum = a
			break
		}
	}
	if sum == 0 {
		sum = r.sumOf(c.sum)
	}
	if sum == 0 {
		return 0
	}
	if margin := r.usd(c.less); margin > 0 {
		sum = max(0, sum-margin) // both at least 0, so the difference fits
	} else {
		for _, id := range c.unless {
			if r.usd(id) > 0 {
				return 0 // there is a margin, and no telling how much
			}
		}
	}
	if v, ok := r.span.Attrs.Get(c.plusIf); ok {
		if within, known := truthOf(v); known && !within {
			sum = r.add(sum, r.usd(c.plus))
		}
	}
	return sum
}

// sumOf is a total that is stated in parts: of the input first, then of the
// output. Half of one is no total: 0 where a part is missing or not usable,
// but for that of an output that was not there.
func (r *reading) sumOf(parts []attrs.ID) (sum money.Amount) {
	for i, id := range parts {
		before := r.rec.Bad
		v, ok := r.span.Attrs.Get(id)
		if ok {
			a, stated, bad := usdOf(v)
			r.rec.Bad |= bad
			ok = stated
			sum = r.add(sum, a)
		}
		if !ok && (i == 0 || r.rec.Counts.Output.N > 0 || r.rec.Bad != before) {
			return 0
		}
	}
	return sum
}

func (r *reading) add(a, b money.Amount) money.Amount {
	sum, err := a.Add(b)
	if err != nil {
		r.rec.Bad |= BadHuge
		return 0
	}
	return sum
}

// usd reads one attribute, 0 where it is absent or not usable.
func (r *reading) usd(id attrs.ID) money.Amount {
	v, ok := r.span.Attrs.Get(id)
	if !ok {
		return 0
	}
	a, _, bad := usdOf(v)
	r.rec.Bad |= bad
	return a
}

func (r *reading) amountInBlob(c *cost) (found money.Amount) {
	v, ok := r.span.Attrs.Get(c.blob)
	if !ok || c.leaf && r.rec.Kind == Aggregate {
		return 0
	}
	o, ok := openObject(v)
	if !ok {
		r.rec.Bad |= BadBlob
		return 0
	}
	for {
		s, more := o.step()
		if !more {
			return found
		}
		if string(s.path) == c.path {
			a, _, bad := usdOfText(s.text)
			r.rec.Bad |= bad
			found = a
		}
	}
}
