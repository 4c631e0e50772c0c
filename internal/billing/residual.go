package billing

import "github.com/runrollup/runrollupprocessor/internal/genai"

// leaveResiduals reports what aggregates say beyond the calls beneath them,
// each part once: what a lower aggregate already says more is taken off the
// higher one.
//
// The deepest wins all the same. Billing the residual, or the greater of the
// two, was rejected: totals over the lifetime of an agent say more than the
// calls of this run, and would be charged again in every run.
func (r *run) leaveResiduals() {
	var over []int32
	for _, v := range r.records {
		if why := r.reason[v]; (why == IsAggregate || why == Covered) && r.record(v).HasUsage() && !r.at(v).Foreign {
			over = append(over, v)
		}
	}
	if len(over) == 0 {
		return
	}
	class := func(class genai.Class) func(*call) bool {
		return func(c *call) bool { return !c.silent && !c.sum && c.class == class }
	}
	sums := r.subtreeSums(class(genai.Generation))
	var embeddings []numbers
	above := make([]Residual, len(r.span)) // what aggregates at or beneath a node have said more
	wanted := map[int32]bool{}
	for _, v := range over {
		wanted[v] = true
		if r.record(v).Class == genai.Embedding && embeddings == nil {
			embeddings = r.subtreeSums(class(genai.Embedding))
		}
	}
	for k := len(r.pre) - 1; k >= 0; k-- {
		v := r.pre[k]
		if wanted[v] {
			sum := &sums[v]
			if r.record(v).Class == genai.Embedding {
				sum = &embeddings[v]
			}
			r.leave(v, sum, &above[v])
		}
		if p := r.parent[v]; p != none {
			above[p].add(&above[v])
		}
	}
}

func (x *Residual) add(o *Residual) {
	x.Input += o.Input
	x.CacheRead += o.CacheRead
	x.CacheWrite += o.CacheWrite
	x.Output += o.Output
}

// leave reports what node v says beyond sum and what has been said before.
func (r *run) leave(v int32, sum *numbers, said *Residual) {
	x := &r.numbers[v]
	rest := Residual{Span: int(r.span[v])}
	if !agreeInput(x, sum) {
		rest.Input = max(x.all-sum.all-said.Input, 0)
	}
	if agreeOutput(x, sum) == differ {
		rest.Output = max(x.full-sum.full-said.Output, 0)
	}
	rest.CacheRead = max(x.read-sum.read-said.CacheRead, 0)
	rest.CacheWrite = max(x.write-sum.write-said.CacheWrite, 0)
	if rest.Input > 0 || rest.Output > 0 {
		r.caveats |= ResidualLeft
	}
	// The aggregate saw the cache where its calls did not: their input is
	// priced as new, which is too much for what was read and too little for
	// what was written.
	if rest.CacheRead > 0 {
		r.caveats |= CacheUnreported
	}
	if rest.CacheWrite > 0 {
		r.caveats |= UsageConflict
	}
	if (rest != Residual{Span: rest.Span}) {
		r.left = append(r.left, rest)
		said.add(&rest)
	}
}
