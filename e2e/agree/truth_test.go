//go:build agree

package agree

import (
	"fmt"
	"math/big"

	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
)

// money is an exact amount, or unknown, which is not zero.
type money struct {
	usd   synthetic.USD
	known bool
}

func (m money) String() string {
	if !m.known {
		return "unknown"
	}
	return m.usd.String()
}

// plus is the sum of what is known of the two.
func (m money) plus(o money) money { return money{m.usd + o.usd, m.known || o.known} }

// parseMoney reads a plain decimal; nil is unknown.
func parseMoney(v any) (money, error) {
	if v == nil {
		return money{}, nil
	}
	usd, err := synthetic.ParseUSD(fmt.Sprint(v))
	return money{usd, true}, err
}

// cost is what a part comes to: unknown where there are calls and none has a
// price.
func (p *part) cost() money {
	sum := money{known: len(p.calls) == 0}
	for i := range p.calls {
		sum = sum.plus(p.calls[i].cost)
	}
	if sum.known {
		sum.usd += p.work
	}
	return sum
}

// cost is what a run comes to: unknown where no part with calls has a total.
func (r *run) cost() money {
	var sum money
	calls, priced := 0, false
	for _, p := range r.parts {
		c := p.cost()
		sum = sum.plus(c)
		calls += len(p.calls)
		priced = priced || len(p.calls) > 0 && c.known
	}
	if calls > 0 && !priced {
		return money{}
	}
	return sum
}

// row is what is to be said of a run.
type row struct {
	Workflow, Status            string
	Parts, Calls, Input, Output int64
	Cost                        money
}

// row is the truth of a run.
func (r *run) row() row {
	row := row{Workflow: r.workflow, Status: r.status, Parts: int64(len(r.parts)), Cost: r.cost()}
	for _, p := range r.parts {
		for i := range p.calls {
			c := &p.calls[i]
			row.Calls++
			row.Input += c.uncached + c.read + c.write
			row.Output += c.output
		}
	}
	return row
}

// eventRow is what is to be said of an event.
type eventRow struct {
	Workflow, Status   string
	Runs               int64
	Cost, Unsuccessful money // of it, what went into attempts that did not succeed
}

// row is the truth of an event: it is worth the outcome of its last attempt,
// and cost all its runs.
func (e *event) row() eventRow {
	row := eventRow{Workflow: e.workflow, Status: e.attempts[len(e.attempts)-1].status, Runs: int64(len(e.runs))}
	calls, known := int64(0), false
	for _, r := range e.runs {
		c := r.cost()
		row.Cost = row.Cost.plus(c)
		calls += r.row().Calls
		known = known || c.known && (c.usd > 0 || r.row().Calls > 0)
	}
	if calls > 0 && !known {
		row.Cost = money{}
		return row
	}
	row.Unsuccessful.known = true
	for _, r := range e.attempts {
		if !successless[r.status] {
			continue
		}
		row.Unsuccessful = row.Unsuccessful.plus(r.cost())
		for _, in := range r.nested {
			row.Unsuccessful = row.Unsuccessful.plus(in.cost())
		}
	}
	return row
}

func (e *event) torn() bool {
	for _, r := range e.runs {
		if len(r.parts) > 1 {
			return true
		}
	}
	return false
}

// costOfParts is what the event's parts add up to where each processor tells
// what it has. It is the event's cost but for one case: a run whose calls, none
// of which has a price, went to one processor and whose other work went to the
// other. Nobody who has but one of the two can know that the whole is unknown.
func (e *event) costOfParts() money {
	var sum money
	calls, known := 0, false
	for _, apart := range []bool{false, true} {
		var part money
		partCalls, partKnown := 0, false
		for _, r := range e.runs {
			for _, p := range r.parts {
				if c := p.cost(); p.apart == apart {
					part = part.plus(c)
					partCalls += len(p.calls)
					partKnown = partKnown || c.known && (len(p.calls) > 0 || c.usd > 0)
				}
			}
		}
		if calls += partCalls; partCalls == 0 || partKnown {
			sum = sum.plus(part)
			known = known || partKnown
		}
	}
	if calls > 0 && !known {
		return money{}
	}
	return sum
}

// figures are what runs and events of a workflow come to.
type figures struct {
	Runs, Priced               int64 // of those the cost is known
	Cost                       money
	Successes, PricedSuccesses int64
	SuccessCost                money
	Events, EventSuccesses     int64
	EventCost, Unsuccessful    money
}

func (f *figures) run(r row) {
	f.Runs++
	f.Cost = f.Cost.plus(r.Cost)
	if r.Cost.known {
		f.Priced++
	}
	if r.Status != "success" {
		return
	}
	f.Successes++
	f.SuccessCost = f.SuccessCost.plus(r.Cost)
	if r.Cost.known {
		f.PricedSuccesses++
	}
}

func (f *figures) event(e eventRow) {
	f.Events++
	f.EventCost = f.EventCost.plus(e.Cost)
	f.Unsuccessful = f.Unsuccessful.plus(e.Unsuccessful)
	if e.Status == "success" {
		f.EventSuccesses++
	}
}

// perSuccess is the mean cost of runs that succeeded, exactly.
func (f *figures) perSuccess() *big.Rat { return ratio(f.SuccessCost, f.PricedSuccesses) }

// perEventSuccess is what an event that succeeded cost, with all that failed.
func (f *figures) perEventSuccess() *big.Rat { return ratio(f.EventCost, f.EventSuccesses) }

func ratio(sum money, n int64) *big.Rat {
	if !sum.known || n == 0 {
		return nil
	}
	return new(big.Rat).Quo(sum.rat(), new(big.Rat).SetInt64(n))
}

// rat is the amount in USD.
func (m money) rat() *big.Rat { return big.NewRat(int64(m.usd), 1_000_000_000_000) }

// answers are what one that tells of runs says.
type answers struct {
	runs    map[string]row
	events  map[string]eventRow
	figures map[string]figures // by workflow
}

// all is the entry of the figures that is over all workflows.
const all = "all"

// sum makes figures of rows.
func (a *answers) sum() {
	sums := map[string]*figures{}
	of := func(workflow string) *figures {
		if sums[workflow] == nil {
			sums[workflow] = &figures{}
		}
		return sums[workflow]
	}
	for _, r := range a.runs {
		of(r.Workflow).run(r)
		of(all).run(r)
	}
	for _, e := range a.events {
		of(e.Workflow).event(e)
		of(all).event(e)
	}
	a.figures = map[string]figures{}
	for workflow, f := range sums {
		a.figures[workflow] = *f
	}
}

// answers are the truth.
func (w *world) answers() answers {
	a := answers{runs: map[string]row{}, events: map[string]eventRow{}}
	for _, r := range w.runs {
		a.runs[r.id] = r.row()
	}
	for _, e := range w.events {
		a.events[e.id] = e.row()
	}
	a.sum()
	return a
}

// worth is what the values of a workflow's runs come to; unknown where none has
// a price.
func (w *world) worth(workflow string) (sum money) {
	for _, r := range w.runs {
		if cents := perUnit[r.valueType]; r.workflow == workflow && cents > 0 {
			sum = sum.plus(money{synthetic.USD(int64(2*r.amount)*cents) * 5 * thousandth, true})
		}
	}
	return sum
}
