package billing

// put adds a call that v's record describes.
func (r *run) put(h *heap, c, v int32) {
	rec := r.record(v)
	if h.n == 0 {
		h.start, h.end, h.last = r.start[v], r.end[v], c
	}
	if r.end[v] > h.end {
		h.last = c
	}
	h.n++
	h.some = c
	if rec.ResponseID != "" {
		h.named = c
	}
	h.total.add(&r.numbers[v])
	h.start, h.end = min(h.start, r.start[v]), max(h.end, r.end[v])
	h.busy += min(r.end[v]-r.start[v], most) // a span of a quarter of an hour and more is long enough
	names := r.namesOf(v)
	h.names.addAll(&names)
	h.witness(r.scope(v), c, &r.numbers[v])
}

// putSilent adds a call without usage.
func (r *run) putSilent(h *heap, c int32) {
	if r.calls[c].failed {
		h.failed = r.later(h.failed, c)
		return
	}
	h.silent = append(h.silent, c)
	h.latest = r.later(h.latest, c)
}

// witness counts a record to its scope's sum.
func (h *heap) witness(scope uint8, c int32, x *numbers) {
	for i := range h.scope {
		if s := &h.scope[i]; s.scope == scope {
			s.total.add(x)
			s.only = none
			return
		}
	}
	h.scope = append(h.scope, perScope{scope: scope, only: c, total: *x})
}

// move takes everything out of o and puts it into h. The longer list of
// silent calls is kept, so that a call is copied a few times, not once for
// every span above it.
func (r *run) move(h, o *heap) {
	if len(h.silent) < len(o.silent) {
		h.silent, o.silent = o.silent, h.silent
	}
	h.silent = append(h.silent, o.silent...)
	h.latest, h.failed = r.later(h.latest, o.latest), r.later(h.failed, o.failed)
	if o.n > 0 {
		h.takeUsage(o)
	}
	o.clear()
}

func (h *heap) takeUsage(o *heap) {
	if h.n == 0 {
		h.start, h.end, h.some, h.last = o.start, o.end, o.some, o.last
	}
	if o.end > h.end {
		h.last = o.last
	}
	if h.named == none {
		h.named = o.named
	}
	h.n += o.n
	h.total.add(&o.total)
	h.start, h.end = min(h.start, o.start), max(h.end, o.end)
	h.busy += o.busy
	h.names.addAll(&o.names)
	for i := range o.scope {
		s := o.scope[i]
		h.witness(s.scope, s.only, &s.total)
	}
}

// with is the sum of both, without the silent calls; both stay as they are. It
// is for reading, and only while they do stay so: where o adds nothing, the
// sums by scope are those of h.
func (h heap) with(o *heap) heap {
	h.silent = nil
	if o.n == 0 {
		return h
	}
	scopes := make([]perScope, len(h.scope), len(h.scope)+len(o.scope))
	copy(scopes, h.scope)
	h.scope = scopes
	h.takeUsage(o)
	return h
}

// same is the call of the heap that a record with these numbers describes:
// the only call, or the only one that some scope describes. Two scopes side
// by side beneath a third describe one call together, and are only paired
// later, so a sum over all scopes would miss it.
func (h *heap) same(r *run, x *numbers) int32 {
	if h.n == 1 && r.agreeWith(x, &r.calls[r.find(h.some)]) != differ {
		return h.some
	}
	for i := range h.scope {
		if s := &h.scope[i]; s.only != none && agree(x, &s.total) != differ {
			return s.only
		}
	}
	return none
}

// accountsFor reports whether a record with these numbers is the sum of the
// calls, or of those of one scope. One call is no sum: see [heap.same].
func (h *heap) accountsFor(x *numbers) bool {
	if h.n > 1 && agree(x, &h.total) > outputOnly {
		return true
	}
	for i := range h.scope {
		if s := &h.scope[i]; s.only == none && agree(x, &s.total) > outputOnly {
			return true
		}
	}
	return false
}

// outgrows reports whether the calls come to more, in some part, than a span
// with these numbers can contain. Scopes are taken one by one: two may
// describe the same calls.
func (h *heap) outgrows(x *numbers) bool {
	for i := range h.scope {
		if exceeds(&h.scope[i].total, x) {
			return true
		}
	}
	return false
}

// someCall is one of the calls beneath, for an explanation.
func (b *below) someCall() int32 {
	for _, h := range [...]*heap{&b.direct, &b.agent, &b.tool, &b.embed} {
		if h.n > 0 {
			return h.some
		}
	}
	for _, h := range [...]*heap{&b.direct, &b.agent, &b.tool, &b.embed} {
		if h.latest != none {
			return h.latest
		}
	}
	return none
}
