package billing

import (
	"cmp"
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// richer orders the records of a call by how much they tell. What states a
// part outranks what proves how to read one: a reading can be proved by the
// other record, a part that is not stated is lost.
func (r *run) richer(c *call, u, v int32) int {
	x, y := &r.numbers[u], &r.numbers[v]
	a, b := r.record(u), r.record(v)
	first := func(p, q bool) int {
		if p == q {
			return 0
		} else if p {
			return -1
		}
		return 1
	}
	if o := cmp.Or(first(a.HasUsage(), b.HasUsage()), first(speaks(a), speaks(b))); o != 0 {
		return o
	}
	if c.quarrels {
		// One response ID and different usage: the greater is more likely the
		// whole, a turn that bears the ID of its last response, and the other
		// a part of it.
		if o := cmp.Or(first(!x.guessed, !y.guessed), -cmp.Compare(x.all+x.full, y.all+y.full)); o != 0 {
			return o
		}
	}
	split := func(c *genai.Counts) bool { return c.CacheWrite5m.OK || c.CacheWrite1h.OK }
	return cmp.Or(
		first(!r.shaky(c, u), !r.shaky(c, v)),
		first(x.write > 0, y.write > 0), first(x.read > 0, y.read > 0),
		first(a.Counts.Input.OK && a.Counts.Output.OK, b.Counts.Input.OK && b.Counts.Output.OK),
		-cmp.Compare(r.reading[u].Basis, r.reading[v].Basis),
		first(split(&a.Counts), split(&b.Counts)), first(x.reason > 0, y.reason > 0),
		first(a.Kind == genai.Leaf, b.Kind == genai.Leaf), first(a.ResponseID != "", b.ResponseID != ""),
		-cmp.Compare(r.depth[u], r.depth[v]), cmp.Compare(u, v))
}

// shaky reports whether a record may be an estimate and a record that is none
// contradicts it. Where they agree it is no estimate this time.
func (r *run) shaky(c *call, v int32) bool {
	if !r.numbers[v].guessed {
		return false
	}
	for _, u := range c.witnesses() {
		if u != v && !r.numbers[u].guessed && r.record(u).HasUsage() {
			return agree(&r.numbers[u], &r.numbers[v]) <= outputOnly
		}
	}
	return false
}

func (r *run) richest(c *call) int32 {
	best := c.members[0]
	for _, v := range c.members[1:] {
		if r.richer(c, v, best) < 0 {
			best = v
		}
	}
	return best
}

// finish makes of a call what is billed. The list of its records is to have
// room for all of its members.
func (r *run) finish(c *call, out *Call) {
	slices.SortFunc(c.members, func(u, v int32) int { return r.richer(c, u, v) })
	lead := c.members[0]
	out.Record, out.APICalls, out.Caveats = *r.record(lead), max(c.requests, 1), c.caveats
	for _, v := range c.members {
		out.Records = append(out.Records, int(r.span[v]))
	}
	r.fillIn(c, out)
	out.HasUsage = out.Record.HasUsage()
	out.Failed = out.Record.Traits.Has(genai.Failed)
	out.Sum = out.HasUsage && (out.APICalls > 1 || out.Record.Kind == genai.Aggregate)
	if out.HasUsage {
		r.settleInput(c, out)
		output, beyond := r.output(c)
		var cut bool
		if out.Tokens, cut = partition(&out.Record, output); cut || beyond {
			out.Caveats |= UsageConflict
		}
	}
	out.Caveats |= r.doubts(c, out)
}

// fillIn takes from the other records of a call what the richest lacks.
func (r *run) fillIn(c *call, out *Call) {
	rec := &out.Record
	lead := &r.numbers[c.members[0]]
	fill := func(to *string, from string) {
		if *to == "" {
			*to = from
		}
	}
	for _, v := range c.members[1:] {
		o := r.record(v)
		fill(&rec.Provider, o.Provider)
		fill(&rec.ServerAddress, o.ServerAddress)
		fill(&rec.RequestModel, o.RequestModel)
		fill(&rec.ResponseID, o.ResponseID)
		fill(&rec.Tier, o.Tier)
		if betterName(rec, o) {
			rec.ResponseModel = o.ResponseModel
		}
		if o.Class == rec.Class && o.HasUsage() && rec.HasUsage() {
			fillCounts(&rec.Counts, &o.Counts, lead, &r.numbers[v])
		}
		if rec.Cost.Currency == "" {
			rec.Cost.Currency = o.Cost.Currency
		}
	}
	currency := rec.Cost.Currency
	var agreed bool
	rec.Cost, agreed = r.bestCost(c)
	if rec.Cost.Class == genai.NoCost {
		rec.Cost.Currency = currency
	}
	if !agreed {
		out.Caveats |= UsageConflict
	}
}

// betterName reports whether o names the model that answered more precisely:
// some wrappers repeat the requested name as that of the response.
func betterName(rec, o *genai.Record) bool {
	if o.ResponseModel == "" || o.ResponseModel == rec.ResponseModel {
		return false
	}
	return rec.ResponseModel == "" || rec.ResponseModel == rec.RequestModel && o.ResponseModel != o.RequestModel &&
		bareModel(o.ResponseModel) == bareModel(rec.ResponseModel)
}

// fillCounts takes over parts, and only where the whole is the same: a part
// of another whole says nothing about this one.
func fillCounts(to, from *genai.Counts, x, y *numbers) {
	part := func(to *genai.Count, from genai.Count, same bool) {
		if same && !to.OK && from.OK {
			*to = from
		}
	}
	part(&to.Input, from.Input, true)
	part(&to.Output, from.Output, true)
	if x.write == y.write && !to.CacheWrite5m.OK && !to.CacheWrite1h.OK {
		to.CacheWrite5m, to.CacheWrite1h = from.CacheWrite5m, from.CacheWrite1h
	}
	sameInput, sameOutput := agreeInput(x, y), agreeOutput(x, y) >= byReading
	part(&to.CacheRead, from.CacheRead, sameInput)
	part(&to.InputAudio, from.InputAudio, sameInput)
	part(&to.CacheReadAudio, from.CacheReadAudio, sameInput)
	part(&to.Reasoning, from.Reasoning, sameOutput)
	part(&to.OutputAudio, from.OutputAudio, sameOutput)
}

// settleInput decides, for the call, whether its input includes cached tokens.
func (r *run) settleInput(c *call, out *Call) {
	lead := c.members[0]
	x := &r.numbers[lead]
	cached := x.read + x.write
	reading := r.reading[lead]
	if cached > 0 && reading.Basis == genai.Assumed {
		for _, v := range c.witnesses() {
			y := &r.numbers[v]
			if v == lead || r.reading[v].Basis == genai.Assumed || y.guessed || y.raw == 0 {
				continue
			}
			if y.all == x.raw {
				reading = genai.Semantics{Reading: genai.Inclusive, Basis: r.reading[v].Basis}
			} else if y.all == x.raw+cached {
				reading = genai.Semantics{Reading: genai.Exclusive, Basis: r.reading[v].Basis}
			}
		}
	}
	if cached > 0 && reading.Basis == genai.Assumed {
		out.Caveats |= CacheAssumed
	}
	if reading.Reading == genai.Inclusive && x.raw < cached {
		// No input is less than a part of it: the input was not counted by
		// the provider. To read it as exclusive loses no token that is stated.
		if reading.Basis != genai.Assumed {
			out.Caveats |= UsageEstimated
		}
		reading.Reading = genai.Exclusive
	}
	out.Record.Input = reading
}

// output is all output of a call: by its richest record, or the smallest that
// another states within the tolerance, for the known error only ever adds.
// beyond is set where that record states more reasoning than output, does not
// keep the one out of the other, and no other record has the sum of the two.
func (r *run) output(c *call) (full int64, beyond bool) {
	x := &r.numbers[c.members[0]]
	full = x.full
	rec := r.record(c.members[0])
	proved := rec.Output.Basis == genai.Proved
	beyond = rec.Counts.Output.OK && x.reason > x.out && rec.Output.Reading != genai.Exclusive
	for _, v := range c.witnesses() {
		y := &r.numbers[v]
		if v == c.members[0] || !r.record(v).Counts.Output.OK || !r.record(v).HasUsage() || y.guessed && !x.guessed {
			continue
		}
		if !proved && x.reason > 0 && y.reason == 0 && y.out == x.out+x.reason {
			full = y.out // the other count has the reasoning in it
		}
		beyond = beyond && y.out != x.full
		if d := full - y.full; (x.claude || y.claude) && 0 < d && d <= slackOutput {
			full = y.full
		}
	}
	return full, beyond
}

// partition cuts the counts of a settled record into parts of which no two
// hold the same token. What is stated beyond its whole is cut off, never
// carried elsewhere, and reported: of two numbers that contradict each other
// no one knows which is right.
func partition(rec *genai.Record, output int64) (t usage.Tokens, cut bool) {
	c := &rec.Counts
	within := func(part, whole int64) int64 {
		cut = cut || part > whole
		return min(part, whole)
	}
	read, write := clamp(c.CacheRead), writes(c)
	cut = c.CacheWrite.OK && write > clamp(c.CacheWrite)
	bare := clamp(c.Input)
	audio := clamp(c.InputAudio)
	t.CacheReadAudio = within(clamp(c.CacheReadAudio), read)
	if rec.Input.Reading != genai.Exclusive {
		bare -= within(read+write, bare)
		if c.InputAudio.OK {
			audio -= within(t.CacheReadAudio, audio)
		}
	}
	t.CacheRead = read - t.CacheReadAudio
	t.CacheWrite1h = clamp(c.CacheWrite1h) // writes has it
	t.CacheWrite5m = write - t.CacheWrite1h
	t.InputAudio = within(audio, bare)
	t.Input = bare - t.InputAudio
	t.Reasoning = within(clamp(c.Reasoning), output)
	t.OutputAudio = within(clamp(c.OutputAudio), output-t.Reasoning)
	t.Output = output - t.Reasoning - t.OutputAudio
	return t, cut
}

// bill writes down what was decided, in order of time.
func (r *run) bill() Bill {
	var b Bill
	b.Residuals = r.left
	order := make([]int32, 0, len(r.calls))
	billed, records := 0, 0
	for i := range r.calls {
		c := &r.calls[i]
		if c.into != none || c.foreign {
			continue
		}
		order = append(order, int32(i))
		if r.unbilled(c) == notDiscarded {
			billed++
			records += len(c.members)
		}
	}
	slices.SortFunc(order, r.byTime)
	if billed > 0 {
		b.Calls = make([]Call, 0, billed)
	}
	room := make([]int, records) // one piece for the lists of records, which are short
	for _, i := range order {
		c := &r.calls[i]
		if why := r.unbilled(c); why != notDiscarded {
			if why == FailedUnbilled {
				b.FailedTries++
			}
			for _, v := range c.members {
				if why != SumBeside {
					r.reason[v], r.by[v] = why, none
				}
			}
			continue
		}
		b.Calls = append(b.Calls, Call{Records: room[:0:len(c.members)]})
		room = room[len(c.members):]
		call := &b.Calls[len(b.Calls)-1]
		r.finish(c, call)
		r.reason[c.members[0]] = notDiscarded
		r.caveats |= call.Caveats
	}
	b.Discards = r.discards()
	if r.scopes.crowded {
		r.caveats |= PossibleDuplicate
	}
	b.Caveats = r.caveats
	return b
}

func (r *run) discards() []Discard {
	var list []Discard
	for v := range r.span {
		if r.reason[v] == notDiscarded || r.at(int32(v)).Foreign || !says(r.record(int32(v))) {
			continue
		}
		d := Discard{Span: int(r.span[v]), Reason: r.reason[v], By: -1}
		switch i := r.callOf[v]; {
		case r.reason[v] == RepeatsSpan:
			d.By = int(r.span[r.by[v]])
		case r.by[v] != none:
			d.By = r.standsFor(r.by[v])
		case i != none && r.unbilled(&r.calls[r.find(i)]) == notDiscarded:
			d.By = r.standsFor(i)
		}
		list = append(list, d)
	}
	return list
}

// standsFor is the span that stands for a call.
func (r *run) standsFor(i int32) int {
	c := &r.calls[r.find(i)]
	return int(r.span[c.members[0]])
}
