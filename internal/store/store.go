// Package store keeps a journal and its snapshots in a storage extension of
// the Collector: a map of keys to values that survives the process.
//
// The journal is entries in order, each written in one transaction before what
// it tells of is acknowledged. A snapshot stands for all entries before it.
// What is current is said by one value, written in one transaction: a crash at
// any point leaves either the old or the new, and garbage that the next start
// removes.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Version is of the layout of keys. Entries have a version of their own.
const Version = 1

// Store is a journal in a storage client. It is not safe for concurrent use.
type Store struct {
	client storage.Client
	meta   meta
	next   uint64 // sequence number of the next entry
	since  int64  // bytes of entries since the snapshot
	size   int64  // bytes of the snapshot
}

// meta is the one value that says what is current.
type meta struct {
	Version  int    `json:"version"`
	Owner    string `json:"owner"`    // the component whose journal it is
	Snapshot uint64 `json:"snapshot"` // generation; 0 where there is none
	Chunks   uint64 `json:"chunks"`   // of it
	Size     int64  `json:"size"`     // bytes of it
	First    uint64 `json:"first"`    // sequence number of the first entry after it
	Garbage  []span `json:"garbage,omitempty"`
	Aside    uint64 `json:"aside"` // values that could not be read and are kept
}

// span is keys that stand for nothing any more: the chunks of a snapshot, or
// entries of the journal.
type span struct {
	Snapshot uint64 `json:"snapshot,omitempty"` // generation; 0 for entries
	From     uint64 `json:"from"`
	To       uint64 `json:"to"` // exclusive
}

// The keys.
const metaKey = "meta"

func entryKey(seq uint64) string        { return fmt.Sprintf("j/%016x", seq) }
func chunkKey(gen, chunk uint64) string { return fmt.Sprintf("s/%016x/%08x", gen, chunk) }
func asideKey(n uint64) string          { return fmt.Sprintf("aside/%d", n) }

// ErrForeign is of a journal that another component wrote; ErrNewer of one that
// a newer version did.
var (
	ErrForeign = errors.New("the journal is another component's")
	ErrNewer   = errors.New("the journal is of a newer version")
)

// Open reads what is current. owner is the component's ID.
func Open(ctx context.Context, client storage.Client, owner string) (*Store, error) {
	s := &Store{client: client, meta: meta{Version: Version, Owner: owner}}
	text, err := client.Get(ctx, metaKey)
	if err != nil {
		return nil, fmt.Errorf("read what is current: %w", err)
	}
	if text == nil {
		return s, nil
	}
	var m meta
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("read what is current: %w: move the storage of this component aside to start without it", err)
	}
	switch {
	case m.Version > Version:
		return nil, fmt.Errorf("%w, %d; this one reads %d: start the newer one, or move the storage of this component aside", ErrNewer, m.Version, Version)
	case m.Owner != owner:
		return nil, fmt.Errorf("%w, of %s: give each its own storage, or move it aside", ErrForeign, m.Owner)
	}
	s.meta, s.next, s.size = m, m.First, m.Size
	return s, nil
}

// Loaded is what Load found.
type Loaded struct {
	Entries int // read, chunks of the snapshot included
	Skipped int // that could not be read, and are kept aside
}

// Load hands over the snapshot and then every entry after it, in order. An entry that
// visit refuses is kept aside and skipped, unless fatal says that the error ends all.
func (s *Store) Load(ctx context.Context, visit func([]byte) error, fatal func(error) bool) (Loaded, error) {
	var l Loaded
	one := func(key string) (bool, error) {
		value, err := s.client.Get(ctx, key)
		if err != nil {
			return false, fmt.Errorf("read %s: %w", key, err)
		}
		if value == nil {
			return false, nil
		}
		err = visit(value)
		switch {
		case err == nil:
			l.Entries++
		case fatal(err):
			return false, fmt.Errorf("read %s: %w", key, err)
		default:
			l.Skipped++
			if err := s.putAside(ctx, key, value); err != nil {
				return false, err
			}
		}
		s.since += int64(len(value))
		return true, nil
	}
	for c := range s.meta.Chunks {
		found, err := one(chunkKey(s.meta.Snapshot, c))
		if err != nil {
			return l, err
		}
		if !found {
			l.Skipped++
		}
	}
	s.since = 0
	for {
		found, err := one(entryKey(s.next))
		if err != nil {
			return l, err
		}
		if !found {
			return l, s.collect(ctx)
		}
		s.next++
	}
}

// putAside keeps a value that could not be read, for somebody to look at.
func (s *Store) putAside(ctx context.Context, key string, value []byte) error {
	s.meta.Aside++
	text, err := s.encoded(s.meta)
	if err != nil {
		return err
	}
	err = s.client.Batch(ctx, storage.SetOperation(asideKey(s.meta.Aside), value), storage.SetOperation(metaKey, text))
	if err != nil {
		return fmt.Errorf("keep %s aside: %w", key, err)
	}
	return nil
}

func (s *Store) encoded(m meta) ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write what is current: %w", err)
	}
	return text, nil
}

// Append writes one entry. When it returns nil the entry survives the process.
func (s *Store) Append(ctx context.Context, entry []byte) error {
	ops := []*storage.Operation{storage.SetOperation(entryKey(s.next), entry)}
	if s.meta.Snapshot == 0 && s.next == s.meta.First { // the first ever: whose it is
		text, err := s.encoded(s.meta)
		if err != nil {
			return err
		}
		ops = append(ops, storage.SetOperation(metaKey, text))
	}
	// The number is not used again where the write fails: nobody knows what
	// became of it. A snapshot follows, which begins after it.
	s.next++
	if err := s.client.Batch(ctx, ops...); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	s.since += int64(len(entry))
	return nil
}

// compactFrom is how many bytes of journal are not worth a snapshot.
const compactFrom = 16 << 20

// IsLong reports whether the journal is so long that a snapshot is worth it:
// longer than the snapshot that it follows, so that what is written in all is
// no more than three times what is journaled.
func (s *Store) IsLong() bool { return s.since > max(compactFrom, s.size) }

// Size is the bytes of the snapshot and of the journal after it.
func (s *Store) Size() int64 { return s.size + s.since }

// Snapshot is one that is being written. Entries may be appended meanwhile.
type Snapshot struct {
	store  *Store
	gen    uint64
	chunks uint64
	size   int64
	first  uint64
	before int64 // bytes of the entries that it stands for
}

// Begin begins a snapshot that stands for every entry appended so far. What an
// earlier try left, which a crash cut off before it was current, is removed.
func (s *Store) Begin(ctx context.Context) (*Snapshot, error) {
	w := &Snapshot{store: s, gen: s.meta.Snapshot + 1, first: s.next, before: s.since}
	if err := s.removeTries(ctx, w.gen); err != nil {
		return nil, err
	}
	return w, nil
}

// removeTries removes the chunks of a snapshot that never became current.
func (s *Store) removeTries(ctx context.Context, gen uint64) error {
	for c := uint64(0); ; c++ {
		value, err := s.client.Get(ctx, chunkKey(gen, c))
		if err != nil {
			return fmt.Errorf("look for what was left: %w", err)
		}
		if value == nil {
			return nil
		}
		if err := s.client.Delete(ctx, chunkKey(gen, c)); err != nil {
			return fmt.Errorf("remove what was left: %w", err)
		}
	}
}

// Add writes a part of the snapshot.
func (w *Snapshot) Add(ctx context.Context, chunk []byte) error {
	if err := w.store.client.Set(ctx, chunkKey(w.gen, w.chunks), chunk); err != nil {
		return fmt.Errorf("write the snapshot: %w", err)
	}
	w.chunks++
	w.size += int64(len(chunk))
	return nil
}

// Commit makes the snapshot current, and removes what it stands for.
func (w *Snapshot) Commit(ctx context.Context) error {
	s := w.store
	m := s.meta
	m.Garbage = append(append([]span(nil), m.Garbage...), span{From: m.First, To: w.first})
	if m.Snapshot > 0 {
		m.Garbage = append(m.Garbage, span{Snapshot: m.Snapshot, To: m.Chunks})
	}
	m.Snapshot, m.Chunks, m.Size, m.First = w.gen, w.chunks, w.size, w.first
	text, err := s.encoded(m)
	if err != nil {
		return err
	}
	if err := s.client.Set(ctx, metaKey, text); err != nil {
		return fmt.Errorf("make the snapshot current: %w", err)
	}
	s.meta, s.size = m, w.size
	s.since -= w.before
	return s.collect(ctx)
}

// deletes is how many keys are removed in one transaction.
const deletes = 1000

// collect removes what stands for nothing any more.
func (s *Store) collect(ctx context.Context) error {
	if len(s.meta.Garbage) == 0 {
		return nil
	}
	var ops []*storage.Operation
	flush := func() error {
		if len(ops) == 0 {
			return nil
		}
		err := s.client.Batch(ctx, ops...)
		ops = ops[:0]
		if err != nil {
			return fmt.Errorf("remove what is not needed any more: %w", err)
		}
		return nil
	}
	for _, g := range s.meta.Garbage {
		for i := g.From; i < g.To; i++ {
			key := entryKey(i)
			if g.Snapshot > 0 {
				key = chunkKey(g.Snapshot, i)
			}
			if ops = append(ops, storage.DeleteOperation(key)); len(ops) == deletes {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	m := s.meta
	m.Garbage = nil
	text, err := s.encoded(m)
	if err != nil {
		return err
	}
	ops = append(ops, storage.SetOperation(metaKey, text))
	if err := flush(); err != nil {
		return err
	}
	s.meta = m
	return nil
}

// Close gives the client back.
func (s *Store) Close(ctx context.Context) error {
	if err := s.client.Close(ctx); err != nil {
		return fmt.Errorf("close the storage: %w", err)
	}
	return nil
}
