package crash

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// client sends OTLP over HTTP as OTLP clients do: what is not acknowledged,
// because it was refused for now, the connection broke or no answer came, is
// sent again until it is, whatever happens to the collector meanwhile.
type client struct {
	url  string
	http *http.Client

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
		code, text, err := c.once(ctx, body)
		switch {
		case err != nil:
			c.broken.Add(1)
		case code == http.StatusOK:
			c.taken.Add(1)
			return nil
		case retryable(code):
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

// answerLimit bounds what is read of an answer.
const answerLimit = 64 << 10

func (c *client) once(ctx context.Context, body []byte) (code int, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	res, err := c.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, answerLimit))
	return res.StatusCode, string(answer), err
}

// retryable are the answers after which OTLP clients send again.
func retryable(code int) bool {
	switch code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
