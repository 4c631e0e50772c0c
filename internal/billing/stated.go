package billing

import (
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
)

// believed reports whether a cost of the class comes before the rate card.
func believed(class genai.CostClass) bool {
	return class == genai.OperatorCost || class == genai.ProviderCost || class == genai.GatewayCost
}

// statedCost is what a record says that its call cost. A cost of nothing
// beside tokens is what emitters write where they know no price.
func statedCost(rec *genai.Record) genai.Cost {
	if rec.Cost.Total == 0 && rec.HasUsage() {
		return genai.Cost{}
	}
	return rec.Cost
}

// bestCost is the cost to believe first. agreed is false where two records
// state different ones of that class: nothing tells which is charged.
func (r *run) bestCost(c *call) (best genai.Cost, agreed bool) {
	agreed = true
	for _, v := range c.members {
		k := statedCost(r.record(v))
		switch {
		case k.Class == genai.NoCost:
		case best.Class == genai.NoCost || k.Class < best.Class:
			best, agreed = k, true
		case k.Class == best.Class && believed(k.Class) && !sameCost(k.Total, best.Total, 1):
			agreed = false
		}
	}
	return best, agreed
}

// sameCost reports whether two amounts are as close as rounding so many of
// them to picodollars may leave them.
func sameCost(a, b money.Amount, n int) bool {
	d, err := a.Sub(b)
	return err == nil && -money.Amount(n) <= d && d <= money.Amount(n)
}

// doubtCosts marks a run in which a cost that is believed before the rate card
// is dropped with the record that states it, an agent or a wrapper, and the
// calls beneath are not stated to have cost the same. What is billed is then
// not what somebody who is believed says it was.
func (r *run) doubtCosts() {
	for _, v := range r.records {
		if r.caveats.Has(UsageConflict) {
			return // there is no more to say
		}
		if why := r.reason[v]; (why == IsAggregate || why == Covered) && !r.at(v).Foreign && believed(r.record(v).Cost.Class) {
			r.doubtCost(v, r.callsBeneath(v))
		}
	}
	for _, s := range r.dearSums {
		list := make([]int32, len(s.calls))
		for k, i := range s.calls {
			list[k] = r.find(i)
		}
		r.doubtCost(s.node, distinct(list))
	}
}

// dearSum is a record that repeats the sum of calls beside it, and states a cost.
type dearSum struct {
	node  int32
	calls []int32
}

func (r *run) doubtCost(v int32, calls []int32) {
	if total := r.record(v).Cost.Total; total != 0 && !r.cost(calls, total) {
		r.caveats |= UsageConflict
	}
}

func distinct(calls []int32) []int32 {
	slices.Sort(calls)
	return slices.Compact(calls)
}

// callsBeneath lists the calls of which a span lies beneath v. It is empty
// where to list them would take too long.
func (r *run) callsBeneath(v int32) []int32 {
	if r.steps += int(r.out[v] - r.in[v]); r.steps > maxSteps {
		return nil
	}
	var list []int32
	for _, u := range r.pre[r.in[v]:r.out[v]] {
		if r.callOf[u] != none {
			list = append(list, r.find(r.callOf[u]))
		}
	}
	return distinct(list)
}

// cost reports whether each of the calls that are billed, here or in another
// run, states a cost that is believed, and they add up to a total.
func (r *run) cost(calls []int32, total money.Amount) bool {
	var sum money.Amount
	n := 0
	for _, i := range calls {
		c := &r.calls[i]
		if !c.foreign && r.unbilled(c) != notDiscarded {
			continue
		}
		k, agreed := r.bestCost(c)
		if !agreed || !believed(k.Class) {
			return false
		}
		var err error
		if sum, err = sum.Add(k.Total); err != nil {
			return false
		}
		n++
	}
	return sameCost(sum, total, n)
}
