// Package journal writes down what happens to the engine's state, in the order
// in which it happens, so that the state can be made again after a kill -9.
//
// The unit is the entry: what one batch or one tick changed, stored whole or
// not at all.
//
//	entry    version, 1 byte │ CRC-32C of the records, 4 bytes little-endian │ records
//	record   kind, 1 byte │ length of the body, uvarint │ body
//
// Numbers are varints, zigzag where they may be negative. Text is its length and its
// bytes. A list is the number of its elements plus one, and they: 0 is nil.
//
// What spans of a batch share is written once an entry and called by its number
// from then on: 0, and the value follows; or n, the n-th of its kind so far. Names have
// 0 for the empty one, and are one up for it. The dictionaries begin empty
// with each entry: any entry can be read without those before it.
//
// Version 1 is closed, and so is 2, which has four more kinds of records: what
// has been taken by the next component, and what came while it was told. A
// field more in any record, or another kind of record, is version 3: a body does
// not say which fields it has, and a record that is skipped would take its part
// of the dictionaries with it. Entries of every version are read.
//
// The package is pure: no clock, no lock, no logger, no I/O.
package journal

import (
	"errors"
	"hash/crc32"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

var (
	// ErrCorrupt says that an entry is not what was written.
	ErrCorrupt = errors.New("corrupt journal entry")

	// ErrNewer says that an entry has a version that this program does not know.
	ErrNewer = errors.New("journal entry of a newer version")
)

// version is the first byte of every entry that is written.
const version = 2

// headBytes is what comes before the records: version and checksum.
const headBytes = 1 + crc32.Size

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Handler is told every record of an entry, in the order in which they were
// written. The methods are those of [Writer].
//
// What a pointer points at is the handler's for the time of the call only. What it
// holds (the Detail of a fact, the Models of what was told) is the handler's
// to keep. A Quote may be that of other facts too and must not be changed.
type Handler interface {
	Tenant(id uint64, metadata [][]string) error

	Begin(part, tenant uint64, runID string, began int64) error
	Fact(part uint64, f *run.Fact) error
	Outside(part uint64, k run.SpanKey) error
	Caveats(part uint64, c billing.Caveats) error
	Told(part uint64, completion run.Completion, t *run.Told) error
	LetGo(part uint64, completion run.Completion) error
	Drop(part uint64) error
	Taken(part uint64, revision int) error
	Reopened(part uint64, revision, spans int) error

	Stray(tenant uint64, f *run.Fact) error
	Decided(tenant uint64, trace [16]byte) error

	EventBegin(event, tenant uint64, key event.Key) error
	Member(event uint64, m *event.Member) error
	MemberRemoved(event uint64, runID string, part uint64) error
	Claim(event uint64, f *run.Fact) error
	EventTold(event uint64, t *event.Told) error
	EventDrop(event uint64) error
	EventTaken(event uint64, revision int) error
	EventChanged(event uint64, revision int) error

	Clean() error
}

// kind is what a record says. The values are stored; never renumber them.
type kind byte

const (
	kindTenant kind = 1 + iota
	kindBegin
	kindFact
	kindOutside
	kindCaveats
	kindTold
	kindLetGo
	kindDrop
	kindStray
	kindDecided
	kindEventBegin
	kindMember
	kindMemberRemoved
	kindClaim
	kindEventTold
	kindEventDrop
	kindClean
	kindTaken // from here on version 2
	kindReopened
	kindEventTaken
	kindEventChanged
	kinds // one above the last
)

// kindsOf is one above the last kind of a version.
var kindsOf = [version + 1]kind{1: kindTaken, 2: kinds}

var kindNames = [kinds]string{
	kindTenant: "tenant", kindBegin: "begin", kindFact: "fact", kindOutside: "outside", kindCaveats: "caveats",
	kindTold: "told", kindLetGo: "let go", kindDrop: "drop", kindStray: "stray", kindDecided: "decided",
	kindEventBegin: "event begin", kindMember: "member", kindMemberRemoved: "member removed", kindClaim: "claim",
	kindEventTold: "event told", kindEventDrop: "event drop", kindClean: "clean",
	kindTaken: "taken", kindReopened: "reopened", kindEventTaken: "event taken", kindEventChanged: "event changed",
}
