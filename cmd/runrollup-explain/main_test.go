package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

// TestExplainsRecordedRuns holds what is printed against golden files. Each
// shows another way in which naive sums go wrong.
func TestExplainsRecordedRuns(t *testing.T) {
	for _, tc := range []struct{ name, setup, run string }{
		{"agent_beside_its_calls", "claude-agent-sdk", "01a202b2-79b7-74c8-8cb8-d08255f4a91e"},
		{"two_instrumentations", "langchain-openllmetry", "01a202b1-bb42-7004-878f-ab85d1c01181"},
		{"inherited_run", "openlit", "01a202b0-b11f-79e4-ab82-9cc9dad32320"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			file := filepath.Join("..", "..", "testdata", "captures", tc.setup, "traces.jsonl")
			require.NoError(t, explain([]string{"-run", tc.run, file}, nil, &out))
			golden := filepath.Join("testdata", tc.name+".golden")
			if *update {
				require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), out.String())
		})
	}
}

func TestReadsStandardInput(t *testing.T) {
	in := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001",` +
		`"name":"loose","startTimeUnixNano":"1795341456213000000","endTimeUnixNano":"1795341456270436390",` +
		`"attributes":[{"key":"gen_ai.usage.input_tokens","value":{"intValue":5}}]}]}]}]}`
	var out bytes.Buffer
	require.NoError(t, explain(nil, strings.NewReader(in), &out))
	assert.Equal(t, "0 runs, 1 spans; 1 spans belong to no run, 1 of them with usage that is billed to none.\n", out.String())
}

func TestErrorsSayWhere(t *testing.T) {
	require.ErrorContains(t, explain(nil, strings.NewReader("\n{nonsense"), &bytes.Buffer{}), "standard input: line 2: no OTLP request of traces in JSON")
	require.ErrorContains(t, explain([]string{"-run", "nobody"}, strings.NewReader(""), &bytes.Buffer{}), `no span belongs to run "nobody"; the spans name 0 other runs`)
	require.ErrorContains(t, explain([]string{"no-such-file"}, nil, &bytes.Buffer{}), "no-such-file")
}
