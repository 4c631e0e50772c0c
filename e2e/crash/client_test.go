package crash

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/e2e/internal/peer"
)

// client sends OTLP over HTTP as OTLP clients do: what is not acknowledged,
// because it was refused for now, the connection broke or no answer came, is
// sent again until it is, whatever happens to the collector meanwhile.
type client struct {
	peer.Client

	taken, refused, broken atomic.Int64 // answers: yes, not now, none
}

// again is how long the client waits before it sends again.
const again = 20 * time.Millisecond

func (c *client) deliver(ctx context.Context, td ptrace.Traces) error {
	var m ptrace.ProtoMarshaler
	body, err := m.MarshalTraces(td)
	if err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	for {
		code, text, err := c.Try(ctx, body, nil)
		switch {
		case err != nil:
			c.broken.Add(1)
		case code == http.StatusOK:
			c.taken.Add(1)
			return nil
		case peer.Retryable(code):
			c.refused.Add(1)
		default:
			return fmt.Errorf("deliver: answered %d: %q", code, text)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("deliver: %w; last answer %d %q: %w", ctx.Err(), code, text, err)
		case <-time.After(again):
		}
	}
}
