//go:build sql

package sql

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/e2e/internal/duckdb"
)

// duck is shared by the tests.
var duck *duckdb.Engine

func TestMain(m *testing.M) {
	var err error
	if duck, err = duckdb.Start("engines"); err != nil {
		fmt.Fprintf(os.Stderr, "e2e/sql: %v\nThese tests take node (version 20 or later) and its engines: run `make e2e-sql`.\n", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := duck.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e/sql: %v\n", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

type answer duckdb.Answer

// servers are the other engines, by name.
var servers = map[string]func(statements string) (answer, error){}

// ask runs statements in an engine.
func ask(t *testing.T, engine, statements string) answer {
	t.Helper()
	var a answer
	var err error
	if engine == "duckdb" {
		var said duckdb.Answer
		said, err = duck.Ask(statements)
		a = answer(said)
	} else {
		a, err = servers[engine](statements)
	}
	require.NoError(t, err)
	require.Empty(t, a.Error, "%s:\n%s", engine, statements)
	return a
}

// objects are rows by column, each value as text, NULL as nil.
func (a *answer) objects() []map[string]any {
	list := make([]map[string]any, len(a.Rows))
	for i, row := range a.Rows {
		list[i] = map[string]any{}
		for j, v := range row {
			list[i][a.Columns[j]] = text(v)
		}
	}
	return list
}

func text(v any) any {
	if v == nil {
		return nil
	}
	return fmt.Sprint(v)
}

// statement is a file of an example.
func statement(t *testing.T, example, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "examples", example, file))
	require.NoError(t, err)
	return string(b)
}

// spread writes lines to some files of a folder, at random.
func spread(t *testing.T, r *rand.Rand, folder string, lines [][]byte) {
	t.Helper()
	r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	for i := range 3 {
		var mine [][]byte
		for j, line := range lines {
			if j%3 == i {
				mine = append(mine, line)
			}
		}
		text := append(bytes.Join(mine, []byte("\n")), '\n')
		require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("summaries-%d.jsonl", i)), text, 0o600))
	}
}
