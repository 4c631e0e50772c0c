// Package peer is what stands around a collector under test: a client that
// sends as OTLP clients do, a downstream that does as it is told, and a reader
// of the collector's own metrics.
package peer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// Client sends OTLP over HTTP as protobuf. It is safe for concurrent use.
type Client struct {
	Endpoint string // such as http://127.0.0.1:4318
	HTTP     *http.Client

	refused atomic.Int64
}

// Refused is how many requests were answered with a retryable error.
func (c *Client) Refused() int64 { return c.refused.Load() }

// answerLimit bounds what is read of an answer.
const answerLimit = 64 << 10

// Deliver sends a request until it is acknowledged or the context ends: what
// is answered with a retryable error is sent again, as OTLP clients do. Header
// is put on every try; nil puts none. It says how often it was sent.
func (c *Client) Deliver(ctx context.Context, td ptrace.Traces, header http.Header) (tries int, err error) {
	var m ptrace.ProtoMarshaler
	body, err := m.MarshalTraces(td)
	if err != nil {
		return 0, fmt.Errorf("deliver: %w", err)
	}
	last := ""
	err = replay.Poll(ctx, func() (bool, error) {
		tries++
		code, text, err := c.Try(ctx, body, header)
		switch {
		case err != nil:
			return false, err
		case code == http.StatusOK:
			return true, nil
		case Retryable(code):
			c.refused.Add(1)
			last = text
			return false, nil
		}
		return false, fmt.Errorf("answered %d: %q", code, text)
	})
	if err != nil {
		return tries, fmt.Errorf("deliver: %w; last refusal: %q", err, last)
	}
	return tries, nil
}

// Try sends a marshalled request once, and says what was answered. err is of a
// request that got no answer.
func (c *Client) Try(ctx context.Context, body []byte, header http.Header) (code int, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Endpoint+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if header != nil {
		req.Header = header.Clone()
	}
	req.Header.Set("Content-Type", protobuf)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, answerLimit))
	return res.StatusCode, string(answer), err
}

const protobuf = "application/x-protobuf"

// Retryable are the answers after which OTLP clients send again.
func Retryable(code int) bool {
	switch code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
