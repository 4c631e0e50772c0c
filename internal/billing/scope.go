package billing

import (
	"cmp"
	"math/bits"
	"slices"
)

// scopeSet is a set of instrumentation scopes of a run.
type scopeSet uint64

// crowd is the scope that all scopes share for which there is no place in a
// set. Records of one scope never pair, so what is in the crowd is billed as
// it is. A run with more than 63 scopes that speak of calls is not a run that
// anybody wrote; such a run is marked.
const crowd = 63

type scopes struct {
	of      []uint8 // node → number of its record's scope
	n       int     // how many there are, those of the crowd too
	byName  []uint8 // the numbers in order of the scopes' names, without the crowd
	crowded bool
}

// scopePair is a wrapper's scope and the scope of what it wraps.
type scopePair struct{ outer, inner uint8 }

// rankScopes numbers the scopes by how many records they have, then by name.
func rankScopes(r *run) scopes {
	s := scopes{of: make([]uint8, len(r.span)), n: 1}
	if r.oneScope() {
		return s
	}
	var seen naming
	var count []int
	for _, v := range r.records {
		k, isNew := seen.add(r.record(v).Scope)
		if isNew {
			count = append(count, 0)
		}
		count[k]++
	}
	s.n = len(count)
	s.crowded = s.n > crowd
	order := make([]int32, s.n)
	for k := range order {
		order[k] = int32(k)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(seen.names[a], seen.names[b]))
	})
	number := make([]uint8, s.n)
	for i, k := range order {
		number[k] = uint8(min(i, crowd))
	}
	for _, v := range r.records {
		s.of[v] = number[seen.find(r.record(v).Scope)]
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(seen.names[a], seen.names[b]) })
	s.byName = make([]uint8, 0, min(s.n, crowd))
	for _, k := range order {
		if number[k] < crowd {
			s.byName = append(s.byName, number[k])
		}
	}
	return s
}

// oneScope reports whether all records are of one scope. Most runs' are.
func (r *run) oneScope() bool {
	for _, v := range r.records {
		if r.record(v).Scope != r.record(r.records[0]).Scope {
			return false
		}
	}
	return true
}

func (r *run) scope(v int32) uint8 { return r.scopes.of[v] }

func (s scopeSet) has(scope uint8) bool { return s&(1<<scope) != 0 }

// each calls f for every scope of the set, in order.
func (s scopeSet) each(f func(scope uint8)) {
	for s != 0 {
		i := bits.TrailingZeros64(uint64(s))
		s &^= 1 << i
		f(uint8(i))
	}
}
