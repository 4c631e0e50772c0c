package billing

import "github.com/runrollup/runrollupprocessor/internal/genai"

// below is what lies beneath a span: the calls found there so far, apart by
// what stands between. Only sums are kept, never lists of calls that state
// usage, so that a span above many calls costs as much as one above few.
type below struct {
	direct heap // nothing but plain spans between
	agent  heap // behind a span of an agent
	tool   heap // behind a span of a tool
	embed  heap // embeddings, wherever they stand
}

// heap is a sum of calls.
type heap struct {
	n      int64
	total  numbers
	scope  []perScope // by number of scope
	silent []int32    // calls without usage that did not fail
	latest int32      // the last of them in time
	failed int32      // the last try in time that failed without usage
	names  nameSet
	start  int64 // of what states usage
	end    int64
	busy   int64 // durations added up
	some   int32 // any one of the calls
	named  int32 // any one that bears a response ID
	last   int32 // the one whose span ended last, at end
}

type perScope struct {
	scope uint8
	only  int32 // the call, where it is the only one
	total numbers
}

// clear empties a heap. Its lists keep their memory for the next calls.
func (h *heap) clear() {
	*h = heap{scope: h.scope[:0], silent: h.silent[:0], some: none, named: none, last: none, latest: none, failed: none}
}

func (b *below) clear() {
	b.direct.clear()
	b.agent.clear()
	b.tool.clear()
	b.embed.clear()
}

// climb goes from the deepest spans to the roots and decides for each record
// what it is to the calls beneath it: the same call, a sum of them, or a call
// of its own.
//
// What is found beneath a span is only kept while something above may ask for
// it. In most runs nothing does: the calls lie beneath plain spans alone.
func (r *run) climb() {
	asked := r.asked()
	found := make([]*below, len(r.span))
	var spare []*below
	var nothing below // for what has nothing beneath it and nobody above that asks
	for i := len(r.pre) - 1; i >= 0; i-- {
		v := r.pre[i]
		if !asked[v] {
			continue
		}
		b := found[v]
		s := r.at(v)
		p := r.parent[v]
		if r.isRecord(v) {
			if b == nil && (p == none || !asked[p]) {
				nothing.clear()
				r.judge(v, &nothing)
				continue
			}
			if b == nil {
				b, spare = takeBelow(spare)
			}
			r.judge(v, b)
		}
		if b == nil {
			continue
		}
		if s.Tool || s.Record != nil && s.Record.Traits.Has(genai.Tool) {
			r.move(&b.tool, &b.direct)
			r.move(&b.tool, &b.agent)
		} else if s.Agent || s.Record != nil && s.Record.Traits.Has(genai.Agent) {
			r.move(&b.agent, &b.direct)
		}
		found[v] = nil
		switch {
		case p == none || !asked[p]:
			b.clear()
			spare = append(spare, b)
		case found[p] == nil:
			found[p] = b
		default:
			r.move(&found[p].direct, &b.direct)
			r.move(&found[p].agent, &b.agent)
			r.move(&found[p].tool, &b.tool)
			r.move(&found[p].embed, &b.embed)
			spare = append(spare, b)
		}
	}
}

// asked tells of each node whether it has a record, or something above it does.
func (r *run) asked() []bool {
	asked := make([]bool, len(r.span))
	for _, v := range r.pre {
		p := r.parent[v]
		asked[v] = p != none && asked[p] || r.isRecord(v)
	}
	return asked
}

// takeBelow is an empty one: the last of the spare ones, if there is any.
func takeBelow(spare []*below) (*below, []*below) {
	if n := len(spare); n > 0 {
		return spare[n-1], spare[:n-1]
	}
	b := &below{}
	b.clear()
	return b, spare
}

func (r *run) judge(v int32, b *below) {
	rec := r.record(v)
	switch {
	case rec.Class == genai.Embedding:
		r.judgeEmbedding(v, b)
	case !speaks(rec):
		r.judgeSilent(v, b)
	case rec.Kind == genai.Leaf:
		r.judgeLeaf(v, b)
	default:
		r.judgeAggregate(v, b)
	}
}

// judgeSilent is for a record without usage. It wraps what is beneath it; over
// nothing it is a call without numbers, if it is a call at all.
//
// A chat span whose calls all lie behind a tool or an agent is not a wrapper
// of those: its own numbers are missing, and to say so costs less than to let
// a run without them pass as exact.
func (r *run) judgeSilent(v int32, b *below) {
	rec := r.record(v)
	switch d := &b.direct; {
	case d.n > 0 && r.ownID(v, d):
		if c := r.newCall(v); speaks(rec) {
			r.put(d, c, v)
		} else {
			r.putSilent(d, c)
		}
	case d.n == 1:
		r.joinBeneath(v, d.some, d)
	case d.n > 1:
		r.reason[v], r.by[v] = Covered, d.some
	case d.latest != none: // the tries beneath are the calls; this is one more span of the last
		r.joinBeneath(v, d.latest, d)
	case d.failed != none && rec.Traits.Has(genai.Failed):
		r.joinBeneath(v, d.failed, d)
	default:
		r.putSilent(d, r.newCall(v))
	}
}

// joinBeneath makes the record of v one more witness of a call beneath it.
func (r *run) joinBeneath(v, c int32, h *heap) {
	c = r.find(c)
	if rec := r.record(v); rec.HasUsage() {
		h.witness(r.scope(v), c, &r.numbers[v])
	}
	hit := r.calls[c].hit
	c = r.join(c, r.newCall(v), RepeatsChild)
	r.calls[c].hit = hit // the span nearer to the provider knows whether it was asked
}

// judgeEmbedding compares embeddings with embeddings alone: the totals of
// agents and chains leave them out.
func (r *run) judgeEmbedding(v int32, b *below) {
	rec, e := r.record(v), &b.embed
	switch {
	case !speaks(rec) && e.n == 1, e.n == 1 && r.mayRepeat(v, e.some) && r.agreeWith(&r.numbers[v], &r.calls[r.find(e.some)]) != differ:
		r.joinBeneath(v, e.some, e)
	case !speaks(rec) && e.n > 1, e.n > 0 && rec.Kind != genai.Leaf:
		r.reason[v], r.by[v] = IsAggregate, e.some
	case e.n > 0 && e.accountsFor(&r.numbers[v]):
		r.reason[v], r.by[v] = Covered, e.some
	case speaks(rec) && e.n == 0:
		r.absorb(v, []*heap{e}, e)
	case !speaks(rec) && e.latest != none:
		r.joinBeneath(v, e.latest, e)
	case !speaks(rec) && e.failed != none && rec.Traits.Has(genai.Failed):
		r.joinBeneath(v, e.failed, e)
	case !speaks(rec):
		r.putSilent(e, r.newCall(v))
	default:
		c := r.newCall(v)
		if e.n > 0 {
			r.calls[c].caveats |= UsageConflict
		}
		r.put(e, c, v)
	}
}

// judgeAggregate is for an agent, chain or step, and for a record of which no
// attribute says what it is. It is billed only where nothing beneath it is.
func (r *run) judgeAggregate(v int32, b *below) {
	x := &r.numbers[v]
	under := b.direct.n + b.agent.n
	switch {
	case under == 0 && b.tool.n == 0:
		c := r.absorb(v, []*heap{&b.direct, &b.agent}, &b.direct)
		if b.embed.n > 0 && x.out == 0 && r.record(v).Kind != genai.Leaf {
			// Without output it may well be the total of the embeddings.
			r.calls[c].caveats |= PossibleDuplicate
		}
	case under == 0 && r.record(v).HasUsage() && b.tool.outgrows(x):
		// Everything beneath was asked for by a tool, and is more than this
		// span says: it cannot be a sum of them. It says what its own calls
		// came to (a delegating agent whose model spans bear no usage), or
		// what only some of those beneath did; hence the caveat.
		c := r.absorb(v, []*heap{&b.direct, &b.agent}, &b.direct)
		r.calls[c].caveats |= PossibleDuplicate
	case r.record(v).Kind == genai.Unknown && b.direct.same(r, x) != none:
		// Nothing says that it is an aggregate, and the numbers say that it is
		// not: a gateway's span over its client's, with what the gateway charged.
		r.joinBeneath(v, b.direct.same(r, x), &b.direct)
	default:
		r.reason[v], r.by[v] = IsAggregate, b.someCall()
	}
}

// judgeLeaf is for a span of a request with usage.
func (r *run) judgeLeaf(v int32, b *below) {
	rec, x := r.record(v), &r.numbers[v]
	if b.direct.n == 0 && b.agent.n == 0 && b.tool.n == 0 {
		r.absorb(v, []*heap{&b.direct}, &b.direct)
		return
	}
	if !rec.HasUsage() { // a cost alone: it says nothing against being what is beneath
		r.judgeSilent(v, b)
		return
	}
	all := b.direct.with(&b.agent).with(&b.tool)
	if k := r.ids.find(rec.ResponseID); k != none {
		c := r.find(r.byID[k])
		if r.beneath(r.calls[c].members[0], v) && r.agreeWith(x, &r.calls[c]) != differ {
			r.joinBeneath(v, c, &b.direct)
			return
		}
	}
	if rec.Traits.Has(genai.Overwritten) {
		r.judgeOverwritten(v, b, &all)
		return
	}
	near := b.direct.with(&b.agent)
	if c := b.direct.same(r, x); c != none && r.mayRepeat(v, c) {
		r.joinBeneath(v, c, &b.direct)
		return
	}
	if c := near.same(r, x); c != none && r.mayWrap(v, c) {
		r.joinBeneath(v, c, &b.agent)
		return
	}
	if c := b.tool.same(r, x); c != none && near.n == 0 && r.mayWrap(v, c) {
		// A tool between the two, and the same usage to the token: rather one
		// call that is strangely wrapped than two, but no one can know.
		r.joinBeneath(v, c, &b.tool)
		r.caveats |= UsageConflict
		return
	}
	if b.direct.accountsFor(x) || near.accountsFor(x) || all.accountsFor(x) {
		names := r.namesOf(v)
		own, other := r.ownID(v, &all), names.differs(&all.names)
		if !own || !other {
			r.reason[v], r.by[v] = Covered, all.some
			if own || other {
				r.caveats |= UsageConflict // the sum of another model's calls, or of other responses
			}
			return
		}
	}
	if b.direct.n > 0 && r.hides(v, &b.direct) {
		r.reason[v], r.by[v] = Covered, all.some
		r.caveats |= UsageConflict
		return
	}
	if b.direct.n == 0 {
		r.absorb(v, []*heap{&b.direct}, &b.direct)
		return
	}
	c := r.newCall(v)
	r.calls[c].caveats |= UsageConflict
	r.put(&b.direct, c, v)
}

// judgeOverwritten is for somebody's span onto which each call beneath it was
// written, the last one over all others: it says what that one came to, and
// nothing of the rest. If it is none of those beneath, it may be a call that
// left no span of its own.
func (r *run) judgeOverwritten(v int32, b *below, all *heap) {
	x := &r.numbers[v]
	for _, c := range [...]int32{all.last, all.same(r, x)} {
		if c != none && r.agreeWith(x, &r.calls[r.find(c)]) != differ {
			r.joinBeneath(v, c, &b.direct)
			return
		}
	}
	c := r.newCall(v)
	r.calls[c].caveats |= UsageConflict | PossibleDuplicate
	r.put(&b.direct, c, v)
}

// mayWrap reports whether v's record may be of the same call as one that lies
// behind an agent or a tool: one scope describes a call once, and one response
// has one ID of a kind.
func (r *run) mayWrap(v, c int32) bool {
	return !r.calls[r.find(c)].scopes.has(r.scope(v)) && !r.contradictsID(v, c)
}

// mayRepeat reports whether v's record may be of the same call as one beneath
// it with nothing between. Here one scope may describe a call on two levels,
// as LangSmith does, but by one name of the model; two names of two scopes may
// be an alias and what it stands for.
func (r *run) mayRepeat(v, c int32) bool {
	if r.contradictsID(v, c) {
		return false
	}
	o, names := &r.calls[r.find(c)], r.namesOf(v)
	return !o.scopes.has(r.scope(v)) || !names.differs(&o.names)
}

// ownID reports whether v's record is of a response that is none of the calls
// beneath it: it bears an ID of their kind, and none of them bears it.
func (r *run) ownID(v int32, h *heap) bool {
	if h.named == none || !r.contradictsID(v, h.named) {
		return false
	}
	k := r.ids.find(r.record(v).ResponseID)
	return k == none || !r.beneath(r.calls[r.find(r.byID[k])].members[0], v)
}

// hides decides the case that no number decides: a chat span over other
// calls that are not its own, with nothing between, and with different usage.
// Calls of another model, or of the same instrumentation, are other calls: an
// instrumentation describes a call once. Else it is a wrapper that counts
// otherwise if what is beneath fills half of its time. The half is a guess.
func (r *run) hides(v int32, h *heap) bool {
	names := r.namesOf(v)
	if names.differs(&h.names) {
		return false
	}
	own := r.scope(v)
	for i := range h.scope {
		if h.scope[i].scope == own {
			return false
		}
	}
	return 2*min(h.busy, h.end-h.start) >= r.end[v]-r.start[v]
}

func (r *run) contradictsID(v, c int32) bool {
	rec := r.record(v)
	if rec.ResponseID == "" {
		return false
	}
	probe := call{ids: []string{rec.ResponseID}}
	return probe.contradicts(&r.calls[r.find(c)])
}

// absorb makes a call of v's record and of the spans of requests beneath it
// that state no usage: those whose usage it states. Tries that failed stay
// what they are, unless all did and this span is one of a request: then it
// describes the last.
func (r *run) absorb(v int32, from []*heap, to *heap) int32 {
	c := r.newCall(v)
	hits := r.record(v).Kind == genai.Leaf && r.onlyHits(from)
	if hits {
		r.calls[c].hit = true // the span nearer to the provider knows whether it was asked
	}
	taken, failed := 0, none
	for _, h := range from {
		for _, s := range h.silent {
			if r.calls[r.find(s)].hit && !hits {
				r.calls[c].caveats |= PossibleDuplicate // its numbers may hold those of the hit
				continue
			}
			c = r.join(c, s, RepeatsChild)
			taken++
		}
		h.silent, h.latest = h.silent[:0], none
		failed = r.later(failed, h.failed)
	}
	if taken == 0 && failed != none && r.record(v).Kind == genai.Leaf {
		c = r.join(c, failed, RepeatsChild)
		for _, h := range from {
			h.failed = none
		}
	}
	r.calls[c].requests = max(r.calls[c].requests, taken)
	r.put(to, c, v)
	return c
}

// onlyHits reports whether the spans of requests that state no usage are all
// hits of the application's cache, and there are some.
func (r *run) onlyHits(from []*heap) bool {
	some := false
	for _, h := range from {
		for _, s := range h.silent {
			if !r.calls[r.find(s)].hit {
				return false
			}
			some = true
		}
	}
	return some
}

// later is the one of two calls that began later.
func (r *run) later(i, j int32) int32 {
	if i == none || j != none && r.firstNode(i) < r.firstNode(j) {
		return j
	}
	return i
}

func (r *run) firstNode(i int32) int32 { return r.calls[r.find(i)].members[0] }
