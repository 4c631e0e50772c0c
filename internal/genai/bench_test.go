package genai

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/runrollup/runrollupprocessor/internal/attrs"
)

func webSpan() pcommon.Map {
	m := pcommon.NewMap()
	for k, v := range map[string]string{
		"http.request.method": "GET", "url.path": "/orders/42", "url.scheme": "https", "server.address": "shop.example.com",
		"network.protocol.version": "1.1", "user_agent.original": "curl/8", "client.address": "10.0.0.1", "http.route": "/orders/{id}",
		"botanu.run_id": "r1", "botanu.workflow": "w", "botanu.event_id": "e1", "botanu.customer_id": "c1", "thread.name": "main",
	} {
		m.PutStr(k, v)
	}
	m.PutInt("http.response.status_code", 200)
	m.PutInt("server.port", 443)
	return m
}

func callSpan() pcommon.Map {
	m := webSpan()
	m.PutStr("gen_ai.operation.name", "chat")
	m.PutStr("gen_ai.provider.name", "anthropic")
	m.PutStr("gen_ai.request.model", "claude-sonnet-4-5")
	m.PutStr("gen_ai.response.model", "claude-sonnet-4-5-20250929")
	m.PutStr("gen_ai.response.id", "msg_1")
	m.PutInt("gen_ai.usage.input_tokens", 2000)
	m.PutInt("gen_ai.usage.output_tokens", 300)
	m.PutInt("gen_ai.usage.cache_read.input_tokens", 1000)
	m.PutInt("gen_ai.usage.cache_write.input_tokens", 10)
	m.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr("stop")
	return m
}

func benchmark(b *testing.B, m pcommon.Map, s Span, read bool) {
	table := attrs.NewTable()
	x := New(table, nil)
	table.Add("botanu.run_id")
	s.Attrs = attrs.NewReader(table, nil)
	s.Attrs.Read(m)
	b.ReportAllocs()
	for b.Loop() {
		if read {
			s.Attrs.Read(m)
		}
		x.Record(s)
	}
}

func BenchmarkOtherSpan(b *testing.B) { benchmark(b, webSpan(), Span{ScopeName: "net/http"}, false) }
func BenchmarkOtherSpanWithRead(b *testing.B) {
	benchmark(b, webSpan(), Span{ScopeName: "net/http"}, true)
}
func BenchmarkCall(b *testing.B) {
	benchmark(b, callSpan(), Span{ScopeName: "com.anthropic.sdk.typescript"}, false)
}
func BenchmarkCallWithRead(b *testing.B) {
	benchmark(b, callSpan(), Span{ScopeName: "com.anthropic.sdk.typescript"}, true)
}

func BenchmarkCallLangfuse(b *testing.B) {
	m := webSpan()
	m.PutStr("langfuse.observation.type", "generation")
	m.PutStr("langfuse.observation.model.name", "gpt-4o-mini")
	m.PutStr("langfuse.observation.usage_details", `{"input":1706,"output":407,"total":3137,"input_cached_tokens":1024,"output_reasoning_tokens":0}`)
	benchmark(b, m, Span{ScopeName: "langfuse-sdk"}, false)
}

func TestOtherSpanAllocatesNothing(t *testing.T) {
	table := attrs.NewTable()
	x := New(table, nil)
	s := Span{Attrs: attrs.NewReader(table, nil), ScopeName: "net/http"}
	m := webSpan()
	if n := testing.AllocsPerRun(100, func() {
		s.Attrs.Read(m)
		if _, ok := x.Record(s); ok {
			t.Error("a web request is a record")
		}
	}); n != 0 {
		t.Errorf("%v allocations for a span that is no call", n)
	}
}
