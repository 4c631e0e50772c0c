package billing

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// none is no node and no call.
const none int32 = -1

// run is a run while it is resolved. A node is a span in order of (start, end,
// trace, span): every tie is broken by the number of a node, and so never by
// the order of the input.
type run struct {
	spans   []Span
	span    []int32 // node → index into spans
	parent  []int32 // node → node, none for a root
	depth   []int32
	in, out []int32 // a node's place in preorder, and the end of what lies beneath it
	start   []int64 // a node's times, with absurd ones brought back to where they can be added
	end     []int64
	pre     []int32 // nodes in preorder

	records []int32 // nodes with a record, in order
	numbers []numbers
	reading []genai.Semantics // of the input of a node's record
	proofs  map[emitter]proof
	scopes  scopes
	models  modelNames

	calls    []call
	callOf   []int32 // node → the call that it describes, none where it describes none
	reason   []Reason
	by       []int32 // node → the call on account of which it is discarded
	ones     []int32 // what lists of one node share, see [run.one]
	ids      naming  // response IDs
	byID     []int32 // number of an ID → the latest call with it
	ofScope  []standing
	changes  int // how often a call became part of another, or was found to be a sum
	tallies  map[uint8]*tally
	pairs    map[scopePair]struct{}
	steps    int // taken of [maxSteps]
	dearSums []dearSum
	caveats  Caveats
	left     []Residual

	repeatedID bool // two records have one response ID
}

type identity struct {
	trace [16]byte
	span  [8]byte
}

func (r *run) open(spans []Span) {
	r.spans = spans
	say := 0
	for i := range spans {
		if says(spans[i].Record) {
			say++
		}
	}
	if say == 0 {
		return
	}
	r.makeRoom(len(spans), say)
	r.sortSpans()
	r.clampTimes()
	r.linkParents()
	r.breakCycles()
	r.walk()
	for v := range int32(len(spans)) {
		if r.isRecord(v) {
			r.records = append(r.records, v)
		}
	}
	r.scopes = rankScopes(r)
}

// makeRoom makes room for n spans, of which so many say something of a call. It
// does so in a few pieces, as most runs are small: of ten spans each list is so
// short that to make it costs more than to fill it.
func (r *run) makeRoom(n, say int) {
	room := make([]int32, 8*n+2*say)
	cut := func(n int) []int32 {
		list := room[:n:n]
		room = room[n:]
		return list
	}
	r.span, r.parent, r.depth, r.in, r.out = cut(n), cut(n), cut(n), cut(n), cut(n)
	r.pre, r.callOf, r.by = cut(n), cut(n), cut(n)
	r.records, r.ones = cut(say)[:0], cut(say)[:0]
	for v := range n {
		r.callOf[v], r.by[v] = none, none
	}
	times := make([]int64, 2*n)
	r.start, r.end = times[:n:n], times[n:]
	r.reason = make([]Reason, n)
	r.calls = make([]call, 0, say)
}

// nones is n times none.
func nones(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = none
	}
	return s
}

func (r *run) at(v int32) *Span             { return &r.spans[r.span[v]] }
func (r *run) record(v int32) *genai.Record { return r.at(v).Record }

// isRecord reports whether a node says something of a call, and is no double.
func (r *run) isRecord(v int32) bool { return says(r.record(v)) && r.reason[v] == notDiscarded }

func (r *run) sortSpans() {
	for i := range r.span {
		r.span[i] = int32(i)
	}
	slices.SortFunc(r.span, func(i, j int32) int {
		a, b := &r.spans[i], &r.spans[j]
		if c := cmp.Compare(a.Start, b.Start); c != 0 {
			return c
		}
		if c := cmp.Compare(a.End, b.End); c != 0 {
			return c
		}
		if c := bytes.Compare(a.Trace[:], b.Trace[:]); c != 0 {
			return c
		}
		if c := bytes.Compare(a.ID[:], b.ID[:]); c != 0 {
			return c
		}
		return compareDoubles(a, b)
	})
}

// clampTimes keeps times in a range in which neither a difference nor a sum
// leaves int64, and ends no span before its start.
func (r *run) clampTimes() {
	const latest = 1 << 61
	for v := range r.span {
		s := r.at(int32(v))
		r.start[v] = min(max(s.Start, 0), latest)
		r.end[v] = max(min(s.End, latest), r.start[v])
	}
}

// compareDoubles orders two versions of one span. Which comes first is of no
// account, only that it is always the same one.
func compareDoubles(a, b *Span) int {
	if c := bytes.Compare(a.Parent[:], b.Parent[:]); c != 0 {
		return c
	}
	flags := func(s *Span) int {
		n := 0
		for i, set := range [...]bool{s.Tool, s.Agent, s.Foreign, s.Record == nil} {
			if set {
				n |= 1 << i
			}
		}
		return n
	}
	if c := cmp.Compare(flags(a), flags(b)); c != 0 || a.Record == nil {
		return c
	}
	x, y := a.Record, b.Record
	return cmp.Or(cmp.Compare(x.Scope, y.Scope), cmp.Compare(x.Version, y.Version), cmp.Compare(x.Dialect, y.Dialect),
		cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Class, y.Class), cmp.Compare(x.Provider, y.Provider),
		cmp.Compare(x.RequestModel, y.RequestModel), cmp.Compare(x.ResponseModel, y.ResponseModel),
		cmp.Compare(x.ResponseID, y.ResponseID), cmp.Compare(x.Tier, y.Tier), compareCounts(&x.Counts, &y.Counts),
		cmp.Compare(x.Input.Reading, y.Input.Reading), cmp.Compare(x.Input.Basis, y.Input.Basis),
		cmp.Compare(x.Output.Reading, y.Output.Reading), cmp.Compare(x.Output.Basis, y.Output.Basis),
		cmp.Compare(x.Cost.Class, y.Cost.Class), cmp.Compare(x.Cost.Total, y.Cost.Total),
		cmp.Compare(x.Cost.Currency, y.Cost.Currency), cmp.Compare(x.Traits, y.Traits),
		cmp.Compare(x.ServerAddress, y.ServerAddress), cmp.Compare(x.APICalls, y.APICalls))
}

func compareCounts(x, y *genai.Counts) int {
	of := func(c *genai.Counts) [11]genai.Count {
		return [...]genai.Count{c.Input, c.Output, c.CacheRead, c.CacheWrite, c.CacheWrite5m, c.CacheWrite1h,
			c.Reasoning, c.InputAudio, c.CacheReadAudio, c.OutputAudio, c.Total}
	}
	a, b := of(x), of(y)
	for i := range a {
		if c := cmp.Compare(a[i].N, b[i].N); c != 0 {
			return c
		}
		if a[i].OK != b[i].OK {
			if b[i].OK {
				return -1
			}
			return 1
		}
	}
	return 0
}

// linkParents finds each node's parent. Parents are sought within the trace:
// a span ID is only unique there.
func (r *run) linkParents() {
	n := len(r.span)
	place := r.newPlaces(n)
	for v := range int32(n) {
		id := identity{r.at(v).Trace, r.at(v).ID}
		first := place.find(id, int(v))
		if first == none {
			place.put(id, v)
			continue
		}
		// The same span twice, though the caller was to see to that. One
		// that says something of a call is the span; the other stays, with
		// nothing above it or beneath it, and says nothing.
		again := v
		if says(r.record(again)) && !says(r.record(first)) {
			place.put(id, v)
			first, again = again, first
		}
		r.reason[again], r.by[again] = RepeatsSpan, first
	}
	for v := range r.parent {
		s := r.at(int32(v))
		r.parent[v] = none
		if r.reason[v] != RepeatsSpan && s.Parent != ([8]byte{}) {
			r.parent[v] = place.find(identity{s.Trace, s.Parent}, n)
		}
	}
}

// scanLimit is up to how many spans looking for one goes through them all.
const scanLimit = 16

// places finds nodes by their identity.
type places struct {
	r    *run
	node map[identity]int32 // nil while there are few
}

func (r *run) newPlaces(n int) places {
	if n <= scanLimit {
		return places{r: r}
	}
	return places{r: r, node: make(map[identity]int32, n)}
}

func (p *places) put(id identity, v int32) {
	if p.node != nil {
		p.node[id] = v
	}
}

// find is the node with an identity among the first so many, none if there is
// none. Of doubles it is the one that is not discarded.
func (p *places) find(id identity, among int) int32 {
	if p.node != nil {
		if v, ok := p.node[id]; ok {
			return v
		}
		return none
	}
	for v := range int32(among) {
		if s := p.r.at(v); s.ID == id.span && s.Trace == id.trace && p.r.reason[v] != RepeatsSpan {
			return v
		}
	}
	return none
}

// breakCycles makes roots of all spans that are their own ancestors. All of
// them: to cut a cycle at one place would have to choose, and no span of it is
// better than another.
func (r *run) breakCycles() {
	const unseen, walking, done = 0, 1, 2
	state := make([]uint8, len(r.parent))
	var path []int32
	for v := range r.parent {
		path = path[:0]
		u := int32(v)
		for u != none && state[u] == unseen {
			state[u] = walking
			path = append(path, u)
			u = r.parent[u]
		}
		if u != none && state[u] == walking { // met our own path: from u on it is a cycle
			for i := slices.Index(path, u); i < len(path); i++ {
				r.parent[path[i]] = none
			}
		}
		for _, w := range path {
			state[w] = done
		}
	}
}

// walk numbers the nodes in preorder, without recursion: a trace may be one
// chain of a hundred thousand spans.
func (r *run) walk() {
	n := len(r.parent)
	first, next := nones(n), nones(n)
	roots := none
	for v := n - 1; v >= 0; v-- { // backwards, so that lists come out in order
		p := r.parent[v]
		if p == none {
			next[v], roots = roots, int32(v)
			continue
		}
		next[v], first[p] = first[p], int32(v)
	}
	r.pre = r.pre[:0]
	for v := roots; v != none; {
		r.in[v] = int32(len(r.pre))
		r.pre = append(r.pre, v)
		if p := r.parent[v]; p != none {
			r.depth[v] = r.depth[p] + 1
		}
		if first[v] != none {
			v = first[v]
			continue
		}
		for v != none {
			r.out[v] = int32(len(r.pre))
			if next[v] != none {
				v = next[v]
				break
			}
			v = r.parent[v]
		}
	}
}

// beneath reports whether v is u or lies beneath it.
func (r *run) beneath(v, u int32) bool { return r.in[u] <= r.in[v] && r.in[v] < r.out[u] }

// related reports whether one of the two lies beneath the other.
func (r *run) related(u, v int32) bool { return r.beneath(u, v) || r.beneath(v, u) }
