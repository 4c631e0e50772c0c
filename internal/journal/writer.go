package journal

import (
	"encoding/binary"
	"hash/crc32"
	"hash/maphash"
	"math"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// Writer makes one entry after another. The zero value is ready to use. What
// it is given it keeps alive until [Writer.Take], and does not change.
//
// A Writer is not safe for concurrent use.
type Writer struct {
	b    []byte
	room int   // bytes of the last entry: about what the next one takes
	last int64 // the last time that was written, Unix nanoseconds; the next is told by its distance

	seed       maphash.Seed
	isReady    bool               // the seed is drawn
	ids        dictionary[uint64] // of parts, tenants and events
	traces     dictionary[[16]byte]
	names      dictionary[string]
	likely     []likely // by number of an id
	of         uint64   // the number of the id of the record at hand
	identities wide[run.Identity]
	emitters   wide[emitter]
	quotes     map[*ratecard.Quote]uint64
	contents   map[string]uint64 // of quotes as bytes: those of two pointers have one number
}

// roomLimit bounds what is laid in for the next entry, in bytes.
const roomLimit = 1 << 20

// Len is how many bytes the entry has so far; 0 where nothing was written.
func (w *Writer) Len() int { return len(w.b) }

// Take gives the finished entry, which is the caller's from then on, and
// leaves the writer empty. It is nil where nothing was written.
func (w *Writer) Take() []byte {
	entry := w.b
	if len(entry) == 0 {
		return nil
	}
	entry[0] = version
	binary.LittleEndian.PutUint32(entry[1:], crc32.Checksum(entry[headBytes:], castagnoli))
	w.b, w.last = nil, 0
	w.room = min(len(entry)+len(entry)/8, roomLimit)
	w.ids.clear()
	w.likely = w.likely[:0]
	w.traces.clear()
	w.names.clear()
	w.identities.clear()
	w.emitters.clear()
	w.quotes, w.contents = emptied(w.quotes), emptied(w.contents)
	return entry
}

// Tenant tells the metadata of a tenant, and by what number it is called.
func (w *Writer) Tenant(id uint64, metadata [][]string) {
	body := w.open(kindTenant)
	w.id(id)
	writeList(w, metadata, func(values *[]string) { writeList(w, *values, func(v *string) { w.text(*v) }) })
	w.close(body)
}

// Begin tells that a part of a run is held from now on. began is when its
// first span arrived, in Unix nanoseconds.
func (w *Writer) Begin(part, tenant uint64, runID string, began int64) {
	body := w.open(kindBegin)
	w.id(part)
	w.id(tenant)
	w.text(runID)
	w.time(began)
	w.close(body)
}

// Fact tells that a part was given what a span says.
func (w *Writer) Fact(part uint64, f *run.Fact) { w.factOf(kindFact, part, f) }

// Outside tells that a span, the parent of one of the part, belongs to no run.
func (w *Writer) Outside(part uint64, k run.SpanKey) {
	body := w.open(kindOutside)
	w.id(part)
	w.key(&k)
	w.close(body)
}

// Caveats tells the caveats that something else than a part's spans gave it.
func (w *Writer) Caveats(part uint64, c billing.Caveats) {
	body := w.open(kindCaveats)
	w.id(part)
	w.uvarint(uint64(c))
	w.close(body)
}

// Told tells that a part was summarised.
func (w *Writer) Told(part uint64, completion run.Completion, t *run.Told) {
	body := w.open(kindTold)
	w.id(part)
	w.name(string(completion))
	w.told(t)
	w.close(body)
}

// LetGo tells that a part is let go, and why.
func (w *Writer) LetGo(part uint64, completion run.Completion) {
	body := w.open(kindLetGo)
	w.id(part)
	w.name(string(completion))
	w.close(body)
}

// Drop tells that a part is forgotten.
func (w *Writer) Drop(part uint64) { w.alone(kindDrop, part) }

// Taken tells that the next component has a revision of a part, and those
// before it, or has refused them for good.
func (w *Writer) Taken(part uint64, revision int) { w.revisionOf(kindTaken, part, revision) }

// Reopened tells that there is something to be told of a part which its last
// revision does not tell. spans says how many spans that was made of; 0 says all
// that were there by now.
func (w *Writer) Reopened(part uint64, revision, spans int) {
	body := w.open(kindReopened)
	w.id(part)
	w.varint(int64(revision))
	w.varint(int64(spans))
	w.close(body)
}

// Stray tells that a span which names no run is held.
func (w *Writer) Stray(tenant uint64, f *run.Fact) { w.factOf(kindStray, tenant, f) }

// Decided tells that the strays of a trace are no longer held.
func (w *Writer) Decided(tenant uint64, trace [16]byte) {
	body := w.open(kindDecided)
	w.id(tenant)
	w.trace(&trace)
	w.close(body)
}

// EventBegin tells that an event is held from now on.
func (w *Writer) EventBegin(event, tenant uint64, key event.Key) {
	body := w.open(kindEventBegin)
	w.id(event)
	w.id(tenant)
	w.name(key.Customer)
	w.name(key.Event)
	w.close(body)
}

// Member tells that an event was given a part of a run.
func (w *Writer) Member(event uint64, m *event.Member) {
	body := w.open(kindMember)
	w.of = w.id(event)
	w.member(m)
	w.close(body)
}

// MemberRemoved tells that a part of a run was taken out of an event.
func (w *Writer) MemberRemoved(event uint64, runID string, part uint64) {
	body := w.open(kindMemberRemoved)
	w.id(event)
	w.text(runID)
	w.id(part)
	w.close(body)
}

// Claim tells that an event was given an outcome which came on a span of no run.
func (w *Writer) Claim(event uint64, f *run.Fact) { w.factOf(kindClaim, event, f) }

// EventTold tells that an event was summarised.
func (w *Writer) EventTold(event uint64, t *event.Told) {
	body := w.open(kindEventTold)
	w.id(event)
	w.eventTold(t)
	w.close(body)
}

// EventDrop tells that an event is forgotten.
func (w *Writer) EventDrop(event uint64) { w.alone(kindEventDrop, event) }

// EventTaken is Taken of an event.
func (w *Writer) EventTaken(event uint64, revision int) {
	w.revisionOf(kindEventTaken, event, revision)
}

// EventChanged tells that there is something to be told of an event which its
// last revision does not tell.
func (w *Writer) EventChanged(event uint64, revision int) {
	w.revisionOf(kindEventChanged, event, revision)
}

// Clean marks that the component ended in good order: nothing is missing.
func (w *Writer) Clean() { w.close(w.open(kindClean)) }

func (w *Writer) revisionOf(k kind, id uint64, revision int) {
	body := w.open(k)
	w.id(id)
	w.varint(int64(revision))
	w.close(body)
}

func (w *Writer) alone(k kind, id uint64) {
	body := w.open(k)
	w.id(id)
	w.close(body)
}

func (w *Writer) factOf(k kind, id uint64, f *run.Fact) {
	body := w.open(k)
	w.of = w.id(id)
	w.fact(f)
	w.close(body)
}

// open begins a record and gives the place where its body starts. The byte
// before is left for its length.
func (w *Writer) open(k kind) (body int) {
	if len(w.b) == 0 {
		if !w.isReady {
			w.seed, w.isReady = maphash.MakeSeed(), true
			w.quotes, w.contents = emptied(w.quotes), emptied(w.contents)
		}
		w.b = make([]byte, headBytes, max(w.room, 512))
	}
	w.b = append(w.b, byte(k), 0)
	return len(w.b)
}

// close ends a record. Where the length takes more than the byte that was
// left for it, the body moves up: few records are that long.
func (w *Writer) close(body int) {
	n := len(w.b) - body
	if n < 0x80 {
		w.b[body-1] = byte(n)
		return
	}
	var room [binary.MaxVarintLen64]byte
	length := room[:binary.PutUvarint(room[:], uint64(n))]
	w.b = append(w.b, length[1:]...)
	copy(w.b[body-1+len(length):], w.b[body:body+n])
	copy(w.b[body-1:], length)
}

func (w *Writer) uvarint(v uint64) {
	if v < 0x80 {
		w.b = append(w.b, byte(v))
		return
	}
	w.b = binary.AppendUvarint(w.b, v)
}

func (w *Writer) varint(v int64) { w.uvarint(uint64(v)<<1 ^ uint64(v>>63)) }

func (w *Writer) bool(v bool) {
	if v {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

func (w *Writer) float(v float64) { w.b = binary.LittleEndian.AppendUint64(w.b, math.Float64bits(v)) }

func (w *Writer) text(s string) {
	w.uvarint(uint64(len(s)))
	w.b = append(w.b, s...)
}

// sparse writes numbers of which most are 0: which are not, and those. There
// may be 64 of them.
func (w *Writer) sparse(values ...int64) {
	var mask uint64
	for i, v := range values {
		if v != 0 {
			mask |= 1 << i
		}
	}
	w.uvarint(mask)
	for _, v := range values {
		if v != 0 {
			w.varint(v)
		}
	}
}

// time writes a point in time by its distance to the one before, as the spans
// of a batch lie near each other. 0 is no time, and none to measure from. The
// difference may wrap; so does the sum that undoes it.
func (w *Writer) time(t int64) {
	w.varint(t - w.last)
	if t != 0 {
		w.last = t
	}
}

// name writes text that others of the entry are likely to be equal to.
func (w *Writer) name(s string) {
	if s == "" {
		w.b = append(w.b, 0)
		return
	}
	n, isNew := w.names.number(s)
	if isNew {
		w.b = append(w.b, 1)
		w.text(s)
		return
	}
	w.uvarint(1 + n)
}

// id writes what a part, a tenant or an event is called by, and gives the
// number that it has in the entry. Those of parts are drawn by chance, where a
// varint would save nothing.
func (w *Writer) id(id uint64) uint64 {
	n, isNew := w.ids.number(id)
	if isNew {
		w.b = append(w.b, 0)
		w.b = binary.LittleEndian.AppendUint64(w.b, id)
		w.likely = append(w.likely, likely{})
		return n
	}
	w.uvarint(n)
	return n
}

func (w *Writer) trace(t *[16]byte) {
	n, isNew := w.traces.number(*t)
	if isNew {
		w.b = append(w.b, 0)
		w.b = append(w.b, t[:]...)
		return
	}
	w.uvarint(n)
}

func (w *Writer) key(k *run.SpanKey) {
	w.trace(&k.Trace)
	w.b = append(w.b, k.Span[:]...)
}

// hash goes on with a hash by one more string. What comes in is made outside:
// without a seed it could be made to have one hash.
func (w *Writer) hash(h uint64, s string) uint64 {
	if s != "" {
		h ^= maphash.String(w.seed, s)
	}
	return h*hashFactor + 1
}

// hashFactor spreads a change of one bit over the upper ones: 2^64 divided by
// the golden ratio, as is usual.
const hashFactor = 0x9E3779B97F4A7C15

// writeList writes a list so that nil stays nil.
func writeList[T any](w *Writer, list []T, write func(*T)) {
	if list == nil {
		w.uvarint(0)
		return
	}
	w.uvarint(uint64(len(list)) + 1)
	for i := range list {
		write(&list[i])
	}
}
