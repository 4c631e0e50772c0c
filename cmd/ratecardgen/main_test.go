package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

const first = `[{"id":"b","name":"B","api_pattern":"https://b","extractors":[1],"models":[
	{"id":"gone","match":{"equals":"gone"},"prices":{"input_mtok":1}},
	{"id":"m","description":"x","match":{"regex":"^(?!.*-tts)m"},"prices":{"input_mtok":0.08333333333333334,"output_mtok":{"base":2.50,"tiers":[{"start":10,"price":3e0}]},"unheard_of":9}}]},
	{"id":"a","models":[]}]`

var meta = ratecard.Meta{Source: "s", Package: "p", Version: "1", Integrity: "i", Published: "2026-01-01T00:00:00Z", GeneratedAt: "2026-01-02"}

func generate(t *testing.T, dir, data string) (string, error) {
	t.Helper()
	in := filepath.Join(t.TempDir(), "in.json")
	if err := os.WriteFile(in, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	var report bytes.Buffer
	err := run(in, dir, meta, &report)
	return report.String(), err
}

func TestRun_saysWhatChanged(t *testing.T) {
	dir := t.TempDir()
	report, err := generate(t, dir, first)
	if err != nil {
		t.Fatal(err)
	}
	const want = `added   a
added   b
added   b/gone [{"prices":{"input_mtok":"1"}}]
added   b/m [{"prices":{"input_mtok":"0.08333333333333334","output_mtok":{"base":"2.50","tiers":[{"start":10,"price":"3e0"}]}}}]
rounded b/m input_mtok 0.08333333333333334
2 providers, 2 models, 4 prices
`
	if report != want {
		t.Errorf("got\n%s", report)
	}
	report, err = generate(t, dir, strings.NewReplacer("2.50", "2.75", `"equals":"gone"`, `"equals":"new"`, `"id":"gone"`, `"id":"new"`, "(?!.*-tts)m", "m").Replace(first))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"added   b/new ", "removed b/gone", "price   b/m ", "match   b/m "} {
		if !strings.Contains(report, line) {
			t.Errorf("no %q in\n%s", line, report)
		}
	}
}

func TestRun_sameDataSameBytes(t *testing.T) {
	read := func(dir string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, dataFile))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	one, two := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		if _, err := generate(t, dir, first); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(read(one), read(two)) {
		t.Error("two runs over the same data differ")
	}
	// What was written reads back as itself.
	c, err := present(one)
	if err != nil {
		t.Fatal(err)
	}
	again := text(c)
	if _, err := generate(t, two, again); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(one), read(two)) {
		t.Errorf("condensed data changes when it is condensed again: %s", again)
	}
}

func TestRun_refuses(t *testing.T) {
	f := func(data, want string) {
		t.Helper()
		dir := t.TempDir()
		if _, err := generate(t, dir, data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", data, err, want)
		}
		if _, err := os.Stat(filepath.Join(dir, dataFile)); err == nil {
			t.Errorf("%s: wrote a card", data)
		}
	}
	model := func(s string) string { return `[{"id":"a","models":[` + s + `]}]` }
	f(model(`{"id":"m","match":{"regex":"a(?!b)"},"prices":{"input_mtok":1}}`), "regexp")
	f(model(`{"id":"m","match":{"equals":"m"},"prices":{"input_mtok":-1}}`), "negative")
	f(model(`{"id":"m","match":{"equals":"m"},"prices":{"output_audio_mtok":1}}`), "output_mtok")
	f(model(`{"id":"m","match":{"equals":"m"},"prices":{"input_mtok":{"base":1,"tiers":[{"start":5,"price":1},{"start":4,"price":1}]}}}`), "order")
	f(model(`{"id":"m","match":{"equals":"m"},"prices":{}},{"id":"m","match":{"equals":"n"},"prices":{}}`), "twice")
}

func TestRun_demandsADescription(t *testing.T) {
	if err := run("x", t.TempDir(), ratecard.Meta{}, os.Stderr); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Error(err)
	}
}
