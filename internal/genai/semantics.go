package genai

import (
	"slices"
	"strings"
)

// settle decides what the record's totals mean: by the numbers where they
// admit one reading only, else by the tables.
func (r *reading) settle() {
	rec := &r.rec
	f := familyOf(rec.Provider, rec.Model())
	known := r.emitters(f)
	rec.Traits |= known.traits
	c := &rec.Counts
	r.settleSight(known.reports)
	if known.finishes && !r.finished && rec.Kind == Leaf && rec.Class == Generation && c.any() {
		rec.Traits |= BrokenOff
	}
	if r.borrowed() {
		rec.Traits |= Overwritten
	}
	if c.Reasoning.OK {
		rec.Traits &^= ReasoningBlind
	}
	if rec.Input = r.proveInput(f, &known); rec.Input.Reading == Unsettled {
		rec.Input = declare(known.input, f, f.exclusive())
	}
	if rec.Output = r.proveOutput(f, known); rec.Output.Reading == Unsettled {
		rec.Output = declareOutput(known.output, f)
	}
	if cached := r.cached(); cached > c.Input.N && c.Input.OK && rec.Input.Reading != Exclusive && f&(openAIAPI|googleAPI) != 0 {
		// The API never says so: the input was estimated from the text.
		rec.Traits |= Estimates
	}
	r.checkTotal()
}

// declareOutput is what is known of an output whose numbers do not tell.
func declareOutput(said convention, f family) Semantics {
	if f&xAIAPI != 0 && said != inclusive && said != exclusive {
		return Semantics{Exclusive, Assumed}
	}
	if s := declare(said, f, f == googleAPI); s.Reading != Unsettled {
		return s
	}
	if f&(openAIAPI|anthropicAPI) != 0 {
		// Their APIs count reasoning as output, and nobody was seen to take it out unsaid.
		return Semantics{Inclusive, Declared}
	}
	return Semantics{}
}

// checkTotal holds the stated total against what the record comes to by its
// readings. Where a reading is open the total may hold the part or not, and so
// it may where it was computed. A total of nothing is one that was not known.
func (r *reading) checkTotal() {
	c := &r.rec.Counts
	if c.Total.N == 0 || !c.Input.OK || !c.Output.OK {
		return
	}
	stated := c.Input.N + c.Output.N
	most := stated + r.counts[moreInput].N + r.counts[moreOutput].N
	if r.rec.Input.Reading != Inclusive {
		most += r.cached()
	}
	if r.rec.Output.Reading != Inclusive {
		most += c.Reasoning.N
	}
	if c.Total.N > most {
		r.rec.Traits |= TotalUnexplained
	}
	if c.Total.N < stated {
		r.rec.Traits |= TotalShort
	}
}

// settleSight decides whether what a span does not say of a cache is a zero.
// It is only of an emitter that is known to report it: most leave a part out
// of some of their spans, and one that nobody has looked at may leave out all.
func (r *reading) settleSight(reports bool) {
	rec, c := &r.rec, &r.rec.Counts
	wrote := c.CacheWrite.OK || c.CacheWrite5m.OK || c.CacheWrite1h.OK
	if !reports && c.any() && rec.Class == Generation {
		rec.Traits |= CacheBlind
		if !wrote {
			rec.Traits |= WriteBlind
		}
	}
	if wrote || c.CacheRead.OK {
		rec.Traits &^= CacheBlind // not this time
	}
	if reports && wrote && c.CacheRead.OK {
		rec.Traits |= CacheSeen
	}
	if c.CacheWrite.N > 0 || c.CacheWrite5m.N > 0 || c.CacheWrite1h.N > 0 {
		rec.Traits &^= WriteBlind
	}
}

// borrowed reports whether the span is one that a dialect writes its calls
// onto although it is not its own.
func (r *reading) borrowed() bool {
	d := r.dialect
	if d == nil || r.owned || slices.Contains(d.OwnSpans, r.span.Name) {
		return false
	}
	for _, id := range d.borrows {
		if r.span.Attrs.Has(id) {
			return true
		}
	}
	return false
}

// declare turns a table's convention into semantics; beside says whether the
// provider's API keeps the part beside the total.
func declare(c convention, f family, beside bool) Semantics {
	switch c {
	case inclusive:
		return Semantics{Inclusive, Declared}
	case exclusive:
		return Semantics{Exclusive, Declared}
	case asAPI, likelyExclusive:
		switch {
		case f == noFamily || f == otherAPI:
			return Semantics{}
		case !beside:
			return Semantics{Inclusive, Declared}
		case c == asAPI:
			return Semantics{Exclusive, Declared}
		}
		return Semantics{Exclusive, Assumed}
	}
	return Semantics{}
}

// cached is all input that a cache took part in.
func (r *reading) cached() int64 {
	c := &r.rec.Counts
	written := c.CacheWrite.N
	if !c.CacheWrite.OK {
		written = c.CacheWrite5m.N + c.CacheWrite1h.N
	}
	return c.CacheRead.N + written
}

// proveInput finds whether the numbers admit only one reading of the input.
func (r *reading) proveInput(f family, known *knowledge) Semantics {
	c := &r.rec.Counts
	cached := r.cached()
	if cached == 0 || !c.Input.OK {
		return Semantics{} // nothing to decide
	}
	fresh := r.counts[uncached]
	if !fresh.OK && f.exclusive() {
		fresh = r.counts[apiInput]
	}
	if fresh.OK {
		switch c.Input.N {
		case fresh.N:
			return Semantics{Exclusive, Proved}
		case fresh.N + cached:
			return Semantics{Inclusive, Proved}
		}
	}
	// A total that holds the cached tokens once more than input and output do.
	// Where reasoning has the same size as the cached part, it may be that.
	if c.Total.OK && c.Output.OK && !known.ignoreTotal && cached != c.Reasoning.N {
		base := c.Input.N + c.Output.N + cached
		switch c.Total.N {
		case base, base + c.Reasoning.N, base + r.counts[moreInput].N + r.counts[moreOutput].N:
			return Semantics{Exclusive, Proved}
		case c.Input.N + c.Output.N:
			if known.ownTotal {
				return Semantics{Inclusive, Proved}
			}
		}
	}
	if cached > c.Input.N && f.exclusive() {
		return Semantics{Exclusive, Proved}
	}
	return Semantics{}
}

// proveOutput finds whether the numbers admit only one reading of the output.
func (r *reading) proveOutput(f family, known knowledge) Semantics {
	c := &r.rec.Counts
	if c.Reasoning.N == 0 || !c.Output.OK {
		return Semantics{}
	}
	if c.Total.OK && c.Input.OK && !known.ignoreTotal {
		cached := r.cached()
		// Where reasoning has the same size as the cached part, the total may hold
		// either of them, unless it is known whether it holds the cached one.
		if c.Reasoning.N != cached || r.rec.Input.Basis != Assumed {
			base := c.Input.N + c.Output.N
			if r.rec.Input.Reading == Exclusive {
				base += cached
			}
			switch c.Total.N {
			case base + c.Reasoning.N, base + c.Reasoning.N + r.counts[moreInput].N:
				return Semantics{Exclusive, Proved}
			case base:
				return Semantics{Inclusive, Proved}
			}
		}
	}
	// No part is more than the whole. Of OpenAI's and Anthropic's models it says
	// that the output was estimated.
	if c.Reasoning.N > c.Output.N && (f&(openAIAPI|anthropicAPI) == 0 || f&xAIAPI != 0) {
		return Semantics{Exclusive, Proved}
	}
	return Semantics{}
}

// knowledge is what the tables say about the emitter of one span.
type knowledge struct {
	input, output convention
	traits        Traits
	ignoreTotal   bool
	ownTotal      bool
	reports       bool
	finishes      bool
}

// emitters gathers the knowledge about the span's emitter.
func (r *reading) emitters(f family) knowledge {
	var k knowledge
	x, scope := r.x, r.span.ScopeName
	version := r.version()
	for _, i := range x.scopes[scope] {
		x.rules[i].add(&k, r, version, f)
	}
	for _, i := range x.prefixes {
		if rule := &x.rules[i]; strings.HasPrefix(scope, rule.prefix) {
			rule.add(&k, r, version, f)
		}
	}
	if d := r.dialect; d != nil && (d == r.base || !d.whole) {
		for _, i := range r.dialect.rules {
			x.rules[i].add(&k, r, version, f)
		}
	}
	return k
}

// version is the emitter's: the scope's, or one that an attribute tells.
func (r *reading) version() string {
	if d := r.dialect; r.rec.Version == "" && d != nil {
		if _, v, ok := strings.Cut(r.span.Attrs.String(d.versionIn), d.VersionAfter); ok {
			return v
		}
	}
	return r.rec.Version
}

func (e *rule) add(k *knowledge, r *reading, version string, f family) {
	rec := &r.rec
	if e.Span != "" && e.Span != r.span.Name || e.With != "" && !r.span.Attrs.Has(e.with) {
		return
	}
	if e.For != 0 && e.For&f == 0 || !inVersions(version, e.From, e.Below) || !containsFold(rec.Model(), e.Model) {
		return
	}
	switch e.When {
	case streamed:
		if !rec.Traits.Has(Streamed) {
			return
		}
	case maybeStreamed:
		if r.plain {
			return
		}
	case notResponse:
		if strings.HasPrefix(rec.ResponseID, "resp_") {
			return
		}
	case withID, withoutID:
		if (rec.ResponseID != "") != (e.When == withID) {
			return
		}
	}
	if k.input == unsaid {
		k.input = e.Input
	}
	if k.output == unsaid {
		k.output = e.Output
	}
	k.traits |= e.Traits
	k.ignoreTotal = k.ignoreTotal || e.SumTotal
	k.ownTotal = k.ownTotal || e.OwnTotal
	k.reports = k.reports || e.Reports
	k.finishes = k.finishes || e.Finishes
}

// inVersions reports whether from <= version < below, as dotted numbers. A
// scope without a version passes for old.
func inVersions(version, from, below string) bool {
	if version == "" {
		return from == ""
	}
	return (from == "" || !versionLess(version, from)) && (below == "" || versionLess(version, below))
}

func versionLess(a, b string) bool {
	for a != "" || b != "" {
		var m, n int
		m, a = leadingNumber(a)
		n, b = leadingNumber(b)
		if m != n {
			return m < n
		}
	}
	return false
}

// leadingNumber reads "12.3" as 12 and "3". What follows digits in a part, as
// in "1.0b2", is passed over.
func leadingNumber(v string) (n int, rest string) {
	i := 0
	for ; i < len(v) && '0' <= v[i] && v[i] <= '9' && n < 1<<20; i++ {
		n = n*10 + int(v[i]-'0')
	}
	for ; i < len(v); i++ {
		if v[i] == '.' {
			return n, v[i+1:]
		}
	}
	return n, ""
}
