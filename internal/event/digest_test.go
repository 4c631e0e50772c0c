package event

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/digest/digesttest"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
)

// TestDigestTellsEveryFieldApart: a field that is added and forgotten in the
// digest would make revisions that change only it disappear.
func TestDigestTellsEveryFieldApart(t *testing.T) {
	changed := digesttest.EveryField(t, func() *Summary {
		return &Summary{Links: []Link{{}}, Outcome: outcome.Outcome{Metadata: []outcome.Metadata{{}}}}
	}, (*Summary).digest, "Revision", "PreviousStatus", "Increase", "Links.Revision")
	require.Greater(t, changed, 70)
}
