package ratecard

import (
	"errors"
	"math/bits"
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// ErrNegative says that a count or a quantity is below zero.
var ErrNegative = errors.New("a count below zero has no price")

// Price is what one call costs. The four amounts add up to its total.
type Price struct {
	Input      money.Amount // input without a cache, audio too, and the fee for the request where the provider has one
	CacheRead  money.Amount
	CacheWrite money.Amount
	Output     money.Amount // reasoning and audio too

	// UnitFallback says that some tokens were billed at the rate of the kind
	// that contains theirs, because the card has no rate for their own:
	// cached input at the input rate, for one. Or that the card has a rate of
	// its own for images, video or citations within them, and nothing tells how
	// many of the tokens are such.
	UnitFallback bool

	// Priced says that the card has a rate, be it zero, for some of the tokens
	// or a fee for the request. Where it has not, the amounts are no price.
	Priced bool

	// Unpriced is how many tokens have no rate at all in the card, and so no
	// part in the amounts: those of a model that is sold by the hour, or the
	// output of an embedding model. Above zero the price is a lower bound.
	Unpriced int64
}

// Total is the sum of the amounts, or money.ErrOverflow.
func (p Price) Total() (money.Amount, error) {
	sum, err := p.Input.Add(p.CacheRead)
	if err != nil {
		return 0, err
	}
	if sum, err = sum.Add(p.CacheWrite); err != nil {
		return 0, err
	}
	return sum.Add(p.Output)
}

// Leaf indexes the parts that the tokens of a call are cut into, in the order
// of the fields of usage.Tokens. The values are stored; never renumber them.
type Leaf uint8

const (
	Input Leaf = iota
	CacheRead
	CacheWrite5m
	CacheWrite1h
	InputAudio
	CacheReadAudio
	Output
	Reasoning
	OutputAudio
	Leaves // how many there are
)

// Rates are what each token of a call costs, as fractions with one
// denominator.
type Rates struct {
	Per      int64         // the denominator; above zero
	Num      [Leaves]int64 // picodollars for Per tokens, never below zero
	Request  int64         // picodollars times Per for each request
	Priced   LeafSet       // the leaves that have a rate; the others' Num is 0
	Fallback LeafSet       // the leaves whose rate is that of a kind which contains theirs
}

// LeafSet is a set of leaves: bit 1<<l for leaf l.
type LeafSet uint16

// Has reports whether the set holds the leaf.
func (s LeafSet) Has(l Leaf) bool { return s>>l&1 == 1 }

// ContextRates are the rates of calls with more input than a bound.
type ContextRates struct {
	Over int64 // input tokens, cached ones included; from one above this bound on
	Rates
}

// Fee is the price of something that is no token: a web search, a page.
type Fee struct {
	Unit string // the key of the price in the card, such as "web_searches_kcount"
	Num  int64  // picodollars for Per of the unit's counts
	Per  int64  // above zero
}

// Price is what a call with these tokens costs. The rates are those of the
// context tier that all input of the call together falls into, cached input
// included (genai-prices engine: tiers are cliffs, and begin above their
// bound). Each of the four amounts is rounded at most once, by
// money.RoundHalfEven, and only where its rates are no whole number of
// picodollars. It returns money.ErrOverflow, or ErrNegative for a count below
// zero.
func (q *Quote) Price(t usage.Tokens) (Price, error) {
	counts := [Leaves]int64{
		Input: t.Input, CacheRead: t.CacheRead, CacheWrite5m: t.CacheWrite5m, CacheWrite1h: t.CacheWrite1h,
		InputAudio: t.InputAudio, CacheReadAudio: t.CacheReadAudio,
		Output: t.Output, Reasoning: t.Reasoning, OutputAudio: t.OutputAudio,
	}
	var p Price
	for _, n := range counts {
		if n < 0 {
			return Price{}, ErrNegative
		}
	}
	r := q.ratesFor(&counts)
	p.Priced = r.Request > 0
	for l, n := range counts {
		if n == 0 {
			continue
		}
		if r.Priced.Has(Leaf(l)) {
			p.Priced = true
		} else {
			p.Unpriced = saturated(p.Unpriced, n)
		}
		p.UnitFallback = p.UnitFallback || r.Fallback.Has(Leaf(l))
	}
	p.UnitFallback = p.UnitFallback || q.blends(&counts)
	var err error
	if p.Input, err = r.sum(&counts, r.Request, Input, InputAudio); err != nil {
		return Price{}, err
	}
	if p.CacheRead, err = r.sum(&counts, 0, CacheRead, CacheReadAudio); err != nil {
		return Price{}, err
	}
	if p.CacheWrite, err = r.sum(&counts, 0, CacheWrite5m, CacheWrite1h); err != nil {
		return Price{}, err
	}
	if p.Output, err = r.sum(&counts, 0, Output, Reasoning, OutputAudio); err != nil {
		return Price{}, err
	}
	if _, err = p.Total(); err != nil {
		return Price{}, err
	}
	return p, nil
}

// blends reports whether some of the tokens may be of a kind that no leaf is
// for and that has another price than the leaf they are in.
func (q *Quote) blends(counts *[Leaves]int64) bool {
	for i := range q.Fees {
		f := &q.Fees[i]
		for _, k := range blended {
			if string(k.part) == f.Unit && counts[k.within] > 0 && !q.Rates.equals(k.within, f) {
				return true
			}
		}
	}
	return false
}

// blended are the kinds of tokens that no leaf is for, and the leaf that they
// are counted in.
var blended = [...]struct {
	part   unit
	within Leaf
}{
	{"input_image_mtok", Input}, {"input_video_mtok", Input},
	{"cache_image_read_mtok", CacheRead}, {"cache_video_read_mtok", CacheRead},
	{"output_image_mtok", Output}, {"output_video_mtok", Output}, {"output_citation_mtok", Output},
}

// equals reports whether a leaf has the rate of the fee.
func (r *Rates) equals(l Leaf, f *Fee) bool {
	h1, l1 := bits.Mul64(uint64(r.Num[l]), uint64(f.Per))
	h2, l2 := bits.Mul64(uint64(f.Num), uint64(r.Per))
	return r.Priced.Has(l) && h1 == h2 && l1 == l2
}

// ratesFor are the rates of the tier that the call's input falls into.
func (q *Quote) ratesFor(counts *[Leaves]int64) *Rates {
	if len(q.Context) == 0 {
		return &q.Rates
	}
	var input int64
	for l := Input; l < Output; l++ {
		input = saturated(input, counts[l]) // at the limit it is above every bound anyway
	}
	r := &q.Rates
	for i := range q.Context {
		if input > q.Context[i].Over {
			r = &q.Context[i].Rates
		}
	}
	return r
}

// sum is fee plus the leaves' counts times their rates, divided by the common
// denominator at the end. At most four products of 63 bits each fit 128 bits.
func (r *Rates) sum(counts *[Leaves]int64, fee int64, leaves ...Leaf) (money.Amount, error) {
	hi, lo := uint64(0), uint64(fee)
	for _, l := range leaves {
		h, n := bits.Mul64(uint64(r.Num[l]), uint64(counts[l]))
		var carry uint64
		lo, carry = bits.Add64(lo, n, 0)
		hi, _ = bits.Add64(hi, h, carry)
	}
	return money.RoundHalfEven(false, hi, lo, uint64(r.Per))
}

// Fee is what count of a unit cost, named by its key in the card such as
// "web_searches_kcount"; ok is false where the card has no price for it. Fees
// are no part of [Quote.Price]: tokens do not tell how many searches a call
// made, and no count means no fee.
func (q *Quote) Fee(key string, count int64) (a money.Amount, ok bool, err error) {
	if count < 0 {
		return 0, false, ErrNegative
	}
	for _, f := range q.Fees {
		if f.Unit == key {
			a, err = money.Amount(f.Num).MulDiv(count, f.Per)
			return a, true, err
		}
	}
	return 0, false, nil
}

// leafUnits lists for each leaf the units whose rate it takes, the nearest
// first (genai-prices engine: what no priced part covers is billed with the
// unit that contains it).
var leafUnits = [Leaves][]unit{
	Input:          {inputTokens},
	CacheRead:      {cacheReadTokens, inputTokens},
	CacheWrite5m:   {cacheWrite5m, cacheWriteTokens, inputTokens},
	CacheWrite1h:   {cacheWrite1h, cacheWriteTokens, inputTokens},
	InputAudio:     {inputAudioTokens, inputTokens},
	CacheReadAudio: {cacheAudioRead, cacheReadTokens, inputAudioTokens, inputTokens},
	Output:         {outputTokens},
	Reasoning:      {reasoningTokens, outputTokens},
	OutputAudio:    {outputAudio, outputTokens},
}

// leafOwn is how many of a leaf's units are its own; a rate from a later one is
// a fallback. Reasoning at the output rate is none: providers bill it as
// output.
var leafOwn = [Leaves]int{
	Input: 1, CacheRead: 1, CacheWrite5m: 2, CacheWrite1h: 1, InputAudio: 1, CacheReadAudio: 1,
	Output: 1, Reasoning: 2, OutputAudio: 1,
}

// ratesOf brings what a card states to one rate a leaf, for calls of the tier
// that begins above over; over < 0 is below all tiers.
func (l priceList) ratesOf(over int64) (Rates, error) {
	var r Rates
	var found [Leaves]rate
	all := []rate{{per: 1}}
	for leaf := range Leaves {
		for i, u := range leafUnits[leaf] {
			p, ok := l.find(u)
			if !ok {
				continue
			}
			found[leaf] = p.at(over)
			r.Priced |= 1 << leaf
			if i >= leafOwn[leaf] {
				r.Fallback |= 1 << leaf
			}
			all = append(all, found[leaf])
			break
		}
	}
	request, _ := l.find(requests)
	if request.base.per > 0 {
		all = append(all, request.at(over))
	}
	var err error
	if r.Per, err = commonPer(all); err != nil {
		return Rates{}, err
	}
	for leaf := range Leaves {
		if !r.Priced.Has(leaf) {
			continue
		}
		if r.Num[leaf], err = found[leaf].over(r.Per); err != nil {
			return Rates{}, err
		}
	}
	if request.base.per > 0 {
		r.Request, err = request.at(over).over(r.Per)
	}
	return r, err
}

// fill sets the rates of the quote from what a card states.
func (q *Quote) fill(l priceList) error {
	var err error
	if q.Rates, err = l.ratesOf(-1); err != nil {
		return err
	}
	for _, over := range l.bounds() {
		r, err := l.ratesOf(over)
		if err != nil {
			return err
		}
		q.Context = append(q.Context, ContextRates{Over: over, Rates: r})
	}
	for _, p := range l {
		if !slices.ContainsFunc(leafUnits[:], func(us []unit) bool { return slices.Contains(us, p.unit) }) && p.unit != requests {
			q.Fees = append(q.Fees, Fee{Unit: string(p.unit), Num: int64(p.base.num), Per: p.base.per})
		}
	}
	return nil
}

// times is the quote with every rate multiplied by the same fraction. The
// multiplier joins the rates, so that a negotiated price too is rounded once.
func (q *Quote) times(num, per int64) (*Quote, error) {
	out := *q
	var err error
	if out.Rates, err = q.Rates.times(num, per); err != nil {
		return nil, err
	}
	out.Context = slices.Clone(q.Context)
	for i := range out.Context {
		if out.Context[i].Rates, err = out.Context[i].times(num, per); err != nil {
			return nil, err
		}
	}
	out.Fees = slices.Clone(q.Fees)
	for i, f := range out.Fees {
		r, ok := rate{num: money.Amount(f.Num), per: f.Per}.times(num, per)
		if !ok {
			return nil, errTooPrecise
		}
		out.Fees[i].Num, out.Fees[i].Per = int64(r.num), r.per
	}
	return &out, nil
}

func (r Rates) times(num, per int64) (Rates, error) {
	// One divisor for all, so that they keep their common denominator.
	common := per
	for l := range Leaves {
		common = gcd(r.Num[l], common)
	}
	common = gcd(r.Request, common)
	cross := gcd(num, r.Per)
	out := Rates{Priced: r.Priced, Fallback: r.Fallback}
	var ok bool
	if out.Per, ok = mul(r.Per/cross, per/common); !ok {
		return Rates{}, errTooPrecise
	}
	for l := range Leaves {
		if out.Num[l], ok = mul(r.Num[l]/common, num/cross); !ok {
			return Rates{}, errTooPrecise
		}
	}
	if out.Request, ok = mul(r.Request/common, num/cross); !ok {
		return Rates{}, errTooPrecise
	}
	return out, nil
}

func saturated(a, b int64) int64 {
	sum := a + b
	if sum < a {
		return 1<<63 - 1
	}
	return sum
}
