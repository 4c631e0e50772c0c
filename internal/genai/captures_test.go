package genai

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/attrs"
)

// captured is one span of a recorded trace with the record that was read.
type captured struct {
	Record
	name, run string
}

const captures = "../../testdata/captures"

// readCapture extracts every span of a recording.
func readCapture(t *testing.T, setup string) []captured {
	t.Helper()
	table := attrs.NewTable()
	x := New(table, nil)
	run := table.Add("botanu.run_id")
	reader := attrs.NewReader(table, nil)
	var all []captured
	eachLine(t, filepath.Join(captures, setup, "traces.jsonl"), func(line []byte) {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		if err != nil {
			t.Fatal(err)
		}
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					reader.Read(span.Attributes())
					s := Span{
						Attrs: reader, ScopeName: ss.Scope().Name(), ScopeVersion: ss.Scope().Version(), Name: span.Name(),
						Kind: span.Kind(), StatusError: span.Status().Code() == ptrace.StatusCodeError,
					}
					if rec, ok := x.Record(s); ok {
						all = append(all, captured{rec, span.Name(), reader.String(run)})
					}
				}
			}
		}
	})
	return all
}

func eachLine(t *testing.T, path string, do func([]byte)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		do(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// invoiced is a line of what the provider served.
type invoiced struct {
	Run       string `json:"run_id"`
	API       string `json:"api"`
	Requested string `json:"model_requested"`
	Returned  string `json:"model_returned"`
	ID        string `json:"response_id"`
	Stream    bool   `json:"stream"`
	Billed    bool   `json:"billed"`
	Input     int64  `json:"input_total"`
	Uncached  int64  `json:"input_uncached"`
	Read      int64  `json:"cached_read"`
	Write     int64  `json:"cache_write"`
	Output    int64  `json:"output"`
	Reasoning int64  `json:"reasoning"`
}

func readInvoice(t *testing.T, setup string) []invoiced {
	t.Helper()
	var all []invoiced
	eachLine(t, filepath.Join(captures, setup, "invoice.jsonl"), func(line []byte) {
		var i invoiced
		if err := json.Unmarshal(line, &i); err != nil {
			t.Fatal(err)
		}
		if i.Billed {
			all = append(all, i)
		}
	})
	return all
}

// agrees reports whether a record, read as it says it is to be read, comes to
// what the provider billed for a call. What its emitter is known not to see is
// not asked of it.
func agrees(r *captured, i *invoiced) bool {
	c := &r.Counts
	write := c.CacheWrite.N
	if !c.CacheWrite.OK {
		write = c.CacheWrite5m.N + c.CacheWrite1h.N
	}
	all := c.Input.N
	if r.Input.Reading == Exclusive {
		all += c.CacheRead.N + write
	}
	out := c.Output.N
	if r.Output.Reading == Exclusive {
		out += c.Reasoning.N
	}
	if r.Traits.Has(StreamOutputHigh) && out > i.Output && out <= i.Output+8 {
		out = i.Output
	}
	if r.Traits.Has(CacheBlind) {
		want := i.Input
		if r.Input.Reading == Exclusive {
			want = i.Uncached
		}
		return all == want && out == i.Output
	}
	if r.Traits.Has(BrokenOff) || !c.Output.OK && r.Traits.Has(Streamed) {
		return all == i.Input && out <= i.Output
	}
	if r.Traits.Has(WriteBlind) {
		write = i.Write
	}
	return all == i.Input && c.CacheRead.N == i.Read && write == i.Write && out == i.Output
}

// TestCaptures holds every call that real libraries recorded against what the
// provider billed for it. It is what the tables of semantics rest on.
func TestCaptures(t *testing.T) {
	// Calls with usage, of these without a known response ID, calls without
	// usage, aggregates with usage.
	type tally struct{ Used, Nameless, Empty, Aggregates, Wrong int }
	want := map[string]tally{
		"anthropic-native":                   {53, 0, 1, 0, 0},
		"claude-agent-sdk":                   {50, 50, 1, 45, 0},
		"google-genai":                       {50, 0, 4, 0, 0},
		"js-langchain-openinference":         {53, 53, 2, 0, 0},
		"js-langchain-openinference-clients": {148, 141, 13, 0, 0},
		"js-mastra":                          {53, 0, 65, 0, 7},   // sums of several requests
		"js-traceloop-sdk":                   {147, 83, 16, 0, 7}, // streams, whose text was counted
		"js-vercel-ai-v4":                    {74, 5, 12, 65, 0},
		"js-vercel-ai-v6":                    {70, 2, 2, 61, 0},
		"js-vercel-ai-v7-both":               {96, 4, 4, 86, 0},
		"langchain-openllmetry":              {133, 69, 16, 0, 0},
		"langfuse":                           {65, 65, 8, 0, 0},
		"openinference":                      {90, 69, 9, 0, 0},
		"openlit":                            {96, 4, 3, 0, 1}, // a stream without usage, whose output was counted from the text
		"openllmetry":                        {88, 21, 6, 0, 0},
		"otel-openai":                        {68, 4, 3, 0, 0},
		"py-google-genai":                    {34, 34, 3, 0, 0},
		"py-langchain-openinference-clients": {186, 83, 23, 0, 0},
		"py-langchain-openllmetry":           {81, 21, 4, 0, 0},
		"py-litellm":                         {57, 15, 1, 0, 0},
		"py-openai-agents":                   {70, 70, 3, 0, 0},
		"py-openai-v2":                       {41, 2, 4, 0, 0},
		"py-openinference":                   {71, 71, 6, 0, 0},
		"py-openllmetry":                     {92, 2, 7, 0, 0},
		"py-pydantic-ai":                     {71, 0, 3, 0, 0},
		"py-smolagents":                      {19, 19, 1, 11, 0},
		"py-strands":                         {68, 68, 3, 50, 0},
		"vercel-ai-v5":                       {77, 4, 10, 63, 0},
		"vercel-ai-v7":                       {81, 4, 6, 63, 0},
	}
	setups, err := os.ReadDir(captures)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range setups {
		setup := dir.Name()
		t.Run(setup, func(t *testing.T) {
			invoice := readInvoice(t, setup)
			byID := map[string]*invoiced{}
			for i := range invoice {
				if id := invoice[i].ID; id != "" {
					byID[id] = &invoice[i]
				}
			}
			var got tally
			for _, r := range readCapture(t, setup) {
				switch {
				case r.Kind == Aggregate && r.HasUsage():
					got.Aggregates++
					continue
				case r.Kind == Aggregate:
					continue
				case !r.HasUsage():
					got.Empty++
					continue
				case r.Kind == Unknown:
					t.Errorf("%s %s: kind unknown", r.Scope, r.name)
				}
				got.Used++
				if r.Traits&(TotalUnexplained|BadCount) != 0 {
					t.Errorf("%s %s: traits %b", r.Scope, r.name, r.Traits)
				}
				// Of version 4 of the AI SDK neither a number nor a name tells.
				if c := r.Counts; c.CacheRead.N+c.CacheWrite.N > 0 && r.Input.Basis == Assumed && setup != "js-vercel-ai-v4" {
					t.Errorf("%s %s: nothing tells how to read its input", r.Scope, r.name)
				}
				if i := byID[r.ResponseID]; i != nil {
					if !agrees(&r, i) {
						got.Wrong++
						if r.Traits.Has(Estimates) {
							continue // it says so itself
						}
						if r.Dialect == "mastra" && r.Counts.Input.N > i.Input {
							continue // a sum of several requests, with the ID of the last
						}
						t.Errorf("%s %s: read %+v, billed %+v", r.Scope, r.name, r.Record, *i)
					}
					continue
				}
				got.Nameless++
				found := false
				for i := range invoice {
					found = found || (invoice[i].Returned == r.Model() || invoice[i].Requested == r.Model()) && agrees(&r, &invoice[i])
				}
				if !found {
					got.Wrong++
					t.Errorf("%s %s: read %+v, nothing billed is like it", r.Scope, r.name, r.Record)
				}
			}
			if got != want[setup] {
				t.Errorf("%q: {%d, %d, %d, %d, %d},", setup, got.Used, got.Nameless, got.Empty, got.Aggregates, got.Wrong)
			}
		})
	}
}
