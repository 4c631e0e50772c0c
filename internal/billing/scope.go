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
	number  map[string]uint8
	crowded bool
}

// scopePair is a wrapper's scope and the scope of what it wraps.
type scopePair struct{ outer, inner uint8 }

// rankScopes numbers the scopes by how many records they have, then by name.
func rankScopes(r *run) scopes {
	count := map[string]int{}
	for _, v := range r.records {
		count[r.record(v).Scope]++
	}
	names := make([]string, 0, len(count))
	for name := range count {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	s := scopes{number: make(map[string]uint8, len(names)), crowded: len(names) > crowd}
	for i, name := range names {
		s.number[name] = uint8(min(i, crowd))
	}
	return s
}

func (r *run) scope(v int32) uint8 { return r.scopes.number[r.record(v).Scope] }

func (s scopeSet) has(scope uint8) bool { return s&(1<<scope) != 0 }

// each calls f for every scope of the set, in order.
func (s scopeSet) each(f func(scope uint8)) {
	for s != 0 {
		i := bits.TrailingZeros64(uint64(s))
		s &^= 1 << i
		f(uint8(i))
	}
}
