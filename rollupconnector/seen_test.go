package rollupconnector

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSeen: the window begins anew with each time; the limit makes it shorter,
// and says so.
func TestSeen(t *testing.T) {
	now := time.Unix(0, 0)
	id := func(n int) identity { return identity{part: uint64(n)} }
	s := newSeen(10, 3)
	is := func(n int, at time.Duration, again bool, early int) {
		t.Helper()
		gotAgain, gotEarly := s.again(id(n), now.Add(at))
		assert.Equal(t, again, gotAgain, "%d at %d", n, at)
		assert.Equal(t, early, gotEarly, "%d at %d", n, at)
	}
	is(1, 0, false, 0)
	is(1, 9, true, 0)
	is(1, 18, true, 0)
	is(1, 28, false, 0) // not seen for as long as the window
	is(2, 30, false, 0)
	is(3, 31, false, 0)
	is(1, 32, true, 0)
	is(4, 33, false, 1) // 2 is the one not seen for longest
	assert.Equal(t, 3, s.len())
	is(2, 33, false, 1) // and then 3
	is(1, 41, true, 0)
	is(4, 42, true, 0)
	is(3, 43, false, 0) // 2 has expired
	assert.Equal(t, 3, s.len())

	s = newSeen(time.Hour, 100)
	for i := range 10_000 {
		s.again(id(i), now)
		s.again(id(i/2), now.Add(time.Duration(i)))
	}
	assert.Equal(t, 100, s.len())
	assert.LessOrEqual(t, len(s.queue), 300, "what is forgotten is freed")

	s = newSeen(0, 100)
	for range 3 {
		again, _ := s.again(id(1), now)
		assert.False(t, again, "0 remembers nothing")
	}
	assert.Zero(t, s.len())
	assert.NotEqual(t, identity{run: true, part: 1}, identity{part: 1}, "a run's part is none of an event")
}

// TestSeen_law: the same as a map of all that has been seen, without its memory.
func TestSeen_law(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		s, last := newSeen(20, 1000), map[int]int{}
		for now := range 500 {
			n := r.IntN(30)
			at, known := last[n]
			want := known && now-at < 20
			got, early := s.again(identity{part: uint64(n)}, time.Unix(0, int64(now)))
			require.Equal(t, want, got, "seed %d, %d at %d", seed, n, now)
			require.Zero(t, early)
			last[n] = now
		}
		require.Len(t, s.queue[s.head:], s.len(), "one place each")
	}
}
