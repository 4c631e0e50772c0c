package billing

import (
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// suspect marks what is billed although the spans give a sign that it may not
// be right. It changes no total. Every sign is one of two scopes.
func (r *run) suspect() {
	if r.scopes.n < 2 {
		return
	}
	var list, all []int32
	for i := range r.calls {
		c := &r.calls[i]
		if c.into != none {
			continue
		}
		if c.foreign || c.hit {
			all = append(all, int32(i))
		} else if r.unbilled(c) == notDiscarded {
			all, list = append(all, int32(i)), append(list, int32(i))
		}
	}
	slices.SortFunc(list, r.byTime)
	slices.SortFunc(all, r.byTime)
	r.suspectMoment(all)
	r.suspectNumbers(list)
	r.suspectLonely(list)
}

// suspectMoment looks at calls of different scopes at one moment that were not
// paired.
func (r *run) suspectMoment(list []int32) {
	for k, i := range list {
		a := &r.calls[i]
		for _, j := range list[k+1 : min(k+1+maxNeighbours, len(list))] {
			b := &r.calls[j]
			if b.start > a.end+slackTime {
				break
			}
			if a.scopes&b.scopes != 0 || a.class != b.class || a.contradicts(b) || a.foreign && b.foreign {
				continue
			}
			if a.hit || b.hit {
				r.suspectHit(a, b)
				continue
			}
			switch doubt := r.doubtPair(a, b); {
			case a.foreign:
				b.caveats |= doubt & AttributionSuspect
			case b.foreign:
				a.caveats |= doubt & AttributionSuspect
			default:
				a.caveats |= doubt
				b.caveats |= doubt
			}
		}
	}
}

// suspectHit marks a call that may be a framework's span around a hit of the
// application's cache: a span beside it, within its time, and of the same usage
// where both state any. A client's span within the hit's time is none.
func (r *run) suspectHit(c, hit *call) {
	if c.hit {
		c, hit = hit, c
	}
	if c.hit || c.foreign || !c.names.meets(&hit.names) && !c.names.empty() && !hit.names.empty() ||
		!c.silent && !hit.silent && r.agreeCalls(c, hit) == differ {
		return
	}
	for _, u := range c.witnesses() {
		v := hit.members[0]
		if !r.inside(v, u) || r.related(u, v) {
			return
		}
	}
	c.caveats |= PossibleDuplicate
}

// doubtPair is what two calls of different scopes, of which neither has ended
// before the other began, say against each other.
func (r *run) doubtPair(a, b *call) Caveats {
	if a.foreign != b.foreign {
		// All but the run is as in a pair. Frameworks that lose their context
		// under concurrency start spans in another run; which of the two is
		// in the wrong one, the spans do not tell.
		if r.mayBeOne(a, b, true) > outputOnly {
			return AttributionSuspect
		}
		return 0
	}
	if r.anyRelated(a, b) && !r.beside(a, b) {
		return 0 // judged by ancestry
	}
	var doubt Caveats
	if (a.kind == genai.Aggregate || b.kind == genai.Aggregate || a.names.meets(&b.names)) && r.beside(a, b) {
		doubt |= PossibleDuplicate
	}
	// Two instrumentations of one provider, each busy with a call of its own
	// and neither seeing the other's: one of them may not belong here.
	if p := r.provider(a); doubt == 0 && p != "" && p == r.provider(b) && a.kind == genai.Leaf && b.kind == genai.Leaf {
		doubt |= AttributionSuspect
	}
	return doubt
}

// suspectNumbers marks calls of different scopes with the same usage, however
// far apart: a gateway's clock may be off, a deployment may have an alias.
func (r *run) suspectNumbers(list []int32) {
	type key struct {
		class   genai.Class
		in, out int64
	}
	last := map[key][]int32{}
	for _, i := range list {
		c := &r.calls[i]
		if c.silent || !r.record(r.richest(c)).HasUsage() {
			continue
		}
		x := r.stated(c)
		for _, in := range [...]int64{x.all, x.raw} {
			k := key{c.class, in, x.full}
			near := last[k]
			for _, j := range near {
				o := &r.calls[j]
				if o != c && c.scopes&o.scopes == 0 && !c.contradicts(o) && !r.anyRelated(c, o) {
					c.caveats |= PossibleDuplicate
					o.caveats |= PossibleDuplicate
				}
			}
			if len(near) == maxWitnesses {
				near = near[1:]
			}
			last[k] = append(near, i)
			if x.all == x.raw {
				break
			}
		}
	}
}

// suspectLonely marks calls of a wrapper's scope without a twin in a run where
// that scope's other calls have one. By scope and not by provider: a wrapper
// whose client for one provider is not instrumented is marked too, for nothing
// tells it from one whose span belongs to another run.
func (r *run) suspectLonely(list []int32) {
	var inner [crowd + 1]scopeSet
	for p := range r.pairs {
		inner[p.outer] |= 1 << p.inner
	}
	for _, i := range list {
		c := &r.calls[i]
		c.scopes.each(func(s uint8) {
			if twins := inner[s]; twins != 0 && c.scopes&twins == 0 && c.class == genai.Generation {
				c.caveats |= AttributionSuspect
			}
		})
	}
}
