package genai

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/attrs"
)

// FuzzRecord reads whatever the Collector would accept as a trace: no span may
// make it panic or come out with a number that cannot be believed.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"ai"},"spans":[{"attributes":[
		{"key":"ai.operationId","value":{"stringValue":"ai.streamText.doStream"}},
		{"key":"ai.usage.inputTokens","value":{"doubleValue":"NaN"}},
		{"key":"gen_ai.usage.input_tokens","value":{"intValue":"-1"}},
		{"key":"ai.response.providerMetadata","value":{"stringValue":"{\"anthropic\":{\"usage\":{\"input_tokens\":5}}}"}}]}]}]}]}`))
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"scope":{"name":"langfuse-sdk"},"spans":[{"attributes":[
		{"key":"langfuse.observation.usage_details","value":{"stringValue":"{\"input\":1e12,\"input_audio_tokens\":1e12,\"output\":5"}},
		{"key":"langfuse.observation.usage_details","value":{"kvlistValue":{"values":[{"key":"input","value":{"intValue":"5"}}]}}},
		{"key":"litellm.cost.total","value":{"doubleValue":9e300}},{"key":"gen_ai.usage.cost","value":{"stringValue":"1e-400"}}]}]}]}]}`))
	table := attrs.NewTable()
	x := New(table, []string{"acme.cost"})
	r := attrs.NewReader(table, nil)
	f.Fuzz(func(t *testing.T, data []byte) {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(data)
		if err != nil {
			if td, err = (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(data); err != nil {
				return
			}
		}
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					r.Read(span.Attributes())
					rec, _ := x.Record(Span{Attrs: r, ScopeName: ss.Scope().Name(), ScopeVersion: ss.Scope().Version(), Name: span.Name()})
					checkRecord(t, &rec)
				}
			}
		}
	})
}

// FuzzAttribute puts one value under every name that is read, one after the
// other.
func FuzzAttribute(f *testing.F) {
	f.Add("5", 5.0, int64(5), "ai")
	f.Add(`{"input":5,"input_cached_tokens":"7","anthropic":{"usage":{"input_tokens":5}},"total_cost":1e308}`, math.NaN(), int64(-1), "")
	f.Add(`["stop","error"]`, math.Inf(-1), int64(math.MaxInt64), "gen_ai")
	f.Add(`{'a': [{'b': None}], 'usage_metadata': {'prompt_token_count': 5}}`, 1e-320, int64(math.MinInt64), "gcp.vertex.agent")
	var names []string
	for _, d := range dialects {
		for _, all := range d.Counts {
			names = append(names, all...)
		}
		for _, all := range d.Texts {
			names = append(names, all...)
		}
		for _, k := range d.Kinds {
			names = append(names, k.Attr)
		}
		for _, b := range d.Blobs {
			names = append(names, b.Attr)
		}
		for _, c := range d.Costs {
			names = append(append(append(names, c.Total...), c.Sum...), c.Less)
		}
		names = append(append(names, d.Finish...), d.Stream...)
	}
	table := attrs.NewTable()
	x := New(table, nil)
	r := attrs.NewReader(table, nil)
	f.Fuzz(func(t *testing.T, text string, float float64, n int64, scope string) {
		for i, name := range names {
			attributes := pcommon.NewMap()
			attributes.PutStr(name, text)
			attributes.PutDouble(names[(i+1)%len(names)], float)
			attributes.PutInt(names[(i+2)%len(names)], n)
			attributes.PutEmptyMap(names[(i+3)%len(names)]).PutStr(scope, text)
			r.Read(attributes)
			rec, _ := x.Record(Span{Attrs: r, ScopeName: scope, Name: text, ErrorType: text})
			checkRecord(t, &rec)
		}
	})
}

func checkRecord(t *testing.T, rec *Record) {
	t.Helper()
	c := rec.Counts
	for _, n := range []Count{
		c.Input, c.Output, c.CacheRead, c.CacheWrite, c.CacheWrite5m, c.CacheWrite1h, c.Reasoning, c.InputAudio, c.CacheReadAudio,
		c.OutputAudio, c.Total,
	} {
		if n.N < 0 || n.N > maxCount || !n.OK && n.N != 0 {
			t.Errorf("count %+v in %+v", n, rec)
		}
	}
	if rec.Cost.Total < 0 || (rec.Cost.Total > 0) != (rec.Cost.Class != NoCost) {
		t.Errorf("cost %+v", rec.Cost)
	}
	for _, s := range []string{rec.Provider, rec.RequestModel, rec.ResponseModel, rec.ResponseID, rec.Tier, rec.Cost.Currency} {
		if len(s) > maxText {
			t.Errorf("%d bytes kept", len(s))
		}
	}
}

// FuzzObject compares the scanner with encoding/json: of what is JSON, both see
// the same numbers.
func FuzzObject(f *testing.F) {
	f.Add(`{"a":{"b":1,"c":[{"d":2}]},"e":"5","f":null}`)
	f.Add(` { "a" : 1.5e3 , "a" : 2 , "x\"y" : { } } `)
	f.Add(`{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{"i":{"j":{"k":1}}}}}}}}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > maxBlob {
			return
		}
		o, ok := openObject(pcommon.NewValueStr(text))
		got := map[string]string{}
		for ok {
			s, more := o.step()
			if !more {
				break
			}
			if !s.quoted {
				got[string(s.path)] = s.text
			}
		}
		var tree map[string]any
		if json.Unmarshal([]byte(text), &tree) != nil {
			return
		}
		if !ok {
			t.Fatalf("not read: %q", text)
		}
		eachNumber(tree, "", 1, func(path string, want float64) {
			if n, err := strconv.ParseFloat(got[path], 64); err != nil || n != want {
				t.Errorf("%q: %q is %q, want %v", text, path, got[path], want)
			}
		})
	})
}

// eachNumber leaves out what the scanner says it leaves out, and keys that are
// spelt in ways that no instrumentation spells them.
func eachNumber(tree map[string]any, path string, depth int, do func(string, float64)) {
	if depth > maxScanDepth {
		return
	}
	for key, v := range tree {
		plain := key != "" && len(key) < 9 && len(tree) == 1
		for _, c := range []byte(key) {
			plain = plain && ('a' <= c && c <= 'z')
		}
		if !plain {
			continue
		}
		p := key
		if path != "" {
			p = path + "." + key
		}
		switch v := v.(type) {
		case map[string]any:
			eachNumber(v, p, depth+1, do)
		case float64:
			do(p, v)
		}
	}
}
