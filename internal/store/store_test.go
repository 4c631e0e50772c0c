package store

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// dying is a storage client in memory that fails from a given write on, as a
// process that is killed writes no more.
type dying struct {
	values map[string][]byte
	left   int // writes until the end
}

var errDead = errors.New("dead")

func (d *dying) Get(_ context.Context, key string) ([]byte, error) { return d.values[key], nil }

func (d *dying) Set(ctx context.Context, key string, value []byte) error {
	return d.Batch(ctx, storage.SetOperation(key, value))
}

func (d *dying) Delete(ctx context.Context, key string) error {
	return d.Batch(ctx, storage.DeleteOperation(key))
}

func (d *dying) Batch(_ context.Context, ops ...*storage.Operation) error {
	if d.left--; d.left < 0 {
		return errDead
	}
	for _, op := range ops {
		if op.Type == storage.Set {
			d.values[op.Key] = op.Value
		} else {
			delete(d.values, op.Key)
		}
	}
	return nil
}

func (d *dying) Close(context.Context) error { return nil }

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// load opens a store and gives the numbers that its values hold.
func load(t *testing.T, d *dying) (*Store, map[uint64]bool) {
	s, err := Open(t.Context(), d, "run_rollup")
	require.NoError(t, err)
	found := map[uint64]bool{}
	_, err = s.Load(t.Context(), func(value []byte) error {
		for ; len(value) > 0; value = value[8:] {
			found[binary.BigEndian.Uint64(value)] = true
		}
		return nil
	}, func(error) bool { return true })
	require.NoError(t, err)
	return s, found
}

// TestEndAtAnyWrite: whichever write is the last, what was acknowledged is
// found at the next start, in the snapshot or in the journal after it, and the next
// start can go on.
func TestEndAtAnyWrite(t *testing.T) {
	ended := false
	for last := 0; !ended; last++ {
		d := &dying{values: map[string][]byte{}, left: last}
		acknowledged := map[uint64]bool{}
		for n := uint64(1); n < 40 && d.left >= 0; {
			s, found := load(t, &dying{values: d.values, left: 1 << 30})
			for a := range acknowledged {
				require.True(t, found[a], "%d is lost where write %d was the last", a, last)
			}
			s.client = d
			for range 5 { // a process
				if s.Append(t.Context(), number(n)) == nil {
					acknowledged[n] = true
				}
				n++
			}
			w, err := s.Begin(t.Context())
			if err != nil {
				break
			}
			var state []byte
			for a := range acknowledged {
				state = append(state, number(a)...)
			}
			half := len(state) / 16 * 8
			_ = w.Add(t.Context(), state[:half])
			if s.Append(t.Context(), number(n)) == nil { // while it is written
				acknowledged[n] = true
			}
			n++
			if w.Add(t.Context(), state[half:]) == nil {
				_ = w.Commit(t.Context())
			}
		}
		ended = d.left >= 0
		_, found := load(t, &dying{values: maps.Clone(d.values), left: 1 << 30})
		for a := range acknowledged {
			require.True(t, found[a], "%d is lost where write %d was the last", a, last)
		}
	}
}

// TestNothingIsLeftBehind: what snapshots stand for is removed, also what a try
// left that never became current.
func TestNothingIsLeftBehind(t *testing.T) {
	d := &dying{values: map[string][]byte{}, left: 1 << 30}
	s, _ := load(t, d)
	for n := range uint64(3000) {
		require.NoError(t, s.Append(t.Context(), number(n)))
	}
	try, err := s.Begin(t.Context())
	require.NoError(t, err)
	for range 5 {
		require.NoError(t, try.Add(t.Context(), number(0)))
	}
	s, _ = load(t, d) // the process ended there
	w, err := s.Begin(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.Add(t.Context(), number(0)))
	require.NoError(t, w.Commit(t.Context()))
	assert.Len(t, d.values, 2, "what is current, and one piece")
	assert.EqualValues(t, 8, s.Size())
}
