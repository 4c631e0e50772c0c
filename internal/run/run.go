package run

import (
	"reflect"
	"slices"
	"weak"

	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// Run is the facts of one run.
//
// Add is commutative, associative and idempotent up to the limit of spans, so
// a run does not depend on how its spans were ordered, repeated or batched.
// At the limit which spans got in does depend on order; the run says so in
// [Run.Truncated] and its summary in the caveat span_limit.
//
// A Run is not safe for concurrent use, with one exception: a [Run.Snapshot]
// may be read while the run it was taken of is added to.
type Run struct {
	nodes      []node
	index      map[SpanKey]uint32 // into nodes; nil while there are few
	identities []Identity         // distinct, in order of first use
	services   []string           // distinct, in order of first use
	bytes      int                // of what the facts hold beyond the nodes themselves
	outside    []SpanKey          // parents of spans of the run that arrived and belong to none
	truncated  bool
	shared     bool // a snapshot may be reading nodes

	byTrace weak.Pointer[traceIndex] // of nodes as they were, while a snapshot has it
	traces  *traceIndex              // of nodes; only of a snapshot to look beside
}

// node is a fact in the run's storage, with what spans share held once.
type node struct {
	key        SpanKey
	parent     [8]byte
	flags      Flags
	identity   uint16
	service    uint16
	start, end int64
	detail     *Detail
}

// Change is what adding a fact did.
type Change uint8

const (
	Unchanged Change = iota // the span was there, saying the same
	Grown                   // the span is new
	Differs                 // the span was there, saying something else
	Full                    // the span is new and the run holds as many as it may
)

// scanLimit is up to how many spans looking for one goes through them all. A
// map costs more than the run itself while there are few.
const scanLimit = 16

// firstNodes is room for the spans of a small run, so that it grows but once.
const firstNodes = 8

// variantLimit bounds the distinct identities and services of one run, and
// with them the work of finding one; a span past it takes the first one's
// place. A run has one or two of each.
const variantLimit = 256

// Add puts in what a span says, if the run holds fewer spans than limit.
func (r *Run) Add(f *Fact, limit int) Change {
	if i, ok := r.Find(f.Key); ok {
		return r.repeat(i, f)
	}
	if len(r.nodes) >= limit {
		r.truncated = true
		return Full
	}
	if r.index != nil {
		r.index[f.Key] = uint32(len(r.nodes))
	}
	if r.nodes == nil {
		r.nodes = make([]node, 0, firstNodes)
	}
	r.nodes = append(r.nodes, r.node(f))
	if r.index == nil && len(r.nodes) > scanLimit {
		r.index = make(map[SpanKey]uint32, 2*len(r.nodes))
		for i := range r.nodes {
			r.index[r.nodes[i].key] = uint32(i)
		}
	}
	return Grown
}

// repeat settles what a span says that was there before.
func (r *Run) repeat(i int, f *Fact) Change {
	held := r.Fact(i)
	if same(&held, f) {
		return Unchanged
	}
	if greater(f, &held) {
		if r.shared {
			r.nodes = slices.Clone(r.nodes)
			r.shared = false
		}
		n := r.node(f)
		r.bytes -= held.Detail.bytes()
		if n.detail != nil && held.Detail != nil {
			n.detail = pricedOnce(n.detail, held.Detail, f.Start == held.Start)
		}
		r.nodes[i] = n
	}
	return Differs
}

// pricedOnce is a detail with the prices that were found for the same work when
// it was first told, as the card may have changed since. What is asked of the
// card decides what is the same: a call at another time, address or tier is
// another, or which delivery came first would tell in the total. The detail
// itself is left as it is, for whoever handed it over may still read it.
func pricedOnce(d, held *Detail, sameStart bool) *Detail {
	own := *d
	if held.Quote != nil && sameStart && sameQuery(d.Record, held.Record) {
		own.Quote = held.Quote
	}
	own.Metered = slices.Clone(d.Metered)
	taken := make([]bool, len(held.Metered))
	for i := range own.Metered {
		for j, h := range held.Metered { // two rules may price one attribute: each takes its own, in order
			if !taken[j] && h.Same(own.Metered[i]) {
				own.Metered[i], taken[j] = h, true
				break
			}
		}
	}
	return &own
}

func same(a, b *Fact) bool {
	if a.Parent != b.Parent || a.Start != b.Start || a.End != b.End || a.Flags != b.Flags ||
		a.Identity != b.Identity || a.Service != b.Service || (a.Detail == nil) != (b.Detail == nil) {
		return false
	}
	if a.Detail == nil {
		return true
	}
	x, y := a.Detail, b.Detail
	if !slices.EqualFunc(x.Metered, y.Metered, cost.Metered.Same) {
		return false
	}
	if (x.Record == nil) != (y.Record == nil) || x.Record != nil && *x.Record != *y.Record {
		return false
	}
	return reflect.DeepEqual(x.Claim, y.Claim) && reflect.DeepEqual(x.Root, y.Root)
}

// sameQuery reports whether the card is asked the same of both, their start aside.
func sameQuery(a, b *genai.Record) bool {
	return a != nil && b != nil && a.Provider == b.Provider && a.ServerAddress == b.ServerAddress &&
		a.RequestModel == b.RequestModel && a.ResponseModel == b.ResponseModel && a.Tier == b.Tier
}

// HasChild reports whether the run holds a span beneath the given one. It
// looks at every span.
func (r *Run) HasChild(k SpanKey) bool {
	return slices.ContainsFunc(r.nodes, func(n node) bool { return n.key.Trace == k.Trace && n.parent == k.Span })
}

// outsideLimit bounds the parents that are noted. One is enough to know that
// the root has arrived; which of several is the root may differ past it.
const outsideLimit = 64

// Outside notes that a span, the parent of one of the run, has arrived and
// belongs to no run.
func (r *Run) Outside(k SpanKey) {
	if len(r.outside) < outsideLimit && !slices.Contains(r.outside, k) {
		r.outside = append(slices.Clip(r.outside), k) // a snapshot may be reading it
	}
}

// Outsides are the spans noted by Outside.
func (r *Run) Outsides() []SpanKey { return r.outside }

// Truncate notes that spans were left out at the limit, as is known from elsewhere.
func (r *Run) Truncate() { r.truncated = true }

// Find gives the place of a span in the order of arrival.
func (r *Run) Find(k SpanKey) (int, bool) {
	if r.index != nil {
		i, ok := r.index[k]
		return int(i), ok
	}
	for i := range r.nodes {
		if r.nodes[i].key == k {
			return i, true
		}
	}
	return 0, false
}

func (r *Run) node(f *Fact) node {
	r.bytes += f.Detail.bytes()
	return node{
		key: f.Key, parent: f.Parent, flags: f.Flags, start: f.Start, end: f.End, detail: f.Detail,
		identity: r.identityOf(f), service: r.serviceOf(f),
	}
}

func (r *Run) identityOf(f *Fact) uint16 {
	place, isNew := intern(&r.identities, f.Identity)
	if isNew {
		r.bytes += f.Identity.bytes()
	}
	return place
}

func (r *Run) serviceOf(f *Fact) uint16 {
	place, isNew := intern(&r.services, f.Service)
	if isNew {
		r.bytes += stringBytes + len(f.Service)
	}
	return place
}

// intern gives the place of v among the distinct values so far, and whether it
// was put there now. The newest is tried first: spans of one batch are alike.
func intern[T comparable](values *[]T, v T) (place uint16, isNew bool) {
	for i := len(*values) - 1; i >= 0; i-- {
		if (*values)[i] == v {
			return uint16(i), false
		}
	}
	if len(*values) == variantLimit {
		return 0, false
	}
	*values = append(*values, v)
	return uint16(len(*values) - 1), true
}

// Has reports whether the run holds a span.
func (r *Run) Has(k SpanKey) bool {
	_, ok := r.Find(k)
	return ok
}

// Fact gives the span at a place.
func (r *Run) Fact(i int) Fact {
	n := &r.nodes[i]
	return Fact{
		Key: n.key, Parent: n.parent, Start: n.start, End: n.end, Flags: n.flags,
		Identity: r.identities[n.identity], Service: r.services[n.service], Detail: n.detail,
	}
}

// Len is the number of spans held.
func (r *Run) Len() int { return len(r.nodes) }

// Truncated reports whether spans were left out at the limit.
func (r *Run) Truncated() bool { return r.truncated }

// Snapshot is the run as it is now. It costs nothing and stays as it is while
// the run grows: facts are only ever appended, and the rare replacement copies.
func (r *Run) Snapshot() Run {
	r.shared = true
	return Run{nodes: r.nodes, identities: r.identities, services: r.services, outside: r.outside, truncated: r.truncated}
}

// First is the run as it was when it had n spans. A span that said something
// else since says that.
func (r *Run) First(n int) Run {
	s := r.Snapshot()
	s.nodes = s.nodes[:min(max(n, 0), len(s.nodes))]
	return s
}

// IsRoot reports whether a span alone shows that its run's root has arrived:
// it is named as one, or has no parent here (contract, section 6).
func (f Flags) IsRoot() bool { return f&(NamedRoot|NoParent|RemoteParent) != 0 }
