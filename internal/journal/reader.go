package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// Read tells a handler the records of an entry that [Writer.Take] gave.
//
// It returns [ErrCorrupt] where the bytes are not what was written, and tells
// where; [ErrNewer] where the version is not known; and the handler's first
// error, after which it tells no more. Nothing is told before the checksum was
// verified. Bytes whose checksum holds and which are no records all the same
// were never written by a Writer; the records before the fault have been told then.
//
// Whatever the bytes are, it does not panic, and what it takes in memory at a
// time is less than 64 times their number.
func Read(entry []byte, to Handler) error {
	switch {
	case len(entry) == 0:
		return fmt.Errorf("%w: it is empty", ErrCorrupt)
	case entry[0] > version:
		return fmt.Errorf("%w: version %d, where %d is the newest known", ErrNewer, entry[0], version)
	case entry[0] == 0:
		return fmt.Errorf("%w: version %d", ErrCorrupt, entry[0])
	case len(entry) <= headBytes:
		return fmt.Errorf("%w: it ends after %d bytes", ErrCorrupt, len(entry))
	}
	want, got := binary.LittleEndian.Uint32(entry[1:]), crc32.Checksum(entry[headBytes:], castagnoli)
	if want != got {
		return fmt.Errorf("%w: checksum %08x over %d bytes, where %08x is stated", ErrCorrupt, got, len(entry)-headBytes, want)
	}
	r := reader{entry: entry, at: headBytes, kinds: kindsOf[entry[0]]}
	for i := 0; r.at < len(entry); i++ {
		start, k := r.at, kind(entry[r.at])
		r.open()
		err := r.record(k, to)
		switch {
		case r.fault != "":
			return fmt.Errorf("%w: record %d, %s at byte %d: %s at byte %d", ErrCorrupt, i, k, start, r.fault, r.faultAt)
		case err != nil:
			return fmt.Errorf("journal record %d, %s at byte %d: %w", i, k, start, err)
		}
	}
	return nil
}

// String is for errors.
func (k kind) String() string {
	if k == 0 || k >= kinds {
		return fmt.Sprintf("kind %d", byte(k))
	}
	return kindNames[k]
}

// reader reads one entry. The first fault ends it: every read after it finds
// nothing and does nothing, so that only few places need to ask.
type reader struct {
	entry   []byte
	kinds   kind // one above the last of the entry's version
	at, end int  // place, and end of the body at hand
	fault   string
	faultAt int
	last    int64 // see Writer.last

	ids        []uint64
	traces     [][16]byte
	names      []string
	identities []run.Identity
	emitters   []emitter
	quotes     []*ratecard.Quote

	// Room for what is told, so that not every record allocates it.
	fact      run.Fact
	told      run.Told
	eventTold event.Told
	member    event.Member
}

func (r *reader) fail(what string) {
	if r.fault == "" {
		r.fault, r.faultAt = what, r.at
	}
	r.at = r.end
}

// open reads the length of a body.
func (r *reader) open() {
	r.at++ // the kind
	r.end = len(r.entry)
	n := r.uvarint()
	if n > uint64(r.end-r.at) {
		r.fail("a body longer than the entry")
		return
	}
	r.end = r.at + int(n)
}

// done reports whether the body was read without fault and to its end.
func (r *reader) done() bool {
	if r.at != r.end {
		r.fail("a body longer than its record")
	}
	return r.fault == ""
}

// record reads a body and tells it.
func (r *reader) record(k kind, to Handler) error {
	if k >= r.kinds {
		r.fail("a kind that is not known")
		return nil
	}
	switch k {
	case kindTenant:
		id, metadata := r.id(), r.metadata()
		if r.done() {
			return to.Tenant(id, metadata)
		}
	case kindStray:
		tenant := r.id()
		r.readFact(&r.fact)
		if r.done() {
			return to.Stray(tenant, &r.fact)
		}
	case kindDecided:
		tenant, trace := r.id(), r.trace()
		if r.done() {
			return to.Decided(tenant, trace)
		}
	case kindClean:
		if r.done() {
			return to.Clean()
		}
	case kindEventBegin, kindMember, kindMemberRemoved, kindClaim, kindEventTold, kindEventDrop,
		kindEventTaken, kindEventChanged:
		return r.ofEvent(k, to)
	case kindBegin, kindFact, kindOutside, kindCaveats, kindTold, kindLetGo, kindDrop, kindTaken, kindReopened:
		return r.ofRun(k, to)
	default:
		r.fail("a kind that is not known")
	}
	return nil
}

func (r *reader) ofRun(k kind, to Handler) error {
	part := r.id()
	switch k {
	case kindBegin:
		tenant, runID, began := r.id(), r.text(), r.time()
		if r.done() {
			return to.Begin(part, tenant, runID, began)
		}
	case kindFact:
		r.readFact(&r.fact)
		if r.done() {
			return to.Fact(part, &r.fact)
		}
	case kindOutside:
		k := r.key()
		if r.done() {
			return to.Outside(part, k)
		}
	case kindCaveats:
		c := billing.Caveats(r.bounded(math.MaxUint32))
		if r.done() {
			return to.Caveats(part, c)
		}
	case kindTold:
		completion := run.Completion(r.name())
		r.readTold(&r.told)
		if r.done() {
			if err := r.takenBefore(r.told.Revision, func(n int) error { return to.Taken(part, n) }); err != nil {
				return err
			}
			return to.Told(part, completion, &r.told)
		}
	case kindLetGo:
		completion := run.Completion(r.name())
		if r.done() {
			return to.LetGo(part, completion)
		}
	case kindDrop:
		if r.done() {
			return to.Drop(part)
		}
	case kindTaken:
		revision := r.int()
		if r.done() {
			return to.Taken(part, revision)
		}
	case kindReopened:
		revision, spans := r.int(), r.int()
		if r.done() {
			return to.Reopened(part, revision, spans)
		}
	}
	return nil
}

func (r *reader) ofEvent(k kind, to Handler) error {
	id := r.id()
	switch k {
	case kindEventBegin:
		tenant, customer, name := r.id(), r.name(), r.name()
		if r.done() {
			return to.EventBegin(id, tenant, event.Key{Customer: customer, Event: name})
		}
	case kindMember:
		r.readMember(&r.member)
		if r.done() {
			return to.Member(id, &r.member)
		}
	case kindMemberRemoved:
		runID, part := r.text(), r.id()
		if r.done() {
			return to.MemberRemoved(id, runID, part)
		}
	case kindClaim:
		r.readFact(&r.fact)
		if r.done() {
			return to.Claim(id, &r.fact)
		}
	case kindEventTold:
		r.readEventTold(&r.eventTold)
		if r.done() {
			if err := r.takenBefore(r.eventTold.Revision, func(n int) error { return to.EventTaken(id, n) }); err != nil {
				return err
			}
			return to.EventTold(id, &r.eventTold)
		}
	case kindEventDrop:
		if r.done() {
			return to.EventDrop(id)
		}
	case kindEventTaken:
		revision := r.int()
		if r.done() {
			return to.EventTaken(id, revision)
		}
	case kindEventChanged:
		revision := r.int()
		if r.done() {
			return to.EventChanged(id, revision)
		}
	}
	return nil
}

// takenBefore tells that the revisions before one are taken, as version 1 does not
// say of any: they were not told again.
func (r *reader) takenBefore(revision int, tell func(int) error) error {
	if r.entry[0] != 1 || revision == 0 {
		return nil
	}
	return tell(revision - 1)
}

// metadata reads that of a tenant.
func (r *reader) metadata() [][]string {
	return readList(r, 1, func(values *[]string) {
		*values = readList(r, 1, func(v *string) { *v = r.text() })
	})
}

func (r *reader) uvarint() uint64 {
	if r.at < r.end && r.entry[r.at] < 0x80 {
		r.at++
		return uint64(r.entry[r.at-1])
	}
	v, n := binary.Uvarint(r.entry[r.at:r.end])
	if n <= 0 {
		r.fail("a number without end")
		return 0
	}
	r.at += n
	return v
}

// bounded is a number that is no more than most.
func (r *reader) bounded(most uint64) uint64 {
	v := r.uvarint()
	if v > most {
		r.fail("a number too large for its field")
		return 0
	}
	return v
}

func (r *reader) varint() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) int() int { return r.toInt(r.varint()) }

func (r *reader) toInt(v int64) int {
	if int64(int(v)) != v {
		r.fail("a number too large for this machine")
	}
	return int(v)
}

// bytes gives the next n bytes of the entry, nil where there are fewer.
func (r *reader) bytes(n uint64) []byte {
	if n > uint64(r.end-r.at) {
		r.fail("the body ends early")
		return nil
	}
	r.at += int(n)
	return r.entry[r.at-int(n) : r.at]
}

func (r *reader) byte() byte {
	if r.at < r.end {
		r.at++
		return r.entry[r.at-1]
	}
	r.fail("the body ends early")
	return 0
}

func (r *reader) bool() bool {
	v := r.byte()
	if v > 1 {
		r.fail("neither true nor false")
	}
	return v == 1
}

func (r *reader) float() float64 {
	if b := r.bytes(8); b != nil {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// text copies: what is kept of an entry does not keep the entry.
func (r *reader) text() string { return string(r.bytes(r.uvarint())) }

func (r *reader) sparse(values ...*int64) {
	mask := r.bounded(1<<len(values) - 1)
	for i, v := range values {
		*v = 0
		if mask>>i&1 == 1 {
			*v = r.varint()
		}
	}
}

func (r *reader) time() int64 {
	t := r.last + r.varint()
	if t != 0 {
		r.last = t
	}
	return t
}

func (r *reader) name() string {
	n := r.uvarint()
	switch {
	case n == 0:
		return ""
	case n == 1:
		r.names = append(r.names, r.text())
		return r.names[len(r.names)-1]
	}
	return *named(r, r.names, n-1)
}

func (r *reader) id() uint64 {
	n := r.uvarint()
	if n == 0 {
		if b := r.bytes(8); b != nil {
			r.ids = append(r.ids, binary.LittleEndian.Uint64(b))
			return r.ids[len(r.ids)-1]
		}
		return 0
	}
	return *named(r, r.ids, n)
}

func (r *reader) trace() [16]byte {
	n := r.uvarint()
	if n == 0 {
		var t [16]byte
		if copy(t[:], r.bytes(16)) == len(t) {
			r.traces = append(r.traces, t)
		}
		return t
	}
	return *named(r, r.traces, n)
}

func (r *reader) span() (s [8]byte) {
	copy(s[:], r.bytes(8))
	return s
}

func (r *reader) key() run.SpanKey { return run.SpanKey{Trace: r.trace(), Span: r.span()} }

// named gives the n-th value of a dictionary, from 1.
func named[T any](r *reader, values []T, n uint64) *T {
	if n-1 >= uint64(len(values)) {
		r.fail("a value that was not written before")
		return new(T)
	}
	return &values[n-1]
}

// readList reads a list whose elements take least bytes or more. Its length is held
// against the bytes that are left before anything is allocated.
func readList[T any](r *reader, least int, read func(*T)) []T {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	n--
	if n > uint64((r.end-r.at)/least) {
		r.fail("a list longer than its body")
		return nil
	}
	list := make([]T, n)
	for i := range list {
		read(&list[i])
	}
	return list
}
