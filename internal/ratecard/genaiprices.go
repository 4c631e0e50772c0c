package ratecard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/money"
)

// Catalog is price data in the form of genai-prices: both of its shapes, the
// bare array of providers and the object with units and providers, and the
// condensed form in which it is built in. Decoding brings all of them to the
// last: numbers as decimal strings, one list of prices a model, no
// look-ahead, nothing that does not bear on a price.
type Catalog struct {
	Providers []CatalogProvider `json:"providers"`
}

// CatalogProvider is one seller of models.
type CatalogProvider struct {
	ID         string         `json:"id"`
	APIPattern string         `json:"api_pattern,omitempty"`              // regular expression on the start of an API's address
	Fallbacks  []string       `json:"fallback_model_providers,omitempty"` // whose models it sells at their price, where it lists none of its own
	Models     []CatalogModel `json:"models"`                             // the first that fits a name is the one
}

// CatalogModel is one model of a provider.
type CatalogModel struct {
	ID       string           `json:"id"`
	Match    Match            `json:"match"`
	Prices   CatalogPrices    `json:"prices"`
	Variants []CatalogVariant `json:"price_variants,omitempty"`
}

// CatalogPrices are the prices of a model over time: the last one whose
// constraint holds is in force.
type CatalogPrices []CatalogDated

// CatalogDated is the prices of a model under a constraint.
type CatalogDated struct {
	Constraint *CatalogConstraint `json:"constraint,omitempty"`
	Prices     CatalogPriceMap    `json:"prices"`
}

// CatalogConstraint is either a day from which prices hold, in UTC, or a part
// of each day.
type CatalogConstraint struct {
	StartDate string `json:"start_date,omitempty"`
	StartTime string `json:"start_time,omitempty"`
	EndTime   string `json:"end_time,omitempty"`
}

// CatalogVariant is what takes the place of some prices for calls of a kind.
type CatalogVariant struct {
	When       CatalogWhen        `json:"when"`
	Constraint *CatalogConstraint `json:"constraint,omitempty"`
	Prices     CatalogPriceMap    `json:"prices"`
}

// CatalogWhen are the service tiers a variant is for. It is empty, and never
// holds, where the data asks for anything else (genai-prices:
// price_variants, unknown keys never match).
type CatalogWhen struct {
	ServiceTiers []string `json:"service_tier,omitempty"`
}

// CatalogPriceMap is prices by their key. Keys that are not known are left out.
type CatalogPriceMap map[unit]CatalogPrice

// CatalogPrice is one price in USD, as a decimal.
type CatalogPrice struct {
	Base  string        `json:"base"`
	Tiers []CatalogTier `json:"tiers"`
}

// CatalogTier is the price for calls with more input tokens than Start.
type CatalogTier struct {
	Start int64  `json:"start"`
	Price string `json:"price"`
}

// DecodeCatalog reads price data in any of its shapes. It checks form only;
// see [Catalog.Check].
func DecodeCatalog(data []byte) (*Catalog, error) {
	var c Catalog
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		if err := json.Unmarshal(data, &c.Providers); err != nil {
			return nil, fmt.Errorf("genai-prices data: %w", err)
		}
		return &c, nil
	}
	var wrapped struct {
		Units     map[string]catalogUnit `json:"units"`
		Providers []CatalogProvider      `json:"providers"`
	}
	if err := json.Unmarshal(data, &wrapped); err != nil {
		return nil, fmt.Errorf("genai-prices data: %w", err)
	}
	for name, u := range wrapped.Units {
		key := u.PriceKey
		if key == "" {
			key = name
		}
		if per, ok := unitPer[unit(key)]; ok && u.Per != json.Number(strconv.FormatInt(per, 10)) && u.Per != "" {
			if f, err := u.Per.Float64(); err != nil || f != float64(per) {
				return nil, fmt.Errorf("genai-prices data: %s is priced per %s here, and per %d in the data this program knows", key, u.Per, per)
			}
		}
	}
	c.Providers = wrapped.Providers
	return &c, nil
}

type catalogUnit struct {
	Per      json.Number `json:"per"`
	PriceKey string      `json:"price_key"`
}

// UnmarshalJSON also takes a single set of prices that always holds.
func (p *CatalogPrices) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("[")) {
		return json.Unmarshal(data, (*[]CatalogDated)(p))
	}
	var one CatalogPriceMap
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*p = CatalogPrices{{Prices: one}}
	return nil
}

// UnmarshalJSON takes one tier or a list, and nothing else.
func (w *CatalogWhen) UnmarshalJSON(data []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	raw, ok := all["service_tier"]
	if !ok || len(all) != 1 {
		return nil
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		w.ServiceTiers = []string{one}
		return nil
	}
	var many []any
	if json.Unmarshal(raw, &many) == nil {
		for _, m := range many {
			if s, ok := m.(string); ok {
				w.ServiceTiers = append(w.ServiceTiers, s)
			}
		}
	}
	return nil
}

// UnmarshalJSON keeps the keys that are known.
func (m *CatalogPriceMap) UnmarshalJSON(data []byte) error {
	var all map[unit]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	*m = CatalogPriceMap{}
	for key, raw := range all {
		if _, known := unitPer[key]; !known {
			continue
		}
		var p CatalogPrice
		if err := json.Unmarshal(raw, &p); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		(*m)[key] = p
	}
	return nil
}

// UnmarshalJSON takes a number, a string, or a base with tiers.
func (p *CatalogPrice) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("{")) {
		var tiered struct {
			Base  decimalText `json:"base"`
			Tiers []struct {
				Start int64       `json:"start"`
				Price decimalText `json:"price"`
			} `json:"tiers"`
		}
		if err := json.Unmarshal(data, &tiered); err != nil {
			return err
		}
		p.Base = string(tiered.Base)
		for _, t := range tiered.Tiers {
			p.Tiers = append(p.Tiers, CatalogTier{Start: t.Start, Price: string(t.Price)})
		}
		return nil
	}
	return json.Unmarshal(data, (*decimalText)(&p.Base))
}

// MarshalJSON writes a price without tiers as a string.
func (p CatalogPrice) MarshalJSON() ([]byte, error) {
	if len(p.Tiers) == 0 {
		return json.Marshal(p.Base)
	}
	type plain CatalogPrice
	return json.Marshal(plain(p))
}

// decimalText is a number in JSON as the digits that were written, whether
// quoted or not. It never was a float64: that would already have rounded.
type decimalText string

func (t *decimalText) UnmarshalJSON(data []byte) error {
	s := string(data)
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
	}
	if _, err := money.ParseDecimal(s); err != nil && !errors.Is(err, money.ErrPrecision) {
		return err
	}
	*t = decimalText(s)
	return nil
}

// Check reports the first thing in the catalog that is not sound: a name that
// is missing or given twice, a pattern that does not compile, a price that is
// negative or lacks the one it is a part of, tiers out of order. rounded are
// the prices that are no whole number of picodollars and had to be rounded.
func (c *Catalog) Check() (rounded []string, err error) {
	compiled, err := c.compile("", nil)
	if err != nil {
		return nil, err
	}
	return compiled.rounded, nil
}

// catalog is a [Catalog] made ready for lookups.
type catalog struct {
	providers []*provider
	byID      map[string]*provider
	rounded   []string
}

type provider struct {
	id        string
	api       *regexp.Regexp // nil where it has no address of its own
	fallbacks []string
	models    []*model
}

type model struct {
	id    string
	match *Match
	offer offer
}

// offer is the quotes for one model: first in force wins.
type offer struct {
	standard []timed
	variants map[string][]timed // by service tier in lower case
}

// compile makes quotes of the prices; they say they are from card. makers
// tells which provider makes what it sells.
func (c *Catalog) compile(card string, makers map[string]maker) (*catalog, error) {
	out := &catalog{byID: make(map[string]*provider, len(c.Providers))}
	for i := range c.Providers {
		raw := &c.Providers[i]
		p := &provider{id: raw.ID, fallbacks: raw.Fallbacks}
		if raw.ID == "" {
			return nil, fmt.Errorf("provider %d has no id", i+1)
		}
		if out.byID[raw.ID] != nil {
			return nil, fmt.Errorf("provider %s is given twice", raw.ID)
		}
		if raw.APIPattern != "" {
			var err error
			if p.api, err = regexp.Compile("^(?:" + raw.APIPattern + ")"); err != nil {
				return nil, fmt.Errorf("provider %s: api_pattern: %w", raw.ID, err)
			}
		}
		seen := make(map[string]bool, len(raw.Models))
		for j := range raw.Models {
			m := &raw.Models[j]
			if m.ID == "" || seen[m.ID] {
				return nil, fmt.Errorf("provider %s: model %d: the id %q is empty or given twice", raw.ID, j+1, m.ID)
			}
			seen[m.ID] = true
			maker, made := makers[raw.ID]
			o, rounded, err := m.compile(Quote{Card: card, Provider: raw.ID, Model: m.ID, FirstParty: made && maker.makes(m.ID)})
			if err != nil {
				return nil, fmt.Errorf("provider %s: model %s: %w", raw.ID, m.ID, err)
			}
			for _, r := range rounded {
				out.rounded = append(out.rounded, raw.ID+"/"+m.ID+" "+r)
			}
			p.models = append(p.models, &model{id: m.ID, match: &m.Match, offer: o})
		}
		out.providers = append(out.providers, p)
		out.byID[raw.ID] = p
	}
	return out, nil
}

// compile brings the dated prices into the order in which they are tried:
// from last to first, the first whose constraint holds, and the very first
// where none does (genai-prices engine).
func (m *CatalogModel) compile(blank Quote) (o offer, rounded []string, err error) {
	if m.Match.isEmpty() {
		return offer{}, nil, errors.New("no match")
	}
	if len(m.Prices) == 0 {
		return offer{}, nil, errors.New("no prices")
	}
	lists := make([]priceList, len(m.Prices))
	type entry struct {
		when when
		list priceList
	}
	var order []entry
	for i, dated := range slices.Backward(m.Prices) {
		l, r, err := dated.Prices.list()
		if err != nil {
			return offer{}, nil, err
		}
		rounded = append(rounded, r...)
		if len(l) == 0 && strings.HasSuffix(m.ID, ":free") {
			l = freeOfCharge
		}
		w, err := dated.Constraint.when()
		if err != nil {
			return offer{}, nil, err
		}
		lists[i] = l
		order = append(order, entry{w, l})
	}
	order = append(order, entry{always, lists[0]})
	for _, e := range order {
		q, err := quoteOf(blank, e.list)
		if err != nil {
			return offer{}, nil, err
		}
		o.standard = append(o.standard, timed{e.when, q})
		if e.when.isAlways() {
			break // what follows is never reached
		}
	}
	for _, v := range slices.Backward(m.Variants) {
		l, r, err := v.Prices.list()
		if err != nil {
			return offer{}, nil, err
		}
		rounded = append(rounded, r...)
		w, err := v.Constraint.when()
		if err != nil {
			return offer{}, nil, err
		}
		for _, e := range order {
			q, err := quoteOf(blank, e.list.overlaid(l))
			if err != nil {
				return offer{}, nil, fmt.Errorf("price_variants: %w", err)
			}
			o.addVariant(v.When.ServiceTiers, timed{w.and(e.when), q})
		}
	}
	return o, rounded, nil
}

func (o *offer) addVariant(tiers []string, t timed) {
	if o.variants == nil {
		o.variants = make(map[string][]timed)
	}
	for _, name := range tiers {
		name = tierName(name)
		o.variants[name] = append(o.variants[name], t)
	}
}

// freeOfCharge is the prices of a model whose entry is empty and whose id
// ends in ":free": there the name states the price. An empty entry without
// such a name states nothing.
var freeOfCharge = priceList{{unit: inputTokens, base: rate{per: 1}}, {unit: outputTokens, base: rate{per: 1}}}

// quoteOf fills in the blank; nil where there is no price to fill it with.
func quoteOf(blank Quote, l priceList) (*Quote, error) {
	if len(l) == 0 {
		return nil, nil
	}
	if part, whole, found := l.orphan(); found {
		return nil, fmt.Errorf("%s is priced and %s, which contains it, is not", part, whole)
	}
	q := blank
	if err := q.fill(l); err != nil {
		return nil, err
	}
	return &q, nil
}

func (m *Match) isEmpty() bool {
	return len(m.Or) == 0 && len(m.And) == 0 && m.Not == nil &&
		m.Equals == "" && m.StartsWith == "" && m.EndsWith == "" && m.Contains == "" && m.Regex == ""
}

func (m CatalogPriceMap) list() (l priceList, rounded []string, err error) {
	for key, raw := range m {
		p := price{unit: key}
		if p.base, err = catalogRate(key, raw.Base, &rounded); err != nil {
			return nil, nil, err
		}
		for i, t := range raw.Tiers {
			if t.Start < 0 || (i > 0 && t.Start <= raw.Tiers[i-1].Start) {
				return nil, nil, fmt.Errorf("%s: the tier at %d is negative or out of order", key, t.Start)
			}
			r, err := catalogRate(key, t.Price, &rounded)
			if err != nil {
				return nil, nil, err
			}
			p.tiers = append(p.tiers, tier{over: t.Start, rate: r})
		}
		l = append(l, p)
	}
	l.sort()
	return l, rounded, nil
}

// catalogRate reads a price. One with more digits than money holds is a float
// that somebody's arithmetic left behind, such as 0.08333333333333334; it is
// rounded to a whole picodollar for each, and said.
func catalogRate(key unit, s string, rounded *[]string) (rate, error) {
	per := unitPer[key]
	a, err := money.Parse(s)
	if err == nil && a >= 0 {
		return newRate(a, per), nil
	}
	if err == nil || strings.HasPrefix(s, "-") {
		return rate{}, fmt.Errorf("%s: the price %s is negative", key, s)
	}
	if !errors.Is(err, money.ErrPrecision) {
		return rate{}, fmt.Errorf("%s: %w", key, err)
	}
	if a, err = money.PerUnit(s, per); err != nil {
		return rate{}, fmt.Errorf("%s: %w", key, err)
	}
	*rounded = append(*rounded, fmt.Sprintf("%s %s", key, s))
	return rate{num: a, per: 1}, nil
}

func (c *CatalogConstraint) when() (when, error) {
	switch {
	case c == nil:
		return always, nil
	case c.StartDate != "" && c.StartTime == "" && c.EndTime == "":
		t, err := time.Parse(time.DateOnly, c.StartDate)
		if err != nil {
			return when{}, fmt.Errorf("start_date %q is no date", c.StartDate)
		}
		return since(t), nil
	case c.StartDate == "" && c.StartTime != "" && c.EndTime != "":
		start, err := secondOfDay(c.StartTime)
		if err != nil {
			return when{}, err
		}
		end, err := secondOfDay(c.EndTime)
		if err != nil {
			return when{}, err
		}
		w := always
		w.daily = []window{{start, end}}
		return w, nil
	}
	return when{}, errors.New("a constraint has either start_date, or start_time and end_time")
}

// secondOfDay reads a time with its offset, such as "00:30:00Z", as seconds
// since midnight UTC.
func secondOfDay(s string) (int, error) {
	t, err := time.Parse("15:04:05Z07:00", s)
	if err != nil || t.Nanosecond() != 0 {
		return 0, fmt.Errorf("%q is no time of day in whole seconds with an offset, such as 00:30:00Z", s)
	}
	t = t.UTC()
	return t.Hour()*3600 + t.Minute()*60 + t.Second(), nil
}

// Sort puts providers in the order of their ids. Models stay as they are:
// the first that fits is the one.
func (c *Catalog) Sort() {
	slices.SortFunc(c.Providers, func(a, b CatalogProvider) int { return strings.Compare(a.ID, b.ID) })
}

// Count is how many providers, models and prices the catalog has; each tier
// of a price counts.
func (c *Catalog) Count() (providers, models, values int) {
	count := func(m CatalogPriceMap) {
		for _, p := range m {
			values += 1 + len(p.Tiers)
		}
	}
	for _, p := range c.Providers {
		models += len(p.Models)
		for _, m := range p.Models {
			for _, d := range m.Prices {
				count(d.Prices)
			}
			for _, v := range m.Variants {
				count(v.Prices)
			}
		}
	}
	return len(c.Providers), models, values
}
