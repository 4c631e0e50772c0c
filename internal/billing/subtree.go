package billing

import (
	"cmp"
	"math/bits"
	"slices"
)

// subtreeSums gives, for each node, the sum of the calls at it and beneath
// it, each call once however many of its spans lie there. A call is added at
// each of its spans and taken off again where two of them meet:
//
//	    u   +x +x −x = x
//	   / \
//	+x a  b +x          −x at u, the nearest span over both
func (r *run) subtreeSums(fit func(*call) bool) []numbers {
	sums := make([]numbers, len(r.span))
	var least meeting
	for i := range r.calls {
		c := &r.calls[i]
		if c.into != none || !fit(c) {
			continue
		}
		x := r.stated(c)
		places := c.members
		if len(places) > 1 {
			places = slices.Clone(places)
			slices.SortFunc(places, func(u, v int32) int { return cmp.Compare(r.in[u], r.in[v]) })
		}
		for k, v := range places {
			sums[v].add(&x)
			if k == 0 {
				continue
			}
			if least == nil {
				least = r.meetings()
			}
			if u := r.meet(least, places[k-1], v); u != none {
				sums[u].sub(&x)
			}
		}
	}
	for k := len(r.pre) - 1; k >= 0; k-- {
		if v := r.pre[k]; r.parent[v] != none {
			sums[r.parent[v]].add(&sums[v])
		}
	}
	return sums
}

// times is from when to when the calls of a subtree lasted.
type times struct{ start, end int64 }

func (r *run) subtreeTimes(fit func(*call) bool) []times {
	all := make([]times, len(r.span))
	for v := range all {
		all[v] = times{1<<63 - 1, -1}
	}
	for k := len(r.pre) - 1; k >= 0; k-- {
		v := r.pre[k]
		if i := r.callOf[v]; i != none {
			if c := &r.calls[r.find(i)]; fit(c) {
				all[v] = times{min(all[v].start, c.start), max(all[v].end, c.end)}
			}
		}
		if p := r.parent[v]; p != none {
			all[p] = times{min(all[p].start, all[v].start), max(all[p].end, all[v].end)}
		}
	}
	return all
}

// stated are the numbers that a call will be billed by.
func (r *run) stated(c *call) numbers {
	best := r.richest(c)
	x := r.numbers[best]
	if !r.record(best).HasUsage() {
		x = numbers{}
	}
	x.n = 1
	return x
}

// meeting answers where two spans meet: the parent of the least deep node
// between them in preorder. Row k has at i that of the 2^k from place i on.
type meeting [][]int32

func (r *run) meetings() meeting {
	least := meeting{r.pre}
	for w := 1; 2*w <= len(r.pre); w *= 2 {
		last := least[len(least)-1]
		row := make([]int32, len(r.pre)-2*w+1)
		for i := range row {
			row[i] = r.higher(last[i], last[i+w])
		}
		least = append(least, row)
	}
	return least
}

func (r *run) higher(u, v int32) int32 {
	if r.depth[v] < r.depth[u] {
		return v
	}
	return u
}

// meet is the nearest span that both lie beneath or are, none if they have none.
func (r *run) meet(least meeting, u, v int32) int32 {
	if r.beneath(v, u) {
		return u
	}
	from, to := r.in[u]+1, r.in[v]+1
	k := bits.Len32(uint32(to-from)) - 1
	return r.parent[r.higher(least[k][from], least[k][to-1<<k])]
}
