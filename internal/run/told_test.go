package run

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/digest/digesttest"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
)

// TestDigestTellsEveryFieldApart: a field that is added and forgotten in the
// digest would make revisions that change only it disappear.
func TestDigestTellsEveryFieldApart(t *testing.T) {
	changed := digesttest.EveryField(t, func() *Summary {
		return &Summary{
			Root:  &Root{Copied: []Attribute{{Key: "k", Value: "v"}}},
			Links: []SpanKey{{}}, Services: []string{""},
			Outcome: outcome.Outcome{Metadata: []outcome.Metadata{{}}},
			Cost:    cost.Bill{Cards: []string{""}, Caveats: []string{""}, Models: []cost.Model{{}}},
		}
	}, (*Summary).digest, "Revision", "PreviousStatus", "Increase", "ModelIncrease", "Notes")
	require.Greater(t, changed, 100)
}

// TestRevisionThatChangesNothingIsNone (contract, section 6).
func TestRevisionThatChangesNothingIsNone(t *testing.T) {
	first := Summary{RunID: "a", SpanCount: 2}
	told := first.Told()
	again := first
	require.False(t, again.Revise(&told))
	again.SpanCount++
	require.True(t, again.Revise(&told))
	require.Equal(t, 1, again.Revision)
}
