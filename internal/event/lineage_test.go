package event

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// walked is which attempt a run is, found by walking from each run anew.
func walked(a *attempt, byID map[string]*attempt) int {
	for after := range len(byID) + 1 {
		if n, err := strconv.Atoi(a.identity[run.Attempt]); err == nil && n > 0 {
			return n + after
		}
		switch retried := a.identity[run.RetryOf]; {
		case retried == "" && after == 0:
			return 0
		case retried == "":
			return after + 1
		case byID[retried] == nil:
			return after + 2
		default:
			a = byID[retried]
		}
	}
	return 0
}

// TestNumbersAreThoseOfAWalk: chains, trees, circles and what leads into them,
// in any order of runs.
func TestNumbersAreThoseOfAWalk(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 7))
		n := 1 + r.IntN(12)
		byID := map[string]*attempt{}
		all := make([]*attempt, n)
		for i := range all {
			all[i] = &attempt{id: strconv.Itoa(i)}
			if r.IntN(4) > 0 {
				all[i].identity[run.RetryOf] = strconv.Itoa(r.IntN(n + 2)) // itself, or one of another place
			}
			if r.IntN(5) == 0 {
				all[i].identity[run.Attempt] = strconv.Itoa(r.IntN(4) - 1)
			}
			byID[all[i].id] = all[i]
		}
		r.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
		for range 2 {
			for _, a := range all {
				require.Equal(t, walked(a, byID), number(a, byID), "seed %d, run %s", seed, a.id)
			}
		}
	}
}

// BenchmarkLastAttempt is of the last attempt, anew for each, of an event whose
// runs are a chain of retries. It is to cost twice for twice as many.
func BenchmarkLastAttempt(b *testing.B) {
	for _, n := range []int{1000, 2000, 4000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var e Event
			for i := range n {
				e.Put(member(fmt.Sprintf("%06d", i), int64(n-i), outcome.Failed, 1, is(run.RetryOf, fmt.Sprintf("%06d", i-1))))
			}
			for b.Loop() {
				e.lastKnown = false
				if e.LastAttempt() != fmt.Sprintf("%06d", n-1) {
					b.Fatal(e.LastAttempt())
				}
			}
		})
	}
}
