package ratecard

import (
	"slices"
	"strings"
)

// resolve looks a combination up: all quotes that it can get at any time, in
// order of preference. For each name of the model, the one that answered
// before the one asked for: the user's aliases; then each place where the
// model may be sold; in each place every layer in order, a layer's rules
// before its catalog.
func (c *Card) resolve(q Query) *resolution {
	providers, standing := c.providersOf(q)
	s := search{card: c, tier: tierName(q.Tier), reason: UnknownModel, own: c.ownName(q, providers)}
	models := 0
	for _, written := range []string{q.ResponseModel, q.RequestModel} {
		m := parseModel(written)
		if m.name == "" || s.closed {
			continue
		}
		models++
		if len(written) <= longestName {
			s.model(m, providers, standing)
		}
	}
	if models == 0 {
		return &resolution{reason: NoModel}
	}
	switch {
	case len(s.offers) > 0:
		s.reason = NotInForce
	case standing != nameless && s.own == "" && !s.known(providers):
		s.reason = UnknownProvider
	}
	return &resolution{offers: s.offers, reason: s.reason}
}

// providersOf are the ids of the providers that a span gives away: the one it
// names, then the one whose API it called. Only where the name is OpenAI's the
// address comes first: OpenAI's SDK says "openai" whatever it talks to, and
// half of all providers speak its protocol. A framework's name is no name.
//
// An alias of what the span wrote comes before one of its common spelling.
func (c *Card) providersOf(q Query) ([]string, standing) {
	written := strings.ToLower(strings.TrimSpace(q.Named))
	if id, ok := c.providerAliases[written]; ok {
		return c.addressed(id, named, q.ServerAddress)
	}
	id, standing := c.provider(q.Provider)
	return c.addressed(id, standing, q.ServerAddress)
}

// ownName is the provider as the span wrote it where a card has prices under
// that very name and not under the common spelling of it; else "".
func (c *Card) ownName(q Query, providers []string) string {
	written := strings.ToLower(strings.TrimSpace(q.Named))
	if written == "" || slices.Contains(providers, written) || !c.sells(written) {
		return ""
	}
	return written
}

// addressed is a provider by name and the one whose API is at the address.
func (c *Card) addressed(id string, standing standing, address string) ([]string, standing) {
	at := c.providerAt(address)
	switch {
	case standing == nameless && at == "":
		return nil, nameless
	case standing == nameless:
		return []string{at}, named
	case at == "" || at == id:
		return []string{id}, standing
	case id == "openai":
		return []string{at, id}, standing
	}
	return []string{id, at}, standing
}

// longestName bounds the work for what is no name of a model, in bytes. The
// longest real ones, ARNs, have some 150.
const longestName = 1024

// search gathers offers until one of them is in force at any time.
type search struct {
	card   *Card
	tier   string
	own    string // a provider that is asked before all others; see [Card.ownName]
	offers []timed
	closed bool
	reason Reason
	err    error // of an adjustment; Card.check sees to it that there is none
}

func (s *search) known(providers []string) bool {
	for _, p := range providers {
		if s.card.sells(p) {
			return true
		}
	}
	return false
}

func (s *search) model(m modelName, providers []string, standing standing) {
	targets := s.card.targets(m, providers)
	if s.own != "" {
		own := []string{s.own}
		s.places(m, own, s.card.targets(m, own))
	}
	s.places(m, providers, targets)
	if len(targets) == 0 && standing == nameless && !m.own {
		s.bare(m.name)
	}
}

// places looks in the places where a model may be sold, after what the user
// says that its name stands for.
func (s *search) places(m modelName, providers []string, targets []target) {
	s.aliases(m, providers, targets)
	if m.own {
		// Only the user can know what is behind it.
		for _, t := range targets {
			s.tryRules(t.provider, t)
		}
		return
	}
	for _, t := range targets {
		s.try(t.provider, t)
	}
}

// aliases looks up what the user says that a name stands for.
func (s *search) aliases(m modelName, providers []string, targets []target) {
	for _, a := range s.card.modelAliases {
		call, ok := a.fits(m, providers, targets)
		if !ok {
			continue
		}
		if call == "" {
			call = a.is.provider
		}
		s.try(call, a.is)
	}
}

// fits also says by whom the call was billed, "" where nothing tells.
func (a *modelAlias) fits(m modelName, providers []string, targets []target) (call string, ok bool) {
	for _, t := range targets {
		if t.model == a.model && (a.provider == "" || a.provider == t.provider) {
			return t.provider, true
		}
	}
	if a.model != m.full && a.model != m.name {
		return "", false
	}
	if a.provider == "" {
		if len(providers) > 0 {
			call = providers[0]
		}
		return call, true
	}
	for _, p := range providers {
		if p == a.provider {
			return p, true
		}
	}
	return a.provider, len(providers) == 0
}

// try looks in one place. call is the provider that billed the call, whose
// adjustments apply; it differs from the place's behind an alias.
func (s *search) try(call string, t target) {
	names := spellings(t.model)
	for _, l := range s.card.layers {
		s.rules(l, call, t, names)
		if l.catalog == nil {
			continue
		}
		if m, borrowed := l.catalog.find(t.provider, names, false); m != nil {
			s.add(l.ref, call, m.offer, always, borrowed, t.provider)
		}
	}
}

func (s *search) tryRules(call string, t target) {
	names := spellings(t.model)
	for _, l := range s.card.layers {
		s.rules(l, call, t, names)
	}
}

func (s *search) rules(l layer, call string, t target, names []string) {
	for _, name := range names {
		for _, r := range l.rulesFor(t.provider, name) {
			s.add(l.ref, call, r.offer, r.span, false, t.provider)
		}
	}
}

// bare looks for a model that comes without a provider. Its name has to be
// one that exactly one maker of models goes by, and to begin like it; a
// reseller's price for the same name may be different, so none is taken.
func (s *search) bare(name string) {
	if localTag.MatchString(name) {
		s.reason = Ambiguous
		return
	}
	names := spellings(name)
	found := map[string]bool{}
	elsewhere := false
	for _, l := range s.card.layers {
		for i := range l.rules {
			for _, n := range names {
				if _, ok := l.rules[i].fits(l.rules[i].provider, n); ok {
					found[l.rules[i].provider] = true
				}
			}
		}
		if l.catalog == nil {
			continue
		}
		for _, p := range l.catalog.providers {
			m, borrowed := l.catalog.find(p.id, names, true)
			if maker, makes := makers[p.id]; m != nil && !borrowed && makes && maker.makes(m.id) {
				found[p.id] = true
				continue
			}
			if m == nil {
				m, _ = l.catalog.find(p.id, names, false)
			}
			elsewhere = elsewhere || m != nil
		}
	}
	if found[""] { // a rule for any provider takes this one too
		s.tryRules("", target{"", name})
		delete(found, "")
	}
	if len(found) != 1 {
		if elsewhere || len(found) > 1 {
			s.reason = Ambiguous
		}
		return
	}
	for p := range found {
		for _, l := range s.card.layers {
			s.rules(l, p, target{p, name}, names)
			if l.catalog == nil {
				continue
			}
			if m, _ := l.catalog.find(p, names, true); m != nil {
				s.add(l.ref, p, m.offer, always, false, p)
			}
		}
	}
}

// spellings are a name, and the name with its date in the other spelling.
func spellings(name string) []string {
	if other, ok := respelled(name); ok {
		return []string{name, other}
	}
	return []string{name}
}

// find is the first model of a provider that fits a name, or else of those
// whose models it sells at their price; each name before the next
// (genai-prices engine). borrowed says that it is another's.
func (c *catalog) find(provider string, names []string, anchored bool) (_ *model, borrowed bool) {
	p := c.byID[provider]
	if p == nil {
		return nil, false
	}
	for _, name := range names {
		if m := p.find(name, anchored); m != nil {
			return m, false
		}
		for _, f := range p.fallbacks {
			if other := c.byID[f]; other != nil {
				if m := other.find(name, anchored); m != nil {
					return m, true
				}
			}
		}
	}
	return nil, false
}

func (p *provider) find(name string, anchored bool) *model {
	for _, m := range p.models {
		if m.match.fits(name, anchored) {
			return m
		}
	}
	return nil
}

// add appends the quotes of an offer, those of the call's service tier before
// the standard ones, each under the adjustments before itself. A borrowed
// model has no service tiers: what its maker asks for them says nothing about
// the seller (genai-prices: price_variants).
func (s *search) add(from, call string, o offer, span when, borrowed bool, provider string) {
	if s.closed {
		return
	}
	variants, known := o.variants[s.tier]
	if known && !borrowed {
		for _, t := range variants {
			s.addTimed(from, call, t, span, provider, false)
		}
	}
	unpriced := !standardTiers[s.tier]
	for _, t := range o.standard {
		s.addTimed(from, call, t, span, provider, unpriced)
	}
}

func (s *search) addTimed(from, call string, t timed, span when, provider string, tierUnpriced bool) {
	t.when = t.when.and(span)
	if s.closed || t.when.never() {
		return
	}
	if t.quote != nil && (tierUnpriced || t.quote.Provider == "") {
		q := *t.quote
		q.TierUnpriced = tierUnpriced
		if q.Provider == "" {
			q.Provider = provider
		}
		t.quote = &q
	}
	for _, adj := range s.card.adjustments {
		w := t.when.and(adj.when)
		if t.quote == nil || adj.provider != call || w.never() {
			continue
		}
		q, err := adj.apply(t.quote, from)
		if err != nil {
			s.err = err
			continue
		}
		s.append(timed{w, q})
	}
	s.append(t)
}

func (s *search) append(t timed) {
	if s.closed {
		return
	}
	s.offers = append(s.offers, t)
	s.closed = t.when.isAlways()
}
