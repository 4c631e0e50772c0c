package ratecard

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Card is all that is known about prices: one layer or several, each laid
// over the next. It is immutable and safe for concurrent use; a changed file
// makes a new card.
type Card struct {
	id, digest string
	dated      time.Time
	layers     []layer // in order of preference

	providerAliases map[string]string // name on a span, in lower case, to id
	modelAliases    []modelAlias
	adjustments     []adjustment
	meters          []Meter

	memo memo
}

// layer is the prices of one source.
type layer struct {
	ref     string   // id@digest
	rules   []rule   // of a ratecard/v1 file, in file order
	catalog *catalog // of genai-prices data; nil where there is none
}

// ID names the card: the id that its file states, or the source and version
// of built-in data.
func (c *Card) ID() string { return c.id }

// Digest is the start of the SHA-256 of the card's bytes, as 12 hex digits.
func (c *Card) Digest() string { return c.digest }

// Ref is id and digest, "acme-2026q4@1a2b3c4d5e6f".
func (c *Card) Ref() string { return ref(c.id, c.digest) }

// Dated is when the built-in data was published, for telling its age. It is
// zero for a card that does not rest on built-in data.
func (c *Card) Dated() time.Time { return c.dated }

func ref(id, digest string) string { return id + "@" + digest }

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

// New lays a file over a base card, or makes a card of the file alone where
// its mode is replace or base is nil. It fails where only both together show
// a mistake: an alias for a model that neither prices, or an adjustment that
// makes an amount too fine to hold.
func New(file *File, base *Card) (*Card, error) {
	c := &Card{
		id: file.ID, digest: file.digest,
		providerAliases: maps.Clone(file.providerAliases),
		modelAliases:    file.modelAliases,
		adjustments:     file.adjustments,
		meters:          file.meters,
		layers:          []layer{{ref: ref(file.ID, file.digest), rules: file.rules, catalog: file.catalog}},
	}
	if base != nil && file.Mode != Replace {
		c.dated = base.dated
		c.layers = append(c.layers, base.layers...)
		c.modelAliases = append(c.modelAliases[:len(c.modelAliases):len(c.modelAliases)], base.modelAliases...)
		c.adjustments = append(c.adjustments[:len(c.adjustments):len(c.adjustments)], base.adjustments...)
		c.meters = append(c.meters[:len(c.meters):len(c.meters)], base.meters...)
		for name, id := range base.providerAliases {
			if _, ok := c.providerAliases[name]; !ok {
				if c.providerAliases == nil {
					c.providerAliases = make(map[string]string)
				}
				c.providerAliases[name] = id
			}
		}
	}
	return c, c.check()
}

// check tries what only fails when card and file meet, so that no lookup can
// fail later.
func (c *Card) check() error {
	for _, a := range c.modelAliases {
		s := search{card: c}
		s.try(a.is.provider, a.is)
		if len(s.offers) == 0 {
			return &Error{
				Line: a.line, Field: "model_aliases.is", Value: a.is.provider + "/" + a.is.model,
				Problem: "no card has a price for this", Fix: "write provider/model as the card spells them, or add a rate for it",
			}
		}
	}
	for _, adj := range c.adjustments {
		for _, l := range c.layers {
			for _, o := range l.offersTo(adj.provider, c.modelAliases) {
				if err := adj.applies(o, l.ref); err != nil {
					return &Error{Line: adj.line, Field: "adjust.multiply", Value: adj.text, Problem: err.Error(), Fix: "use fewer decimal places"}
				}
			}
		}
	}
	return nil
}

// applies tries the adjustment on every quote of an offer.
func (a adjustment) applies(o offer, from string) error {
	for _, list := range append(slices.Collect(maps.Values(o.variants)), o.standard) {
		for _, t := range list {
			if t.quote == nil {
				continue
			}
			if _, err := a.apply(t.quote, from); err != nil {
				return fmt.Errorf("%s/%s: %w", t.quote.Provider, t.quote.Model, err)
			}
		}
	}
	return nil
}

// offersTo are the offers of the layer that a call of the provider can come
// to: its own, those it sells at their maker's price, and what aliases name.
func (l *layer) offersTo(provider string, aliases []modelAlias) []offer {
	sellers := map[string]bool{"": true, provider: true}
	for _, a := range aliases {
		sellers[a.is.provider] = true
	}
	if l.catalog != nil {
		for seller := range maps.Clone(sellers) {
			if p := l.catalog.byID[seller]; p != nil {
				for _, f := range p.fallbacks {
					sellers[f] = true
				}
			}
		}
	}
	var out []offer
	for i := range l.rules {
		if sellers[l.rules[i].provider] {
			out = append(out, l.rules[i].offer)
		}
	}
	for seller := range sellers {
		if l.catalog == nil || l.catalog.byID[seller] == nil {
			continue
		}
		for _, m := range l.catalog.byID[seller].models {
			out = append(out, m.offer)
		}
	}
	return out
}
