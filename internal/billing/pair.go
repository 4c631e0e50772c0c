package billing

import (
	"cmp"
	"slices"
	"sort"

	"github.com/runrollup/runrollupprocessor/internal/genai"
)

const (
	// slackTime is by how much a span may stick out of the one that contains
	// it: spans of JavaScript start on whole milliseconds.
	slackTime = 2_000_000
	// maxNeighbours is how many spans on either side in time are tried as
	// the twin of one. The twin is the nearest of those with the same usage;
	// only as many identical calls at one moment could hide it.
	maxNeighbours = 64
)

// edge says that two calls may be one.
type edge struct {
	a, b     int32 // places in the lists that are paired
	how      agreement
	distance int64
}

// pairByUsage pairs what two instrumentations say of one call where neither
// an ID nor ancestry does: one to one, for each pair of scopes, as many as
// possible. It goes by pairs of scopes, so that a third scope meets what the
// first two have become.
func (r *run) pairByUsage() {
	r.eachScopePair(func(s, t uint8) {
		a, b := r.candidates(s, t, spoken), r.candidates(t, s, spoken)
		edges, cut := r.edgesByOutput(a, b)
		r.pair(a, b, edges)
		for _, place := range cut {
			if c := &r.calls[r.find(a[place])]; !c.scopes.has(t) {
				c.caveats |= PossibleDuplicate // its twin may be one that was not looked at
			}
		}
	})
}

// pairSilent pairs calls without usage by time and model alone: first with
// calls that state usage, then with each other, and failed tries with failed
// tries.
func (r *run) pairSilent() {
	if !r.anySilent() {
		return
	}
	stages := [...][2]func(*call) bool{{silent, spoken}, {silent, silent}, {begun, spoken}, {begun, silent}, {failed, failed}}
	for _, stage := range stages {
		r.eachScopePair(func(s, t uint8) {
			for range 2 {
				a, b := r.candidates(s, t, stage[0]), r.candidates(t, s, stage[1])
				r.pair(a, b, r.edgesByTime(a, b))
				s, t = t, s
			}
		})
	}
}

func (r *run) anySilent() bool {
	for i := range r.calls {
		if c := &r.calls[i]; c.silent && c.into == none {
			return true
		}
	}
	return false
}

// pairGuessed pairs, by time and model alone, calls of which an instrumentation
// may have counted the tokens by itself with those that another one has the
// usage of: where the count was its own, no number of the two agrees. Only
// calls that have found no twin by their usage are left for it, and what joins
// here says so by its quarrel.
func (r *run) pairGuessed() {
	guess := func(c *call) bool { return spoken(c) && r.guessed(c) }
	known := func(c *call) bool { return spoken(c) && !r.guessed(c) }
	r.eachScopePair(func(s, t uint8) {
		for range 2 {
			a, b := r.candidates(s, t, guess), r.candidates(t, s, known)
			r.pair(a, b, r.edgesByTime(a, b))
			s, t = t, s
		}
	})
}

// guessed reports whether all usage of a call is of emitters that are known to
// estimate.
func (r *run) guessed(c *call) bool {
	for _, v := range c.witnesses() {
		if r.record(v).HasUsage() && !r.numbers[v].guessed {
			return false
		}
	}
	return true
}

func spoken(c *call) bool { return !c.silent && c.kind != genai.Aggregate }
func silent(c *call) bool { return c.silent && !c.failed }
func failed(c *call) bool { return c.silent && c.failed }
func begun(c *call) bool  { return c.silent && c.failed && c.began }

// eachScopePair calls f for each two scopes, in order of their names.
func (r *run) eachScopePair(f func(s, t uint8)) {
	for i, s := range r.scopes.byName {
		for _, t := range r.scopes.byName[i+1:] {
			f(s, t)
		}
	}
}

// candidates are the standing calls that scope s describes and t does not, in
// order of time. Hits of the application's cache are none: nobody was asked, so
// there is no other span of theirs, and what looks like it is a call.
func (r *run) candidates(s, t uint8, fit func(*call) bool) []int32 {
	var list []int32
	for _, i := range r.standing(s) {
		if c := &r.calls[i]; !c.hit && c.scopes.has(s) && !c.scopes.has(t) && fit(c) {
			list = append(list, i)
		}
	}
	return list
}

// standing is the calls of a scope as they stood at some count of changes.
type standing struct {
	calls []int32
	at    int
}

// standing are this run's calls of a scope that have not become part of
// another, in order of (start, end, first node).
func (r *run) standing(s uint8) []int32 {
	if r.ofScope == nil {
		r.ofScope = make([]standing, min(r.scopes.n, crowd+1))
		for i := range r.calls {
			if c := &r.calls[i]; c.into == none && !c.foreign {
				c.scopes.each(func(s uint8) {
					r.ofScope[s].calls, r.ofScope[s].at = append(r.ofScope[s].calls, int32(i)), -1
				})
			}
		}
	}
	if r.ofScope[s].at == r.changes {
		return r.ofScope[s].calls
	}
	list := r.ofScope[s].calls
	for k, i := range list {
		list[k] = r.find(i)
	}
	slices.Sort(list)
	list = slices.Compact(list)
	list = slices.DeleteFunc(list, r.isSum)
	slices.SortFunc(list, r.byTime)
	r.ofScope[s] = standing{list, r.changes}
	return list
}

func (r *run) byTime(i, j int32) int {
	a, b := &r.calls[i], &r.calls[j]
	return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end), cmp.Compare(a.members[0], b.members[0]))
}

// lane is a list of calls in order of time, with the greatest end so far: what
// is needed to walk outward from a moment and to know when to stop.
type lane []stop

type stop struct {
	place int32 // in the list that is paired
	start int64
	end   int64 // the greatest up to here
}

// with is the lane and one more call, which starts no earlier than the others.
func (l lane) with(place int32, start, end int64) lane {
	if n := len(l); n > 0 {
		end = max(end, l[n-1].end)
	}
	return append(l, stop{place, start, end})
}

// near calls f for those that may overlap with a time, the nearest start first
// to either side. Of calls that start at one moment, skip are passed over: a
// caller who is the tenth of its kind at that moment looks about the tenth, so
// that of ten thousand not all look at the same few. It reports whether it
// stopped at a limit.
func (r *run) near(l lane, start, end int64, skip int, f func(place int32)) (cut bool) {
	if l == nil {
		return false
	}
	if r.steps > maxSteps {
		return true
	}
	from := sort.Search(len(l), func(i int) bool { return l[i].start >= start })
	from = min(from+skip, len(l))
	i := from
	for ; i < len(l) && i < from+maxNeighbours && l[i].start <= end+slackTime; i++ {
		f(l[i].place)
	}
	cut = i == from+maxNeighbours && i < len(l) && l[i].start <= end+slackTime
	r.steps += i - from
	for i = from - 1; i >= 0 && i >= from-maxNeighbours && l[i].end >= start-slackTime; i-- {
		f(l[i].place)
	}
	r.steps += from - 1 - i
	return cut
}

// edgesByOutput finds the pairs that agree in usage. Calls are looked up by
// their output, the one number that every instrumentation states alike. The
// calls of a that had more neighbours than were looked at come back beside.
func (r *run) edgesByOutput(a, b []int32) (edges []edge, cut []int32) {
	if len(a) == 0 || len(b) == 0 {
		return nil, nil
	}
	var room [2 * maxWitnesses]int64
	lanes := map[int64]lane{}
	for place, i := range b {
		c := &r.calls[i]
		for _, out := range r.outputs(c, room[:0]) {
			lanes[out] = lanes[out].with(int32(place), c.start, c.end)
		}
	}
	tied := map[[2]int64]int{}
	seen := nones(len(b)) // place in b → the last place in a that met it
	for place, i := range a {
		c := &r.calls[i]
		outputs := r.outputs(c, room[:0])
		if len(outputs) == 0 {
			continue
		}
		skip := tied[[2]int64{outputs[0], c.start}]
		tied[[2]int64{outputs[0], c.start}]++
		slack := int64(0)
		if r.models.anyClaude(&c.names) {
			slack = slackOutput
		}
		limited := false
		for _, out := range outputs {
			for d := -slack; d <= slack; d++ {
				limited = r.near(lanes[out+d], c.start, c.end, skip, func(other int32) {
					if seen[other] == int32(place) {
						return
					}
					seen[other] = int32(place)
					if how := r.mayBeOne(c, &r.calls[b[other]], true); how != differ {
						edges = append(edges, edge{int32(place), other, how, apart(c, &r.calls[b[other]])})
					}
				}) || limited
			}
		}
		if limited {
			cut = append(cut, int32(place))
		}
	}
	return edges, cut
}

// outputs appends the numbers by which a call's output may be known: two of
// each witness at most.
func (r *run) outputs(c *call, list []int64) []int64 {
	for _, v := range c.witnesses() {
		x := &r.numbers[v]
		for _, out := range [...]int64{x.out, x.out + x.reason} {
			if r.record(v).HasUsage() && !slices.Contains(list, out) {
				list = append(list, out)
			}
		}
	}
	return list
}

func (r *run) edgesByTime(a, b []int32) []edge {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	all := make(lane, 0, len(b))
	for place, i := range b {
		all = all.with(int32(place), r.calls[i].start, r.calls[i].end)
	}
	var edges []edge
	tied := map[int64]int{}
	for place, i := range a {
		c := &r.calls[i]
		cut := r.near(all, c.start, c.end, tied[c.start], func(other int32) {
			o := &r.calls[b[other]]
			if c != o && r.mayBeOne(c, o, false) != differ {
				edges = append(edges, edge{int32(place), other, tolerable, apart(c, o)})
			}
		})
		tied[c.start]++
		if cut && r.steps > maxSteps {
			r.caveats |= PossibleDuplicate
			return edges
		}
	}
	return edges
}

// mayBeOne judges all conditions but uniqueness.
func (r *run) mayBeOne(a, b *call, byUsage bool) agreement {
	if a.class != b.class || a.contradicts(b) || !r.beside(a, b) {
		return differ
	}
	how := tolerable
	if byUsage {
		how = r.agreeCalls(a, b)
	}
	if !a.names.meets(&b.names) && !(byUsage && how == identical && (a.names.empty() || b.names.empty())) {
		return differ
	}
	return how
}

// beside reports whether a span of the one contains, in time, a span of the
// other that lies neither beneath nor above it. Two spans of which one lies
// beneath the other were compared before, and found to be two; but spans of
// two calls beneath a third that has joined one of them may well be one.
func (r *run) beside(a, b *call) bool {
	for _, u := range a.witnesses() {
		for _, v := range b.witnesses() {
			if (r.inside(u, v) || r.inside(v, u)) && !r.related(u, v) {
				return true
			}
		}
	}
	return false
}

func (r *run) inside(u, v int32) bool {
	return r.start[u] >= r.start[v]-slackTime && r.end[u] <= r.end[v]+slackTime
}

// anyRelated reports whether a span of the one lies beneath a span of the
// other.
func (r *run) anyRelated(a, b *call) bool {
	for _, u := range a.witnesses() {
		for _, v := range b.witnesses() {
			if r.related(u, v) {
				return true
			}
		}
	}
	return false
}

func apart(a, b *call) int64 { return distance(a.start, b.start) + distance(a.end, b.end) }

func distance(x, y int64) int64 { return max(x-y, y-x) }

// pair joins the calls of a matching.
func (r *run) pair(a, b []int32, edges []edge) {
	for _, e := range r.match(len(a), len(b), edges) {
		i, j := a[e.a], b[e.b]
		x, y := &r.calls[r.find(i)], &r.calls[r.find(j)]
		if x == y || x.scopes&y.scopes != 0 {
			continue // a call without usage may be sought from both sides
		}
		r.notePair(x, y)
		r.join(i, j, Paired)
	}
}

// notePair remembers who wraps whom, and marks a pair over two traces: there
// one clock of two and one propagation of two may be wrong.
func (r *run) notePair(x, y *call) {
	if x.end-x.start < y.end-y.start {
		x, y = y, x
	}
	u, v := x.members[0], y.members[0]
	if r.pairs == nil {
		r.pairs = map[scopePair]struct{}{}
	}
	r.pairs[scopePair{r.scope(u), r.scope(v)}] = struct{}{}
	if r.at(u).Trace != r.at(v).Trace {
		x.caveats |= PossibleDuplicate
	}
}

func (r *run) provider(c *call) string {
	for _, v := range c.witnesses() {
		if p := r.record(v).Provider; p != "" {
			return p
		}
	}
	return ""
}
