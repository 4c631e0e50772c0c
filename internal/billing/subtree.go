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
	var meet *meeting
	for i := range r.calls {
		c := &r.calls[i]
		if c.into != none || !fit(c) {
			continue
		}
		x := r.stated(c)
		places := slices.Clone(c.members)
		slices.SortFunc(places, func(u, v int32) int { return cmp.Compare(r.in[u], r.in[v]) })
		for k, v := range places {
			sums[v].add(&x)
			if k == 0 {
				continue
			}
			if meet == nil {
				meet = r.meetings()
			}
			if u := meet.of(places[k-1], v); u != none {
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
// between them in preorder. least[k][i] is that of the 2^k from place i on.
type meeting struct {
	r     *run
	least [][]int32
}

func (r *run) meetings() *meeting {
	m := &meeting{r: r, least: [][]int32{r.pre}}
	for w := 1; 2*w <= len(r.pre); w *= 2 {
		last := m.least[len(m.least)-1]
		row := make([]int32, len(r.pre)-2*w+1)
		for i := range row {
			row[i] = m.higher(last[i], last[i+w])
		}
		m.least = append(m.least, row)
	}
	return m
}

func (m *meeting) higher(u, v int32) int32 {
	if m.r.depth[v] < m.r.depth[u] {
		return v
	}
	return u
}

// of is the nearest span that both lie beneath or are, none if they have none.
func (m *meeting) of(u, v int32) int32 {
	if m.r.beneath(v, u) {
		return u
	}
	from, to := m.r.in[u]+1, m.r.in[v]+1
	k := bits.Len32(uint32(to-from)) - 1
	return m.r.parent[m.higher(m.least[k][from], m.least[k][to-1<<k])]
}
