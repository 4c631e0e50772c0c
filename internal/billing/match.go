package billing

import (
	"cmp"
	"slices"
)

// maxSteps is how many pairs of calls a run may look at in all, to judge them
// and to exchange them for better ones. No run that somebody wrote comes near:
// a call looks at those of its own moment and usage. Beyond it calls stay
// apart, which bills too much rather than too little, and the run is marked.
const maxSteps = 10_000_000

// matching is the pairing of two lists of calls.
type matching struct {
	edges    []edge // the best first
	of       [][]int32
	ofA, ofB []int32 // the edge by which a call is paired, none while it is not
	steps    *int
}

// match chooses the edges of a maximum matching, exact ones first: among
// identical calls side by side the nearest in time go together, and no call
// is left over because its only twin went to a call that had a choice.
//
// Greedy pairing alone was tried and loses such calls.
func (r *run) match(na, nb int, edges []edge) []edge {
	if len(edges) == 0 {
		return nil
	}
	slices.SortFunc(edges, func(x, y edge) int {
		return cmp.Or(cmp.Compare(y.how, x.how), cmp.Compare(x.distance, y.distance), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b))
	})
	m := matching{edges: edges, of: make([][]int32, na), ofA: nones(na), ofB: nones(nb), steps: &r.steps}
	exact := 0
	for exact < len(edges) && edges[exact].how >= byReading {
		exact++
	}
	whole := m.extend(0, exact) && m.extend(exact, len(edges))
	if !whole {
		r.caveats |= PossibleDuplicate
	}
	var chosen []edge
	for _, e := range m.ofA {
		if e != none {
			chosen = append(chosen, edges[e])
		}
	}
	return chosen
}

// extend takes further edges into account: greedily, then by exchange. It
// reports whether it came to an end within the limit.
func (m *matching) extend(from, to int) bool {
	for i := from; i < to; i++ {
		e := m.edges[i]
		m.of[e.a] = append(m.of[e.a], int32(i))
		if m.ofA[e.a] == none && m.ofB[e.b] == none {
			m.ofA[e.a], m.ofB[e.b] = int32(i), int32(i)
		}
	}
	whole := true
	cameBy := make([]int32, len(m.ofB)) // edge by which a search reached a place of b
	seen := nones(len(m.ofB))
	for a := range m.ofA {
		if m.ofA[a] == none && len(m.of[a]) > 0 {
			whole = m.exchange(int32(a), cameBy, seen) && whole
		}
	}
	return whole
}

// exchange looks, breadth first, for a chain of pairs that can be moved on by
// one so that a finds a partner.
func (m *matching) exchange(a int32, cameBy, seen []int32) bool {
	queue := []int32{a}
	for len(queue) > 0 {
		u := queue[0]
		queue = queue[1:]
		for _, i := range m.of[u] {
			if *m.steps++; *m.steps > maxSteps {
				return false
			}
			b := m.edges[i].b
			if seen[b] == a {
				continue
			}
			seen[b], cameBy[b] = a, i
			if m.ofB[b] != none {
				queue = append(queue, m.edges[m.ofB[b]].a)
				continue
			}
			for b != none { // free: move every pair on the way
				i := cameBy[b]
				u := m.edges[i].a
				next := none
				if old := m.ofA[u]; old != none {
					next = m.edges[old].b
				}
				m.ofA[u], m.ofB[b] = i, i
				b = next
			}
			return true
		}
	}
	return true
}
