package journal

import (
	"math"

	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

// quote writes rates. Calls of one model share a quote, mostly by pointer; a
// card that was read again has others that say the same.
func (w *Writer) quote(q *ratecard.Quote) {
	if n, found := w.quotes[q]; found {
		w.uvarint(n)
		return
	}
	start := len(w.b)
	w.b = append(w.b, 0)
	w.rates(q)
	content := w.b[start+1:]
	n, found := w.contents[string(content)]
	if found {
		w.b = w.b[:start]
		w.uvarint(n)
	} else {
		n = uint64(len(w.contents)) + 1
		w.contents[string(content)] = n
	}
	w.quotes[q] = n
}

// rates writes a quote itself, with no word from a dictionary: equal quotes
// are equal bytes.
func (w *Writer) rates(q *ratecard.Quote) {
	w.text(q.Card)
	w.text(q.Provider)
	w.text(q.Model)
	w.bool(q.FirstParty)
	w.bool(q.TierUnpriced)
	w.ratesAt(&q.Rates)
	writeList(w, q.Context, func(c *ratecard.ContextRates) {
		w.varint(c.Over)
		w.ratesAt(&c.Rates)
	})
	writeList(w, q.Fees, func(f *ratecard.Fee) {
		w.text(f.Unit)
		w.varint(f.Num)
		w.varint(f.Per)
	})
}

func (w *Writer) ratesAt(v *ratecard.Rates) {
	w.varint(v.Per)
	for _, n := range v.Num {
		w.varint(n)
	}
	w.varint(v.Request)
	w.uvarint(uint64(v.Priced))
	w.uvarint(uint64(v.Fallback))
}

func (r *reader) quote() *ratecard.Quote {
	n := r.uvarint()
	if n > 0 {
		return *named(r, r.quotes, n)
	}
	q := &ratecard.Quote{
		Card: r.text(), Provider: r.text(), Model: r.text(), FirstParty: r.bool(), TierUnpriced: r.bool(),
	}
	r.readRatesAt(&q.Rates)
	q.Context = readList(r, 14, func(c *ratecard.ContextRates) {
		c.Over = r.varint()
		r.readRatesAt(&c.Rates)
	})
	q.Fees = readList(r, 3, func(f *ratecard.Fee) {
		*f = ratecard.Fee{Unit: r.text(), Num: r.varint(), Per: r.varint()}
	})
	r.quotes = append(r.quotes, q)
	return q
}

func (r *reader) readRatesAt(v *ratecard.Rates) {
	v.Per = r.varint()
	for i := range v.Num {
		v.Num[i] = r.varint()
	}
	v.Request = r.varint()
	v.Priced, v.Fallback = ratecard.LeafSet(r.bounded(math.MaxUint16)), ratecard.LeafSet(r.bounded(math.MaxUint16))
}
