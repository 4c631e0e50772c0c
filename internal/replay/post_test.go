package replay_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/replay"
)

func TestSender_Send(t *testing.T) {
	c, err := load(t, oneLine(line))
	require.NoError(t, err)
	var path, contentType, body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		path, contentType, body = r.URL.Path, r.Header.Get("Content-Type"), string(b)
		_, _ = io.WriteString(w, `{"partialSuccess":{}}`)
	}))
	defer server.Close()

	s := replay.Sender{Endpoint: server.URL}
	require.NoError(t, s.Send(t.Context(), c.Requests[0]))

	assert.Equal(t, "/v1/traces", path)
	assert.Equal(t, "application/json", contentType)
	assert.Contains(t, body, `"botanu.run/a"`)
}

// script answers each request with the next of its replies, without a network,
// so that waits can be measured on a clock of their own.
type script struct {
	replies []reply
	asked   []time.Time
}

type reply struct {
	status     int
	retryAfter string
	body       string
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	r := s.replies[min(len(s.asked), len(s.replies)-1)]
	s.asked = append(s.asked, time.Now())
	header := http.Header{}
	if r.retryAfter != "" {
		header.Set("Retry-After", r.retryAfter)
	}
	return &http.Response{
		StatusCode: r.status, Status: http.StatusText(r.status), Header: header,
		Body: io.NopCloser(strings.NewReader(r.body)), Request: req,
	}, nil
}

// waits are the times between the requests.
func (s *script) waits() []time.Duration {
	var w []time.Duration
	for i := 1; i < len(s.asked); i++ {
		w = append(w, s.asked[i].Sub(s.asked[i-1]))
	}
	return w
}

func TestSender_Post_tries(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		replies []reply
		waits   []time.Duration
		err     string
	}{
		{name: "taken", replies: []reply{{status: 200}}},
		{name: "doubling waits", replies: []reply{{status: 503}, {status: 502}, {status: 504}, {status: 200}}, waits: []time.Duration{50 * ms, 100 * ms, 200 * ms}},
		{name: "the wait that is asked for", replies: []reply{{status: 429, retryAfter: "7"}, {status: 503, retryAfter: "0"}, {status: 200}}, waits: []time.Duration{7 * time.Second, 0}},
		{name: "asked for too long", replies: []reply{{status: 429, retryAfter: "600"}, {status: 200}}, waits: []time.Duration{30 * time.Second}},
		{name: "asked for nonsense", replies: []reply{{status: 429, retryAfter: "-1"}, {status: 200}}, waits: []time.Duration{50 * ms}},
		{
			name: "bounded", replies: []reply{{status: 503, body: "full"}}, err: "full (8 tries)",
			waits: []time.Duration{50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms},
		},
		{name: "refused for good", replies: []reply{{status: 400, body: "bad span"}}, err: "bad span"},
		{name: "partly rejected", replies: []reply{{status: 200, body: `{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}`}}, err: "3 spans rejected: too old"},
		{name: "no OTLP", replies: []reply{{status: 200, body: "<html>"}}, err: "not OTLP JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := &script{replies: c.replies}
				s := replay.Sender{Endpoint: "http://collector", HTTP: &http.Client{Transport: transport}}
				err := s.Post(t.Context(), []byte(`{}`))
				if c.err == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, c.err)
				}
				assert.Equal(t, c.waits, transport.waits())
			})
		})
	}
}

func TestSender_Post_context(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		transport := &script{replies: []reply{{status: 429, retryAfter: "5", body: "busy"}}}
		s := replay.Sender{Endpoint: "http://collector", HTTP: &http.Client{Transport: transport}}
		err := s.Post(ctx, []byte(`{}`))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "busy", "the last answer explains why it was tried for so long")
		assert.Len(t, transport.asked, 1)
	})
}
