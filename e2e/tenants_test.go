package e2e

import (
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/e2e/internal/peer"
	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// TestTenants holds that one run ID in several tenants is several runs, though
// their traces and spans have the same IDs too.
func TestTenants(t *testing.T) {
	c := start(t, outFile(t), "E2E_METADATA_KEYS=[x-tenant]")
	client := &peer.Client{Endpoint: c.Endpoint, HTTP: http.DefaultClient}
	headers := []http.Header{nil, {"X-Tenant": {"a"}}, {"X-Tenant": {"b"}}, {"X-Tenant": {"a", "b"}}}
	truths := map[synthetic.Truth]bool{}
	var requests [][]ptrace.Traces // of each tenant as many
	for i := range headers {
		run := synthetic.New(runID, rand.New(rand.NewPCG(5, 6))) // the same IDs in all
		list := []ptrace.Traces{run.Root(), run.Inherited(), ptrace.NewTraces()}
		for range i {
			list[2] = synthetic.Together(list[2], run.Call())
		}
		truths[run.Truth] = true
		requests = append(requests, list)
	}
	for n := range requests[0] { // of each tenant one in turn
		for i, header := range headers {
			_, err := client.Deliver(t.Context(), requests[i][n], header)
			require.NoError(t, err)
		}
	}
	c.await(t, "a summary of each tenant", func(latest []replay.Summary) bool { return len(latest) == len(headers) })
	c.stop(t)

	spanIDs, parts := map[string]bool{}, c.summaries(t)
	require.Len(t, parts, len(headers))
	for i := range parts {
		assert.Equal(t, runID, parts[i].RunID)
		spanIDs[parts[i].SpanID] = true
		told, err := synthetic.Told(parts[i : i+1])
		require.NoError(t, err)
		assert.True(t, truths[told], "the total of no tenant: %v", told)
		delete(truths, told)
	}
	assert.Empty(t, truths, "each tenant has its own total")
	assert.Len(t, spanIDs, len(headers))
}
