package journal

import (
	"math"

	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
)

// emitter is what the calls of one program to one model have in common: all of
// a record but its numbers and the ID of the response. It is written once an entry.
type emitter struct {
	dialect, scope, version, provider, server, requestModel, responseModel, tier, currency string

	kind          genai.Kind
	class         genai.Class
	input, output genai.Semantics
	cost          genai.CostClass
	bad           genai.Bad
	traits        genai.Traits
}

func emitterOf(c *genai.Record) emitter {
	return emitter{
		dialect: c.Dialect, scope: c.Scope, version: c.Version, provider: c.Provider, server: c.ServerAddress,
		requestModel: c.RequestModel, responseModel: c.ResponseModel, tier: c.Tier, currency: c.Cost.Currency,
		kind: c.Kind, class: c.Class, input: c.Input, output: c.Output, cost: c.Cost.Class, bad: c.Bad, traits: c.Traits,
	}
}

// names are the texts of an emitter in the order in which they are written.
func (e *emitter) names() [9]*string {
	return [...]*string{
		&e.dialect, &e.scope, &e.version, &e.provider, &e.server, &e.requestModel, &e.responseModel, &e.tier, &e.currency,
	}
}

func (w *Writer) emitter(e *emitter) {
	guess := &w.likely[w.of-1].emitter
	if w.emitters.has(*guess, e) {
		w.uvarint(*guess)
		return
	}
	h := uint64(e.traits)
	for _, s := range e.names() {
		h = w.hash(h, *s)
	}
	n, isNew := w.emitters.number(h, e)
	*guess = n
	if !isNew {
		w.uvarint(n)
		return
	}
	w.b = append(w.b, 0)
	for _, s := range e.names() {
		w.name(*s)
	}
	w.b = append(w.b, byte(e.kind), byte(e.class), byte(e.input.Reading), byte(e.input.Basis),
		byte(e.output.Reading), byte(e.output.Basis), byte(e.cost), byte(e.bad))
	w.uvarint(uint64(e.traits))
}

func (r *reader) emitter() *emitter {
	n := r.uvarint()
	if n > 0 {
		return named(r, r.emitters, n)
	}
	var e emitter
	for _, s := range e.names() {
		*s = r.name()
	}
	e.kind, e.class = genai.Kind(r.byte()), genai.Class(r.byte())
	e.input = genai.Semantics{Reading: genai.Reading(r.byte()), Basis: genai.Basis(r.byte())}
	e.output = genai.Semantics{Reading: genai.Reading(r.byte()), Basis: genai.Basis(r.byte())}
	e.cost, e.bad = genai.CostClass(r.byte()), genai.Bad(r.byte())
	e.traits = genai.Traits(r.bounded(math.MaxUint32))
	r.emitters = append(r.emitters, e)
	return &r.emitters[len(r.emitters)-1]
}

// counts are the counts of a record in the order in which they are written.
func counts(c *genai.Counts) [11]*genai.Count {
	return [...]*genai.Count{
		&c.Input, &c.Output, &c.CacheRead, &c.CacheWrite, &c.CacheWrite5m, &c.CacheWrite1h, &c.Reasoning,
		&c.InputAudio, &c.CacheReadAudio, &c.OutputAudio, &c.Total,
	}
}

// call writes a record: which counts are there, and the numbers.
func (w *Writer) call(c *genai.Record) {
	e := emitterOf(c)
	w.emitter(&e)
	w.text(c.ResponseID) // hardly ever twice
	var stated uint64
	list := counts(&c.Counts)
	for i, n := range list {
		if n.OK {
			stated |= 1 << i
		}
	}
	w.uvarint(stated)
	w.sparse(list[0].N, list[1].N, list[2].N, list[3].N, list[4].N, list[5].N, list[6].N, list[7].N, list[8].N,
		list[9].N, list[10].N, int64(c.Cost.Total), int64(c.APICalls))
}

func (r *reader) call() *genai.Record {
	e := r.emitter()
	c := &genai.Record{
		Dialect: e.dialect, Scope: e.scope, Version: e.version, Kind: e.kind, Class: e.class,
		Provider: e.provider, ServerAddress: e.server, RequestModel: e.requestModel, ResponseModel: e.responseModel, Tier: e.tier,
		Input: e.input, Output: e.output, Traits: e.traits, Bad: e.bad,
		Cost:       genai.Cost{Class: e.cost, Currency: e.currency},
		ResponseID: r.text(),
	}
	list := counts(&c.Counts)
	stated := r.bounded(1<<len(list) - 1)
	for i, n := range list {
		n.OK = stated>>i&1 == 1
	}
	var total, requests int64
	r.sparse(&list[0].N, &list[1].N, &list[2].N, &list[3].N, &list[4].N, &list[5].N, &list[6].N, &list[7].N, &list[8].N,
		&list[9].N, &list[10].N, &total, &requests)
	c.Cost.Total, c.APICalls = money.Amount(total), r.toInt(requests)
	return c
}
