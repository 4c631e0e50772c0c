package engine

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func at(seconds int) time.Time { return time.Unix(int64(seconds), 0) }

func TestDeadlineIsDueAtItsTimeAndNotBefore(t *testing.T) {
	var d deadlines
	e := &timer{place: -1}
	d.set(e, at(10))
	require.Nil(t, d.popDue(at(9)))
	require.Same(t, e, d.popDue(at(10)))
	require.Nil(t, d.popDue(at(99)))
}

// TestDeadlinesAgainstPlainModel runs random operations beside a map that is
// searched in full.
func TestDeadlinesAgainstPlainModel(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		var d deadlines
		model := map[*timer]time.Time{}
		entries := make([]*timer, 20)
		for i := range entries {
			entries[i] = &timer{place: -1}
		}
		now := 0
		for range 300 {
			e := entries[r.IntN(len(entries))]
			switch r.IntN(4) {
			case 0, 1:
				due := at(now + r.IntN(30))
				d.set(e, due)
				model[e] = due
			case 2:
				d.remove(e)
				delete(model, e)
			case 3:
				now += r.IntN(10)
				for e := d.popDue(at(now)); e != nil; e = d.popDue(at(now)) {
					due, held := model[e]
					require.True(t, held, "seed %d", seed)
					require.False(t, due.After(at(now)), "seed %d", seed)
					delete(model, e)
				}
				for _, due := range model {
					require.True(t, due.After(at(now)), "seed %d", seed)
				}
			}
		}
	}
}
