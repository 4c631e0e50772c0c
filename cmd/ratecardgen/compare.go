package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

// compare lists what is different for the one who reviews a refresh: models
// that came, went, or changed in price or in the names they go by.
func compare(last, next *ratecard.Catalog) []string {
	before, after := entries(last), entries(next)
	var out []string
	for _, id := range slices.Sorted(maps.Keys(after)) {
		b, existed := before[id]
		a := after[id]
		switch {
		case !existed:
			out = append(out, strings.TrimSpace("added   "+id+" "+a.prices))
		case a.prices != b.prices:
			out = append(out, "price   "+id+" "+b.prices+" -> "+a.prices)
		}
		if existed && a.match != b.match {
			out = append(out, "match   "+id+" "+b.match+" -> "+a.match)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		if _, still := after[id]; !still {
			out = append(out, "removed "+id)
		}
	}
	return out
}

type entry struct{ prices, match string }

func entries(c *ratecard.Catalog) map[string]entry {
	out := map[string]entry{}
	for _, p := range c.Providers {
		out[p.ID] = entry{match: text(p.APIPattern) + " " + text(p.Fallbacks)}
		for _, m := range p.Models {
			e := entry{prices: text(m.Prices), match: text(m.Match)}
			if len(m.Variants) > 0 {
				e.prices += " " + text(m.Variants)
			}
			out[p.ID+"/"+m.ID] = e
		}
	}
	return out
}

// text is the JSON of a value; encoding/json sorts the keys of maps.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
