package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Bounds on how long one request is tried. They let a collector that is busy
// or refuses for a moment catch up, and a test that waits in vain end.
const (
	attempts   = 8
	firstWait  = 50 * time.Millisecond
	longestAsk = 30 * time.Second // the longest Retry-After that is honoured
	bodyLimit  = 1 << 20
)

// Sender posts traces to an OTLP/HTTP endpoint.
type Sender struct {
	Endpoint string // such as http://127.0.0.1:4318
	HTTP     *http.Client
}

// Send posts one request and returns once it is acknowledged. It tries again
// where the endpoint says that it could not take it just now (429, 502, 503,
// 504), after the time that Retry-After asks for, else with doubling waits. It
// does not try again where the connection broke: whether the request was taken
// is then unknown, and the caller's to judge.
func (s *Sender) Send(ctx context.Context, td ptrace.Traces) error {
	var m ptrace.JSONMarshaler
	body, err := m.MarshalTraces(td)
	if err != nil {
		return fmt.Errorf("send traces: %w", err)
	}
	return s.Post(ctx, body)
}

// Post is [Sender.Send] of a body that is already OTLP JSON.
func (s *Sender) Post(ctx context.Context, body []byte) error {
	wait := firstWait
	for try := 1; ; try++ {
		r, err := s.once(ctx, body)
		switch {
		case err != nil:
			return fmt.Errorf("post to %s: %w", s.Endpoint, err)
		case r.err == nil:
			return nil
		case !r.retryable || try == attempts:
			return fmt.Errorf("post to %s: %w (%d tries)", s.Endpoint, r.err, try)
		}
		if r.after >= 0 {
			err = pause(ctx, min(r.after, longestAsk))
		} else {
			err = pause(ctx, wait)
			wait *= 2
		}
		if err != nil {
			return fmt.Errorf("post to %s: %w, last answer: %w", s.Endpoint, err, r.err)
		}
	}
}

// reply is what the endpoint answered.
type reply struct {
	err       error // nil where everything was taken
	retryable bool
	after     time.Duration // what Retry-After asks for; -1 where it asks for nothing
}

func (s *Sender) once(ctx context.Context, body []byte) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoint+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	client := s.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, bodyLimit))
	if err != nil {
		return reply{}, err
	}
	switch res.StatusCode {
	case http.StatusOK:
		return reply{err: rejection(text)}, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return reply{
			err: fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(text)), retryable: true,
			after: retryAfter(res.Header.Get("Retry-After")),
		}, nil
	}
	return reply{err: fmt.Errorf("%s: %s", res.Status, bytes.TrimSpace(text))}, nil
}

// rejection is the error of an answer that took only a part of the spans: OTLP
// calls that a success.
func rejection(text []byte) error {
	var answer struct {
		PartialSuccess struct {
			RejectedSpans json.Number `json:"rejectedSpans"`
			ErrorMessage  string      `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("answer is not OTLP JSON: %w", err)
	}
	if n := answer.PartialSuccess.RejectedSpans; n != "" && n != "0" {
		return fmt.Errorf("%s spans rejected: %s", n, answer.PartialSuccess.ErrorMessage)
	}
	return nil
}

// retryAfter reads the header's seconds. Its other form, a date, is not used
// by collectors, and counts as nothing asked.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 0 || seconds > int(time.Hour/time.Second) {
		return -1
	}
	return time.Duration(seconds) * time.Second
}

// pause waits, but not longer than the context lasts.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
