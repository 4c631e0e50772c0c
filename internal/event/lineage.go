package event

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// attempt is one run, its parts put together.
type attempt struct {
	id       string
	identity run.Identity
	start    int64
	outcome  *outcome.Outcome
	first    int // place of its first part among the members
	number   int // which attempt it is, as far as lineage tells; 0 where it does not
	count    int // the same, as one that retries it sees it
	counted  int // how far count is known
	parent   *attempt
	top      *attempt // the top-level run it was made for
	group    *attempt // the representative of its line of attempts
}

// attempts puts the parts of each run together: the identity of the part that
// saw the root, else that began first, filled up from the others, the least start, and the outcome that
// is most believed (contract, section 6). Members are sorted by run, so the
// parts of a run are neighbours.
func (e *Event) attempts() []*attempt {
	var list []*attempt
	for i := 0; i < len(e.members); {
		a := &attempt{id: e.members[i].RunID, first: i}
		from := i
		for ; i < len(e.members) && e.members[i].RunID == a.id; i++ {
			m := e.members[i]
			if a.outcome == nil || cmp.Or(believed(&m.Outcome, a.outcome), 1) > 0 { // a tie goes to the greater part
				a.outcome = &m.Outcome
			}
		}
		parts := slices.Clone(e.members[from:i])
		slices.SortStableFunc(parts, func(x, y *Member) int { return cmp.Compare(x.Start, y.Start) })
		a.start = parts[0].Start
		slices.SortStableFunc(parts, func(x, y *Member) int {
			switch {
			case x.Rooted == y.Rooted:
				return 0
			case x.Rooted:
				return -1
			}
			return 1
		})
		for p := range parts {
			for f, v := range parts[p].Identity {
				if a.identity[f] == "" {
					a.identity[f] = v
				}
			}
		}
		list = append(list, a)
	}
	return list
}

// lineage tells which runs are attempts of what: it finds each run's parent
// and line of attempts within the event, and gives the top-level runs, those
// whose parent is not of the event.
//
// Runs are of one line if one is a retry of the other, if they name the same
// first run, or if their workflow is the same: that much is known where only
// the lean identity reaches a span.
func lineage(all []*attempt) []*attempt {
	byID := map[string]*attempt{}
	for _, a := range all {
		byID[a.id] = a
	}
	for _, a := range all {
		if p := byID[a.identity[run.ParentRun]]; p != a {
			a.parent = p
		}
	}
	findTops(all)
	var top []*attempt
	for _, a := range all {
		if a.parent == nil {
			top = append(top, a)
		}
	}
	first := map[[2]string]*attempt{} // the first seen of each workflow, and of each root run
	for _, a := range top {
		a.group = a
	}
	for _, a := range top {
		for _, key := range [][2]string{{"workflow", a.identity[run.Workflow]}, {"root", cmp.Or(a.identity[run.RootRun], a.id)}} {
			if o := first[key]; o != nil {
				join(a, o)
			} else {
				first[key] = a
			}
		}
		if o := byID[a.identity[run.RetryOf]]; o != nil && o.parent == nil {
			join(a, o)
		}
		a.number = number(a, byID)
	}
	return top
}

// findTops finds the top-level run of each. Parents are what spans say: where
// they run in a circle, one of it counts as top-level.
func findTops(all []*attempt) {
	walking := map[*attempt]bool{}
	var path []*attempt
	for _, a := range all {
		path = path[:0]
		for a.top == nil && !walking[a] {
			walking[a] = true
			path = append(path, a)
			if a.parent == nil {
				break
			}
			if walking[a.parent] && a.parent.top == nil {
				a.parent = nil
				break
			}
			a = a.parent
		}
		top := a.top
		if top == nil {
			top = a
		}
		for _, p := range path {
			p.top = top
		}
	}
}

// number is which attempt a run is: as it says, else one more than the run that
// it retries, which may be of another place; 0 where lineage does not tell, or
// runs in a circle.
func number(a *attempt, byID map[string]*attempt) int {
	countUp(a, byID)
	if a.identity[run.RetryOf] == "" && a.counted != said {
		return 0 // only what retries it shows that it is the first
	}
	return a.count
}

// countUp works out the number of a run as those that retry it see it, and of
// all that are passed on the way, so that a chain is walked once and not by
// every run of it.
func countUp(a *attempt, byID map[string]*attempt) {
	var path []*attempt
	for a.counted == uncounted {
		a.counted = counting
		path = append(path, a)
		retried := a.identity[run.RetryOf]
		if n, err := strconv.Atoi(a.identity[run.Attempt]); err == nil && n > 0 {
			a.count, a.counted = n, said
		} else if retried == "" {
			a.count, a.counted = 1, counted
		} else if next := byID[retried]; next == nil {
			a.count, a.counted = 2, counted // after one of another place
		} else {
			a = next
		}
	}
	inCircle := a.counted == counting || a.counted == circle
	n := a.count
	for _, p := range slices.Backward(path) {
		switch {
		case p.counted != counting: // the end of the chain
		case inCircle:
			p.count, p.counted = 0, circle
		default:
			n++
			p.count, p.counted = n, counted
		}
	}
}

// How far the number of a run is known.
const (
	uncounted = iota
	counting  // on the way from it
	counted
	said   // by the run itself
	circle // it leads into one
)

// join makes two lines of attempts one.
func join(a, b *attempt) {
	x, y := line(a), line(b)
	if y.earlier(x) {
		x, y = y, x
	}
	y.group = x
}

// line is the first run, by start, of a run's line of attempts.
func line(a *attempt) *attempt {
	for a.group != a {
		a.group = a.group.group // the way is half as long next time
		a = a.group
	}
	return a
}

// earlier orders runs by start.
func (a *attempt) earlier(b *attempt) bool {
	return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.id, b.id)) < 0
}

// tries gives the attempts at what the event is about, first to last: the line
// that began first. They are told apart by lineage where it numbers all of
// them, else by start.
func tries(top []*attempt) []*attempt {
	if len(top) == 0 {
		return nil
	}
	main := line(top[0])
	for _, a := range top {
		if l := line(a); l.earlier(main) {
			main = l
		}
	}
	var list []*attempt
	numbered := true
	for _, a := range top {
		if line(a) == main {
			list = append(list, a)
			numbered = numbered && a.number > 0
		}
	}
	slices.SortFunc(list, func(a, b *attempt) int {
		if numbered && a.number != b.number {
			return cmp.Compare(a.number, b.number)
		}
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.id, b.id))
	})
	return list
}

// LastAttempt is the run ID of the last attempt; empty where no run is known. It
// is worked out once for each change of the runs.
func (e *Event) LastAttempt() string {
	if !e.lastKnown {
		e.last, e.lastKnown = "", true
		if list := tries(lineage(e.attempts())); len(list) > 0 {
			e.last = list[len(list)-1].id
		}
	}
	return e.last
}
