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

// TestOwnCardAndKey: another card, and another name of the run ID.
func TestOwnCardAndKey(t *testing.T) {
	in := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001",` +
		`"name":"chat house","kind":3,"startTimeUnixNano":"1795341456213000000","endTimeUnixNano":"1795341456270436390","attributes":[` +
		`{"key":"acme.run","value":{"stringValue":"r1"}},{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},` +
		`{"key":"gen_ai.request.model","value":{"stringValue":"house"}},` +
		`{"key":"gen_ai.usage.input_tokens","value":{"intValue":5}},{"key":"gen_ai.usage.output_tokens","value":{"intValue":3}}]}]}]}]}`
	card := filepath.Join(t.TempDir(), "card.yaml")
	require.NoError(t, os.WriteFile(card, []byte(`{schema: ratecard/v1, id: acme, rates: [{match: {exact: house}, price: {input_mtok: "2", output_mtok: "10"}}]}`), 0o600))
	var out bytes.Buffer
	require.NoError(t, explain([]string{"-run-key", "acme.run", "-rate-card", card}, strings.NewReader(in), &out))
	assert.Contains(t, out.String(), "run r1\n")
	assert.Contains(t, out.String(), "0.00004 USD")
	require.ErrorContains(t, explain([]string{"-rate-card", "no-such-card"}, nil, &out), "rate card: open no-such-card")
	require.NoError(t, os.WriteFile(card, []byte(`schema: ratecard/v9`), 0o600))
	require.ErrorContains(t, explain([]string{"-rate-card", card}, nil, &out), "rate card: "+card)
}

func TestErrorsSayWhere(t *testing.T) {
	require.ErrorContains(t, explain(nil, strings.NewReader("\n{nonsense"), &bytes.Buffer{}), "standard input: line 2: no OTLP request of traces in JSON")
	require.ErrorContains(t, explain([]string{"-run", "nobody"}, strings.NewReader(""), &bytes.Buffer{}), `no span belongs to run "nobody"; the spans name 0 other runs`)
	require.ErrorContains(t, explain([]string{"no-such-file"}, nil, &bytes.Buffer{}), "no-such-file")
}
