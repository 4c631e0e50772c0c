package billing

import (
	"cmp"
	"slices"
	"sort"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

// unit is a set of calls that something beside them may repeat the sum of.
type unit struct {
	tops    []int32 // the span over the calls; all roots where it is a whole trace
	numbers numbers
	calls   []int32 // found when needed
	start   int64   // of the calls
	end     int64
}

// dropSums finds records that repeat the sum of calls that do not lie beneath
// them: the agent span of one instrumentation beside the spans that another
// process writes of the same agent's calls. What has such numbers, within
// whose time all of those calls lie, and whose scope says nothing of them, is
// no call. A unit explains one record of a scope, not two: two equal agents
// over one unit would be one agent too many.
func (r *run) dropSums() {
	// A scope says nothing beside its own calls: with one scope there is no sum
	// to find, and looking for one among many equal calls ends in a doubt.
	if r.scopes.n < 2 {
		return
	}
	var asking []int32
	for i := range r.calls {
		if c := &r.calls[i]; c.into == none && !c.foreign && !c.silent && !c.hit && !c.fetched && len(c.members) == 1 &&
			r.record(c.members[0]).HasUsage() {
			asking = append(asking, int32(i))
		}
	}
	if len(asking) < 2 {
		return
	}
	slices.SortFunc(asking, r.byTime)
	units := r.gatherUnits()
	used := map[usedUnit]bool{}
	for _, e := range r.matchUnits(asking, units) {
		i, u := asking[e.a], units.list[e.b]
		if r.fits(u.calls, i, used) {
			r.repeats(i, u.calls, used)
		}
	}
	for _, i := range asking {
		if !r.isSum(i) {
			r.repeatScope(i, used)
		}
	}
}

// matchUnits pairs records with units one to one. Three equal agents side by
// side, each over one of three equal calls, need a matching as much as pairs
// of calls do: taken one by one, the first may take what only the last fits.
func (r *run) matchUnits(asking []int32, units *unitIndex) []edge {
	var edges []edge
	seen := nones(len(units.list)) // unit → the last place in asking that met it
	for place, i := range asking {
		c := &r.calls[i]
		v := c.members[0]
		x := &r.numbers[v]
		slack := int64(0)
		if x.claude {
			slack = slackOutput
		}
		for _, out := range [...]int64{x.out, x.out + x.reason} {
			for d := -slack; d <= slack; d++ {
				cut := r.near(units.byOutput[out+d], c.start, c.end, 0, func(k int32) {
					u := units.list[k]
					if how := agree(x, &u.numbers); seen[k] != int32(place) && how > outputOnly && r.explains(u, i) {
						edges = append(edges, edge{int32(place), k, how, distance(c.start, u.start) + distance(c.end, u.end)})
					}
					seen[k] = int32(place)
				})
				if cut {
					r.caveats |= PossibleDuplicate
				}
			}
		}
	}
	return r.match(len(asking), len(units.list), edges)
}

// repeats notes that call i is no call, but a sum of these.
func (r *run) repeats(i int32, calls []int32, used map[usedUnit]bool) {
	v := r.calls[i].members[0]
	r.calls[i].sum = true
	r.changes++
	r.reason[v], r.by[v] = SumBeside, calls[0]
	own, other := r.ownResponse(&r.calls[i], calls)
	if own || other {
		r.caveats |= UsageConflict
	}
	if believed(r.record(v).Cost.Class) {
		r.dearSums = append(r.dearSums, dearSum{v, calls})
	}
	for _, k := range calls {
		used[usedUnit{r.scope(v), k}] = true
	}
}

type usedUnit struct {
	scope uint8
	call  int32
}

// isSum reports whether the call has been found to repeat a sum of others.
func (r *run) isSum(i int32) bool { return r.calls[i].sum }

// explains reports whether the calls of a unit can be what call i repeats.
func (r *run) explains(u *unit, i int32) bool {
	v := r.calls[i].members[0]
	if len(u.tops) == 1 && r.related(u.tops[0], v) || len(u.tops) > 1 && r.at(u.tops[0]).Trace == r.at(v).Trace {
		return false
	}
	if c := &r.calls[i]; u.start < c.start-slackTime || u.end > c.end+slackTime {
		return false
	}
	if u.calls == nil {
		u.calls = r.callsOf(u)
	}
	r.steps += len(u.calls)
	return r.fits(u.calls, i, nil)
}

// fits checks what the numbers do not show: that the calls lie within the
// time of call i, are of other scopes, and have not been used up. A span of a
// request repeats one other request only if the two pair, which was tried.
func (r *run) fits(calls []int32, i int32, used map[usedUnit]bool) bool {
	c := &r.calls[i]
	scope := r.scope(c.members[0])
	if len(calls) == 0 || len(calls) == 1 && c.kind == genai.Leaf {
		return false
	}
	if own, other := r.ownResponse(c, calls); own && other {
		return false
	}
	for _, k := range calls {
		o := &r.calls[k]
		if k == i || o.scopes.has(scope) || o.class != c.class || used[usedUnit{scope, k}] || r.isSum(k) ||
			o.start < c.start-slackTime || o.end > c.end+slackTime {
			return false
		}
	}
	return true
}

// ownResponse reports what speaks against a request's repeating the sum of
// calls: that it is of a response that is none of theirs, and that it is of
// another model than all of them. Agents bear the names and IDs of anything.
func (r *run) ownResponse(c *call, calls []int32) (own, other bool) {
	if c.kind == genai.Aggregate {
		return false, false
	}
	shared := false
	other = true
	for _, k := range calls {
		o := &r.calls[k]
		other = other && c.names.differs(&o.names)
		own = own || c.contradicts(o)
		shared = shared || len(c.ids) > 0 && o.hasID(c.ids[0])
	}
	return own && !shared, other
}

// unitIndex finds units by their output.
type unitIndex struct {
	list     []*unit
	byOutput map[int64]lane
}

// gatherUnits indexes the sums of subtrees and of traces.
func (r *run) gatherUnits() *unitIndex {
	s := r.subtreeSums(summable)
	spans := r.subtreeTimes(summable)
	var list []*unit
	traces := map[[16]byte]*unit{}
	for at, v := range r.pre {
		if s[v].n == 0 {
			continue
		}
		p := r.parent[v]
		if p != none && s[p].n == s[v].n {
			continue // the same calls as the span above: one unit
		}
		u := &unit{tops: r.pre[at : at+1 : at+1], numbers: s[v], start: spans[v].start, end: spans[v].end}
		if p == none {
			id := r.at(v).Trace
			if t := traces[id]; t == nil {
				traces[id] = &unit{tops: u.tops, numbers: u.numbers, start: u.start, end: u.end}
			} else {
				t.numbers.add(&u.numbers)
				t.start, t.end = min(t.start, u.start), max(t.end, u.end)
				t.tops = append(t.tops, v)
			}
		}
		list = append(list, u)
	}
	for _, v := range r.pre { // in order, not in that of the map
		id := r.at(v).Trace
		if t := traces[id]; t != nil && len(t.tops) > 1 {
			list = append(list, t)
		}
		delete(traces, id)
	}
	return indexUnits(list)
}

func indexUnits(list []*unit) *unitIndex {
	slices.SortStableFunc(list, func(a, b *unit) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
	x := &unitIndex{list: list, byOutput: map[int64]lane{}}
	put := func(out int64, k int) {
		x.byOutput[out] = x.byOutput[out].with(int32(k), list[k].start, list[k].end)
	}
	for k, u := range list {
		put(u.numbers.out, k)
		if u.numbers.full != u.numbers.out {
			put(u.numbers.full, k)
		}
	}
	return x
}

// summable are the calls that something beside them may be the sum of.
func summable(c *call) bool { return !c.foreign && !c.silent && c.class == genai.Generation }

// callsOf lists the calls of a unit.
func (r *run) callsOf(u *unit) []int32 {
	list := make([]int32, 0, u.numbers.n)
	for _, top := range u.tops {
		r.steps += int(r.out[top] - r.in[top])
		for _, v := range r.pre[r.in[top]:r.out[top]] {
			if r.callOf[v] == none {
				continue
			}
			if i := r.find(r.callOf[v]); summable(&r.calls[i]) {
				list = append(list, i)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// repeatScope tries, as the unit, all calls of one scope within the time of
// call i.
func (r *run) repeatScope(i int32, used map[usedUnit]bool) {
	c := &r.calls[i]
	own := r.scope(c.members[0])
	x := &r.numbers[c.members[0]]
	r.eachScope(func(s uint8) {
		if c.sum || s == own {
			return
		}
		l := r.tally(s)
		from := sort.Search(len(l.starts), func(k int) bool { return l.starts[k] >= c.start-slackTime })
		to := sort.Search(len(l.starts), func(k int) bool { return l.starts[k] > c.end+slackTime })
		if from >= to {
			return
		}
		sum := l.sums[to]
		sum.sub(&l.sums[from])
		if agree(x, &sum) <= outputOnly {
			return
		}
		if r.steps += to - from; r.steps > maxSteps {
			r.calls[i].caveats |= PossibleDuplicate
			return
		}
		if !r.anyRelatedTo(l.calls[from:to], i) && r.fits(l.calls[from:to], i, used) {
			r.repeats(i, l.calls[from:to], used)
		}
	})
}

func (r *run) anyRelatedTo(calls []int32, i int32) bool {
	for _, k := range calls {
		if r.anyRelated(&r.calls[k], &r.calls[i]) {
			return true
		}
	}
	return false
}

// tally is the calls of one scope in order of start, with running sums.
type tally struct {
	calls  []int32
	starts []int64
	sums   []numbers // sums[k] is that of the first k
}

func (r *run) tally(s uint8) *tally {
	if r.tallies == nil {
		r.tallies = map[uint8]*tally{}
	}
	if l := r.tallies[s]; l != nil {
		return l
	}
	list := r.standing(s)
	n := len(list)
	l := &tally{calls: make([]int32, 0, n), starts: make([]int64, 0, n), sums: make([]numbers, 1, n+1)}
	for _, i := range list {
		c := &r.calls[i]
		if c.silent || c.class != genai.Generation {
			continue
		}
		sum := l.sums[len(l.sums)-1]
		x := r.stated(c)
		sum.add(&x)
		l.calls, l.starts, l.sums = append(l.calls, i), append(l.starts, c.start), append(l.sums, sum)
	}
	r.tallies[s] = l
	return l
}

// eachScope calls f for the scopes of the run in order of their numbers.
func (r *run) eachScope(f func(s uint8)) {
	for s := range min(r.scopes.n, crowd) {
		f(uint8(s))
	}
}
