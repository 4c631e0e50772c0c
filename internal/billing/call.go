package billing

import (
	"slices"
	"strings"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// maxWitnesses is how many records of one call are compared with each other.
// Four layers are the most that were ever seen; ten thousand records with one
// response ID are an attack or a poll, and the first few tell as much.
const maxWitnesses = 8

// call is a request while it is still being put together.
type call struct {
	members  []int32 // nodes, in the order in which they joined
	into     int32   // the call that it became part of, none while it stands
	scopes   scopeSet
	names    nameSet
	ids      []string // response IDs, different ones
	class    genai.Class
	silent   bool // no record of it states usage or cost
	foreign  bool // another run's, to be billed there
	kind     genai.Kind
	hit      bool // answered from the application's own cache
	fetched  bool // no more than a response read again
	quarrels bool // its records state different usage, and are one call by their ID alone
	failed   bool
	began    bool // a sign that the provider had begun to answer, or that the fault was local
	sum      bool // repeats the sum of other calls, and is none
	requests int  // spans of requests that were absorbed
	start    int64
	end      int64
	caveats  Caveats
}

// speaks reports whether a record states anything to bill by.
func speaks(rec *genai.Record) bool { return rec.HasUsage() || rec.Cost.Class != genai.NoCost }

// describesCall reports whether a record without usage is one of a call all
// the same. A response ID marks a call even where no attribute names the kind:
// agents have none.
func describesCall(rec *genai.Record) bool {
	return rec.Kind == genai.Leaf || rec.Kind == genai.Unknown && rec.ResponseID != ""
}

// says reports whether a record says anything of a call. An agent or a tool
// that states no numbers is structure: where it stands matters, not its record.
func says(rec *genai.Record) bool { return rec != nil && (speaks(rec) || describesCall(rec)) }

// newCall makes a call of the node's record alone.
func (r *run) newCall(v int32) int32 {
	rec := r.record(v)
	c := call{
		members: r.one(v), into: none, scopes: 1 << r.scope(v), names: r.namesOf(v), class: rec.Class,
		silent: !speaks(rec), kind: rec.Kind, foreign: r.at(v).Foreign, start: r.start[v], end: r.end[v],
		fetched: rec.Traits.Has(genai.Fetched), hit: rec.Traits.Has(genai.SemanticHit),
		failed: rec.Traits.Has(genai.Failed),
		began:  rec.Traits.Has(genai.ResponseBegan) || rec.Traits.Has(genai.LocalError), requests: max(rec.APICalls, 0),
	}
	i := int32(len(r.calls))
	if rec.ResponseID != "" {
		c.ids = r.noteID(rec.ResponseID, i)
	}
	r.calls = append(r.calls, c)
	r.callOf[v] = i
	return i
}

// noteID remembers that call i is the latest with a response ID, and gives the
// list of that ID alone. No such list is appended to in place.
func (r *run) noteID(id string, i int32) []string {
	k, isNew := r.ids.add(id)
	if isNew {
		r.byID = append(r.byID, i)
	} else {
		r.byID[k], r.repeatedID = i, true
	}
	return r.ids.names[k : k+1 : k+1]
}

// one is the list of v alone. All such lists share their memory, and none is
// appended to in place.
func (r *run) one(v int32) []int32 {
	r.ones = append(r.ones, v)
	n := len(r.ones)
	return r.ones[n-1 : n : n]
}

// find is the call that i has become part of. Chains are halved as they are
// walked, so that a million merges stay near a million steps.
func (r *run) find(i int32) int32 {
	for r.calls[i].into != none {
		if up := r.calls[r.calls[i].into].into; up != none {
			r.calls[i].into = up
			continue
		}
		i = r.calls[i].into
	}
	return i
}

// join makes one call of two, which then stands where i stood.
func (r *run) join(i, j int32, why Reason) int32 {
	i, j = r.find(i), r.find(j)
	if i == j {
		return i
	}
	a, b := &r.calls[i], &r.calls[j]
	for _, list := range [...][]int32{a.members, b.members} {
		if len(list) > 1 {
			continue // has its reasons already
		}
		if v := list[0]; r.reason[v] == notDiscarded {
			r.reason[v] = why
		}
	}
	if len(a.members) < len(b.members) { // the longer list stays, so that a list is not copied again and again
		i, a, b = j, b, a
	}
	if a.silent && !b.silent || a.kind != genai.Leaf && b.kind == genai.Leaf && !b.silent {
		a.kind = b.kind
	}
	a.members = append(a.members, b.members...)
	a.scopes |= b.scopes
	a.names.addAll(&b.names)
	for _, id := range b.ids {
		a.addID(id)
	}
	a.failed = a.failed && b.failed
	a.began = a.began || b.began
	a.silent = a.silent && b.silent
	a.fetched = a.fetched && b.fetched
	a.hit = a.hit && b.hit
	a.requests = max(a.requests, b.requests)
	a.start, a.end = min(a.start, b.start), max(a.end, b.end)
	a.caveats |= b.caveats
	b.into, b.members, b.ids = i, nil, nil
	r.changes++
	return i
}

func (c *call) hasID(id string) bool { return slices.Contains(c.ids, id) }

func (c *call) addID(id string) {
	if c.hasID(id) {
		return
	}
	if len(c.ids) < maxWitnesses {
		c.ids = append(c.ids, id)
	}
}

// contradicts reports whether the two bear different response IDs of one
// kind, such as two msg_…: two responses are two calls. IDs of different
// kinds are two names that two layers gave to one response.
func (c *call) contradicts(o *call) bool {
	for _, x := range c.ids {
		for _, y := range o.ids {
			if x != y && idKind(x) == idKind(y) {
				return true
			}
		}
	}
	return false
}

func idKind(id string) string {
	if i := strings.IndexAny(id, "-_"); i >= 0 {
		return id[:i]
	}
	return ""
}

// witnesses are the records of a call that are worth comparing.
func (c *call) witnesses() []int32 { return c.members[:min(len(c.members), maxWitnesses)] }

// agreeCalls is the best agreement between a record of the one and a record
// of the other.
func (r *run) agreeCalls(a, b *call) agreement {
	best := differ
	for _, u := range a.witnesses() {
		if !r.record(u).HasUsage() {
			continue
		}
		best = max(best, r.agreeWith(&r.numbers[u], b))
	}
	return best
}

func (r *run) agreeWith(x *numbers, c *call) agreement {
	best := differ
	for _, v := range c.witnesses() {
		if r.record(v).HasUsage() {
			best = max(best, agree(x, &r.numbers[v]))
		}
	}
	return best
}

// markForeign gives each call to the run of the deepest span that states its
// usage, and forgets what spans of other runs say of the calls of this one:
// nothing of one run is priced by the records of another.
func (r *run) markForeign() {
	for i := range r.calls {
		c := &r.calls[i]
		if c.into != none {
			continue
		}
		owner := c.members[0]
		for _, v := range c.members[1:] {
			if s, o := speaks(r.record(v)), speaks(r.record(owner)); s && !o || s == o && r.depth[v] > r.depth[owner] {
				owner = v
			}
		}
		c.foreign = r.at(owner).Foreign
		if c.foreign {
			continue
		}
		own := c.members[:0]
		for _, v := range c.members {
			if !r.at(v).Foreign {
				own = append(own, v)
			}
		}
		c.members = own
	}
}
