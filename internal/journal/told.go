package journal

import (
	"math"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/run"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

func (w *Writer) told(t *run.Told) {
	w.varint(int64(t.Revision))
	w.key(&t.Anchor)
	w.b = append(w.b, byte(t.Status))
	w.varint(int64(t.Total))
	writeList(w, t.Models, w.model)
	w.b = append(w.b, t.Digest[:]...)
}

func (r *reader) readTold(t *run.Told) {
	*t = run.Told{
		Revision: r.int(), Anchor: r.key(), Status: r.status(), Total: money.Amount(r.varint()),
		Models: readList(r, 6, r.readModel),
	}
	copy(t.Digest[:], r.bytes(uint64(len(t.Digest))))
}

func (w *Writer) eventTold(t *event.Told) {
	w.varint(int64(t.Revision))
	w.key(&t.Anchor)
	w.b = append(w.b, byte(t.Status))
	w.varint(int64(t.Total))
	w.b = append(w.b, t.Digest[:]...)
}

func (r *reader) readEventTold(t *event.Told) {
	*t = event.Told{Revision: r.int(), Anchor: r.key(), Status: r.status(), Total: money.Amount(r.varint())}
	copy(t.Digest[:], r.bytes(uint64(len(t.Digest))))
}

func (w *Writer) model(m *cost.Model) {
	w.name(m.Provider)
	w.name(m.Name)
	p := &m.Parts
	w.sparse(int64(m.Calls), int64(m.Errors), int64(m.Unpriced), int64(m.Total),
		int64(p.Input), int64(p.Output), int64(p.CacheRead), int64(p.CacheWrite), int64(p.Metered), int64(p.Unsplit))
	w.tokens(&m.Tokens)
	w.bool(m.Known)
	w.bool(m.Overflow)
}

func (r *reader) readModel(m *cost.Model) {
	m.Provider, m.Name = r.name(), r.name()
	p := &m.Parts
	var calls, failed, unpriced int64
	r.sparse(&calls, &failed, &unpriced, (*int64)(&m.Total),
		(*int64)(&p.Input), (*int64)(&p.Output), (*int64)(&p.CacheRead), (*int64)(&p.CacheWrite), (*int64)(&p.Metered), (*int64)(&p.Unsplit))
	m.Calls, m.Errors, m.Unpriced = r.toInt(calls), r.toInt(failed), r.toInt(unpriced)
	r.readTokens(&m.Tokens)
	m.Known, m.Overflow = r.bool(), r.bool()
}

func (w *Writer) tokens(t *usage.Tokens) {
	w.sparse(t.Input, t.CacheRead, t.CacheWrite5m, t.CacheWrite1h, t.InputAudio, t.CacheReadAudio,
		t.Output, t.Reasoning, t.OutputAudio)
}

func (r *reader) readTokens(t *usage.Tokens) {
	r.sparse(&t.Input, &t.CacheRead, &t.CacheWrite5m, &t.CacheWrite1h, &t.InputAudio, &t.CacheReadAudio,
		&t.Output, &t.Reasoning, &t.OutputAudio)
}

func (w *Writer) member(m *event.Member) {
	w.text(m.RunID)
	w.id(m.Part)
	w.varint(int64(m.Revision))
	w.key(&m.Anchor)
	w.bool(m.Rooted)
	w.identity(&m.Identity)
	w.time(m.Start)
	w.varint(m.End - m.Start)
	w.outcome(&m.Outcome)
	w.varint(int64(m.Calls))
	w.varint(int64(m.Unpriced))
	w.tokens(&m.Tokens)
	w.varint(int64(m.Total))
	w.bool(m.Known)
	w.bool(m.Overflow)
	w.uvarint(uint64(m.Caveats))
}

func (r *reader) readMember(m *event.Member) {
	*m = event.Member{
		RunID: r.text(), Part: r.id(), Revision: r.int(), Anchor: r.key(), Rooted: r.bool(), Identity: r.identity(), Start: r.time(),
	}
	m.End = m.Start + r.varint()
	r.readOutcome(&m.Outcome)
	m.Calls, m.Unpriced = r.int(), r.int()
	r.readTokens(&m.Tokens)
	m.Total = money.Amount(r.varint())
	m.Known, m.Overflow = r.bool(), r.bool()
	m.Caveats = billing.Caveats(r.bounded(math.MaxUint32))
}
