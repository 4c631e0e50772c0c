package billing

// joinByID makes one call of calls with one response ID, wherever they stand
// in the run.
//
// Two calls of one scope that bear one ID and state different usage are two:
// frameworks give IDs of their own, and some give one to a whole turn. Two of
// different scopes that disagree wait until it is known whether the greater is
// a sum ([run.joinQuarrels]): a span over a turn of several requests may bear
// the ID of the last.
//
// A hit of the application's cache is left out: it replays a response, with its
// ID, and that response was billed when it was made, here or in another run.
func (r *run) joinByID() {
	if !r.repeatedID {
		return
	}
	clusters := map[string][]int32{}
	for i := range r.calls {
		if c := &r.calls[i]; c.into != none || c.foreign || c.hit {
			continue
		}
		for _, id := range r.calls[i].ids {
			if r.find(int32(i)) != int32(i) {
				break // taken in by another, with all its IDs
			}
			r.joinCluster(clusters, id, int32(i))
		}
	}
}

func (r *run) joinCluster(clusters map[string][]int32, id string, i int32) {
	list := clusters[id]
	for _, o := range list {
		if o = r.find(o); o == i || r.sameResponse(&r.calls[o], &r.calls[i]) {
			r.join(o, i, RepeatsID)
			return
		}
	}
	for _, o := range list {
		o = r.find(o)
		if r.calls[o].scopes&r.calls[i].scopes != 0 {
			r.calls[o].caveats |= UsageConflict
			r.calls[i].caveats |= UsageConflict
		}
	}
	if len(list) < maxWitnesses {
		clusters[id] = append(list, i)
	} else {
		r.calls[i].caveats |= UsageConflict
	}
}

func (r *run) sameResponse(a, b *call) bool {
	if a.class != b.class {
		return false
	}
	return a.silent || b.silent || r.agreeCalls(a, b) != differ
}

// joinQuarrels joins what bears one ID, comes from different scopes, states
// different usage, and was not recognised as a sum.
func (r *run) joinQuarrels() {
	if !r.repeatedID {
		return
	}
	first := map[string]int32{}
	for i := range r.calls {
		c := &r.calls[i]
		if c.into != none || c.foreign || c.hit || r.isSum(int32(i)) {
			continue
		}
		for _, id := range r.calls[i].ids {
			o, ok := first[id]
			if !ok {
				first[id] = int32(i)
				continue
			}
			o = r.find(o)
			if a, b := &r.calls[o], &r.calls[r.find(int32(i))]; a != b && a.class == b.class && a.scopes&b.scopes == 0 {
				joined := r.join(o, int32(i), RepeatsID)
				r.calls[joined].quarrels = true
				r.calls[joined].caveats |= UsageConflict
				break
			}
		}
	}
}
