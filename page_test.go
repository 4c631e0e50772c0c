package runrollupprocessor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/engine"
	"github.com/runrollup/runrollupprocessor/internal/metadata"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

// pageOf is the page of a started engine.
func pageOf(t *testing.T) (*runsPage, *engine.Engine) {
	c := createDefaultConfig().(*Config)
	card, err := ratecard.Embedded()
	require.NoError(t, err)
	config := c.engine()
	config.Extract.Card = card
	sink := func(_ context.Context, _ [][]string, list []engine.Summary) (int, error) { return len(list), nil }
	e := engine.New(config, sink, func(context.Context, engine.Tally) {})
	e.Start()
	t.Cleanup(func() { _ = e.Shutdown(t.Context()) })
	return newRunsPage(c, component.NewID(metadata.Type), e, zap.NewNop()), e
}

func ask(p *runsPage, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = "localhost:55690"
	p.ServeHTTP(w, r)
	return w
}

func viewed(t *testing.T, p *runsPage, target string) runsView {
	w := ask(p, target)
	require.Equal(t, http.StatusOK, w.Code)
	var v runsView
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
	return v
}

// TestPageSaysWhyARunIsNotSummarisedYet.
func TestPageSaysWhyARunIsNotSummarisedYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, e := pageOf(t)
		call := func(_ int, _ ptrace.ResourceSpans, s ptrace.Span) {
			s.Attributes().PutStr(botanu.Workflow, "<b>refund</b>")
			s.Attributes().PutStr("gen_ai.operation.name", "chat")
			s.Attributes().PutStr("gen_ai.provider.name", "openai")
			s.Attributes().PutStr("gen_ai.request.model", "gpt-4o")
			s.Attributes().PutInt("gen_ai.usage.input_tokens", 1000)
			s.Attributes().PutInt("gen_ai.usage.output_tokens", 0)
		}
		e.Observe(stepsOf("rooted", 2, call), nil, time.Now())
		rootless := stepsOf("idle", 1, func(_ int, _ ptrace.ResourceSpans, s ptrace.Span) { s.SetParentSpanID(pcommon.SpanID{9}) })
		e.Observe(rootless, nil, time.Now())
		time.Sleep(3 * time.Second)

		v := viewed(t, p, "/?format=json")
		require.Equal(t, 2, v.Open)
		require.Len(t, v.Runs, 2)
		assert.Equal(t, "rooted", v.Runs[0].RunID)
		assert.Equal(t, "open", v.Runs[0].State)
		assert.True(t, v.Runs[0].RootSeen)
		assert.Equal(t, "its root span has arrived; summarised in 7s if no further span comes (quiet_period)", v.Runs[0].Why)
		assert.Equal(t, "0.0025", v.Runs[0].Cost)
		assert.Equal(t, 1, v.Runs[0].Calls, "the one above repeats the other")
		assert.Nil(t, v.Runs[0].Revision)
		assert.False(t, v.Runs[1].RootSeen)
		assert.Equal(t, "its root span has not arrived; summarised as idle in 4m57s if no further span comes (idle_timeout)", v.Runs[1].Why)

		time.Sleep(8 * time.Second)
		synctest.Wait()
		v = viewed(t, p, "/?format=json&id=rooted")
		require.Len(t, v.Runs, 1)
		assert.Equal(t, "summarised", v.Runs[0].State)
		assert.Equal(t, 0, *v.Runs[0].Revision)
		assert.Contains(t, v.Runs[0].Why, "raises a revision (late_window)")

		trace := pcommon.TraceID{1, byte(len("idle"))}.String()
		v = viewed(t, p, "/?format=json&id="+trace)
		require.Len(t, v.Runs, 1)
		assert.Equal(t, "idle", v.Runs[0].RunID)
		assert.Empty(t, viewed(t, p, "/?format=json&id=unheard-of").Runs)

		html := ask(p, "/").Body.String()
		assert.Contains(t, html, "rooted")
		assert.Contains(t, html, "&lt;b&gt;refund")
		assert.NotContains(t, html, "<b>refund")
		assert.Contains(t, ask(p, "/?id=unheard-of").Body.String(), "No run with this ID is held")
	})
}

// TestPageIsForThisMachineAlone: not for others, and not for a page of another
// site whose name is made to resolve to this machine.
func TestPageIsForThisMachineAlone(t *testing.T) {
	p, _ := pageOf(t)
	for host, code := range map[string]int{
		"localhost": http.StatusOK, "localhost:55690": http.StatusOK, "127.0.0.1:55690": http.StatusOK,
		"127.1.2.3": http.StatusOK, "[::1]": http.StatusOK, "[::1]:55690": http.StatusOK,
		"evil.example:55690": http.StatusForbidden, "127.evil.example:55690": http.StatusForbidden,
		"[::1].evil.example": http.StatusForbidden, "localhost.evil.example": http.StatusForbidden,
		"192.0.2.1:55690": http.StatusForbidden, "": http.StatusForbidden,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		p.ServeHTTP(w, r)
		assert.Equal(t, code, w.Code, host)
	}
	for endpoint, ok := range map[string]bool{
		"": true, "localhost:0": true, "127.0.0.1:0": true, "[::1]:55690": true,
		"0.0.0.0:55690": false, ":55690": false, "example.com:1": false, "localhost": false,
	} {
		c := createDefaultConfig().(*Config)
		c.RunsPage.Endpoint = endpoint
		if err := c.Validate(); ok {
			assert.NoError(t, err, endpoint)
		} else {
			assert.ErrorContains(t, err, "runs_page::endpoint", endpoint)
		}
	}
}

// TestPageIsServedAndEnds: over a real socket, from start to shutdown.
func TestPageIsServedAndEnds(t *testing.T) {
	p := newTestProcessor(t, map[string]any{"runs_page": map[string]any{"endpoint": "localhost:0"}}, consumertest.NewNop())
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, p.Shutdown(t.Context()))
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	p = newTestProcessor(t, map[string]any{"runs_page": map[string]any{"endpoint": taken.Listener.Addr().String()}}, consumertest.NewNop())
	require.ErrorContains(t, p.Start(t.Context(), componenttest.NewNopHost()), "runs_page::endpoint")
	require.NoError(t, p.Shutdown(t.Context()))
}
