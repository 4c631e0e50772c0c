package billing

import "github.com/runrollup/runrollupprocessor/internal/genai"

// emitter is what decides how a total is to be read. Whether the response was
// streamed belongs to it: LangChain's span of an Anthropic call counts all
// input where the response was streamed, and uncached input where it was not.
// So does the family of the model: a provider that sells several, or a gateway,
// passes on the numbers of each as its maker counts them.
type emitter struct {
	scope, version, provider, family string
	streamed                         bool
}

type proof struct {
	reading   genai.Reading
	conflicts bool
	plain     bool // one that reads exclusively states input and output as the total all the same
}

func (r *run) emitterOf(rec *genai.Record) emitter {
	return emitter{rec.Scope, rec.Version, rec.Provider, r.models.family(rec.Model()), rec.Traits.Has(genai.Streamed)}
}

// plainTotal reports whether the record states as its total what input and
// output come to without the cached tokens.
func plainTotal(c *genai.Counts) bool {
	return c.Total.OK && c.Input.OK && c.Output.OK && c.Total.N == c.Input.N+c.Output.N
}

func (r *run) prove(rec *genai.Record, reading genai.Reading) {
	key := r.emitterOf(rec)
	p, known := r.proofs[key]
	if known && p.reading != reading {
		p.conflicts = true
	}
	if !known {
		p.reading = reading
	}
	p.plain = p.plain || reading == genai.Exclusive && plainTotal(&rec.Counts)
	if r.proofs == nil {
		r.proofs = map[emitter]proof{}
	}
	r.proofs[key] = p
}

// gatherProofs collects what records prove by themselves and reads every
// record by it.
func (r *run) gatherProofs() {
	for _, v := range r.records {
		if rec := r.record(v); rec.Input.Basis == genai.Proved && rec.Input.Reading != genai.Unsettled {
			r.prove(rec, rec.Input.Reading)
		}
	}
	r.reading = make([]genai.Semantics, len(r.span))
	r.numbers = make([]numbers, len(r.span))
	r.readAll()
}

func (r *run) readAll() {
	for _, v := range r.records {
		rec := r.record(v)
		names := r.namesOf(v)
		r.reading[v] = r.readingOf(rec)
		r.numbers[v] = count(rec, r.reading[v].Reading, r.models.anyClaude(&names) || rec.Provider == "anthropic")
	}
}

// readingOf settles whether a record's input includes cached tokens: by its
// own proof, else by the dialect's table, else by a proof of the same emitter
// in this run, else by the convention, which is an assumption. Where the table
// and a proof of the emitter, or that and the record's own total, say different
// things, nothing tells.
func (r *run) readingOf(rec *genai.Record) genai.Semantics {
	if rec.Input.Basis == genai.Proved && rec.Input.Reading != genai.Unsettled {
		return rec.Input
	}
	own := rec.Input
	if own.Reading == genai.Unsettled {
		own = genai.Semantics{Reading: genai.Inclusive, Basis: genai.Assumed}
	}
	if len(r.proofs) == 0 {
		return own
	}
	p, ok := r.proofs[r.emitterOf(rec)]
	switch {
	case !ok:
		return own
	case p.conflicts, own.Basis == genai.Declared && own.Reading != p.reading:
		own.Basis = genai.Assumed
		return own
	case own.Basis != genai.Declared && p.reading == genai.Exclusive && !p.plain && plainTotal(&rec.Counts):
		return genai.Semantics{Reading: genai.Inclusive, Basis: genai.Assumed}
	}
	return genai.Semantics{Reading: p.reading, Basis: genai.Proved}
}

// gatherPairProofs uses that two records of one call state one truth: where
// the input of one equals the input of the other and all cached tokens, the
// one includes them and the other does not. Equal inputs prove nothing: both
// may be blind, or wrong, alike.
func (r *run) gatherPairProofs() {
	found := false
	for i := range r.calls {
		c := &r.calls[i]
		if c.into != none || len(c.members) < 2 || len(c.members) > maxWitnesses {
			continue
		}
		for _, u := range c.members {
			for _, v := range c.members {
				found = r.provePair(u, v) || found
			}
		}
	}
	if found {
		r.readAll()
	}
}

// provePair proves by u, which states cached tokens, how u and v are read.
func (r *run) provePair(u, v int32) bool {
	x, y := &r.numbers[u], &r.numbers[v]
	cached := x.read + x.write
	if u == v || cached == 0 || x.guessed || y.guessed || x.raw == 0 || y.raw == 0 || agreeOutput(x, y) == differ {
		return false
	}
	switch y.raw {
	case x.raw + cached:
		r.prove(r.record(u), genai.Exclusive)
		r.prove(r.record(v), genai.Inclusive)
	case x.raw - cached:
		r.prove(r.record(u), genai.Inclusive)
		r.prove(r.record(v), genai.Exclusive)
	default:
		return false
	}
	return true
}
