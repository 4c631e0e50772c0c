package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// sealed gives an entry the checksum that its records have.
func sealed(entry []byte) []byte {
	entry = bytes.Clone(entry)
	if len(entry) > headBytes {
		entry[0] = version
		binary.LittleEndian.PutUint32(entry[1:], crc32.Checksum(entry[headBytes:], castagnoli))
	}
	return entry
}

// refuse fails the test where an entry is read, or anything of it told.
func refuse(t *testing.T, entry []byte, want error) {
	t.Helper()
	var got records
	err := Read(entry, &got)
	if !errors.Is(err, want) {
		t.Fatalf("%x: got %v, want %v", entry, err, want)
	}
	if len(got) > 0 {
		t.Fatalf("%d records of it were told", len(got))
	}
}

func TestEveryBitCounts(t *testing.T) {
	entry := golden().entry()
	for i := range 8 * len(entry) {
		entry[i/8] ^= 1 << (i % 8)
		want := ErrCorrupt
		if entry[0] > version {
			want = ErrNewer
		}
		refuse(t, entry, want)
		entry[i/8] ^= 1 << (i % 8)
	}
}

func TestTruncated(t *testing.T) {
	entry := golden().entry()
	for n := range entry {
		refuse(t, entry[:n], ErrCorrupt)
		if n > 0 { // a byte is missing within
			refuse(t, append(bytes.Clone(entry[:n]), entry[n+1:]...), ErrCorrupt)
		}
	}
	refuse(t, append(bytes.Clone(entry), 0), ErrCorrupt)
	refuse(t, make([]byte, 512), ErrCorrupt)
	refuse(t, sealed(entry[:headBytes]), ErrCorrupt)
}

func TestNewerVersion(t *testing.T) {
	refuse(t, []byte{version + 1}, ErrNewer)
	refuse(t, append([]byte{0xff}, golden().entry()[1:]...), ErrNewer)
}

// An entry of an older version has the kinds of records of its time alone.
func TestNewerKindInAnOlderEntry(t *testing.T) {
	entry := sealed(append(make([]byte, headBytes), byte(kindTaken), 10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0))
	if err := Read(entry, &records{}); err != nil {
		t.Fatal(err)
	}
	entry[0] = 1
	refuse(t, entry, ErrCorrupt)
}

// Bytes with a good checksum that no writer makes.
func TestNoRecords(t *testing.T) {
	for want, body := range map[string][]byte{
		"record 0, kind 0 at byte 5: a kind that is not known": {0, 0},
		"kind 22 at byte 5: a kind that is not known":          {byte(kinds), 0},
		"a number without end":                                 {byte(kindDrop)},
		"a number without end at byte 6":                       {byte(kindDrop), 0x80, 0x80},
		"drop at byte 5: a body longer than the entry":         {byte(kindDrop), 2, 0},
		"the body ends early at byte 8":                        {byte(kindDrop), 1, 0},
		"clean at byte 5: a body longer than its record":       {byte(kindClean), 1, 0},
		"record 0, drop at byte 5: a value that was not":       {byte(kindDrop), 1, 1},
		"let go at byte 5: a value that was not":               {byte(kindLetGo), 10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
		"tenant at byte 5: a list longer than its body":        {byte(kindTenant), 14, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"too large for its field":                              {byte(kindCaveats), 14, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xff, 0xff, 0xff, 0x1f},
	} {
		entry := sealed(append(make([]byte, headBytes), body...))
		refuse(t, entry, ErrCorrupt)
		if err := Read(entry, &records{}); !strings.Contains(err.Error(), want) {
			t.Errorf("%x: %v, want: %s", body, err, want)
		}
	}
}

// Whatever is changed of what a good checksum stands over, reading ends
// without a panic.
func TestNoPanic(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for seed := range uint64(1000) {
		r := &filler{Rand: rand.New(rand.NewPCG(seed, 5)), full: seed%2 == 0}
		entry := r.records(t, 20).entry()
		for range 1 + rnd.IntN(4) {
			entry[headBytes+rnd.IntN(len(entry)-headBytes)] = byte(rnd.Uint32())
		}
		readAgain(t, sealed(entry))
	}
}

// The handler's error ends reading and comes back.
func TestHandlersError(t *testing.T) {
	h := &failing{left: 2}
	if err := Read(golden().entry(), h); !errors.Is(err, errFull) || errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	if len(h.records) != 2 {
		t.Errorf("told %d records, want 2", len(h.records))
	}
}

var errFull = errors.New("full")

type failing struct {
	records
	left int
}

func (h *failing) Begin(part, tenant uint64, runID string, began int64) error {
	if err := h.records.Begin(part, tenant, runID, began); err != nil {
		return err
	}
	return errFull
}

// What a list, a detail or a dictionary takes is bounded by the bytes that
// state it, also where they are made to take as much as they can.
func TestMemory(t *testing.T) {
	id := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8}
	zeros := func(n int) []byte { return make([]byte, n) }
	trace := append(zeros(1+16), zeros(8)...)
	list := func(n int) []byte { return binary.AppendUvarint(nil, uint64(n)+1) }
	const many = 1 << 18
	facts := []byte{}
	for range many / 32 { // the least there is of a fact with all of a detail
		body := joined([]byte{1, factDetail, 1}, zeros(8), []byte{0, 0, 1, 0},
			[]byte{detailRecord | detailClaim | detailRoot | detailMetered}, []byte{1, 0, 0, 0}, zeros(7+2+7+3), zeros(2), zeros(1))
		facts = append(append(facts, byte(kindFact), byte(len(body))), body...)
	}
	identities := []byte{}
	for range many / 32 {
		body := joined([]byte{1, 0, 1}, zeros(8), []byte{0, 0}, zeros(14), []byte{0})
		identities = append(append(identities, byte(kindFact), byte(len(body))), body...)
	}
	record := func(k kind, body []byte) []byte {
		return joined([]byte{byte(k)}, binary.AppendUvarint(nil, uint64(len(body))), body)
	}
	first := record(kindFact, joined(id, []byte{factDetail}, trace, []byte{0, 0}, zeros(14), []byte{0, detailRecord}, zeros(1+9+8+1), zeros(3)))
	for name, body := range map[string][]byte{
		"lists of lists": record(kindTenant, joined(id, list(many), zeros(many))),
		"lists":          record(kindTenant, joined(id, list(1), list(many), zeros(many))),
		"models":         record(kindTold, joined(id, zeros(1), zeros(1), trace, zeros(2), list(many/6), zeros(many/6*6), zeros(32))),
		"details":        joined(first, facts),
		"identities":     joined(first, identities),
	} {
		entry := sealed(append(make([]byte, headBytes), body...))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := Read(entry, discard{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		runtime.ReadMemStats(&after)
		made := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(entry))
		t.Logf("%s: %.1f bytes were allocated for each of the entry", name, made)
		if made > 64 {
			t.Errorf("%s: %.1f bytes were allocated for each of the entry", name, made)
		}
	}
}

func joined(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// readAgain reads an entry, and where that works, what was read is the same
// after it was written and read again.
func readAgain(t *testing.T, entry []byte) {
	t.Helper()
	var first, second records
	if err := Read(entry, &first); err != nil {
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewer) {
			t.Fatalf("neither corrupt nor newer: %v", err)
		}
		return
	}
	written := first.entry()
	if err := Read(written, &second); err != nil {
		t.Fatalf("written again it cannot be read: %v", err)
	}
	// Compared as bytes, because a float that is no number is not equal to itself.
	if again := second.entry(); !bytes.Equal(again, written) {
		t.Fatalf("not the same:\n%x\n%x\n%+v\n%+v", written, again, first, second)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(golden().entry())
	f.Add([]byte{})
	f.Add([]byte{2})
	for seed := range uint64(30) {
		r := &filler{Rand: rand.New(rand.NewPCG(seed, 6)), full: seed%2 == 0}
		f.Add(r.records(f, 6).entry())
		f.Add((&filler{Rand: r.Rand, full: seed%2 == 1}).records(f, 17).entry())
	}
	f.Fuzz(func(t *testing.T, entry []byte) {
		readAgain(t, entry)
		readAgain(t, sealed(entry))
	})
}
