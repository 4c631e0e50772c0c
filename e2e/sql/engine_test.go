//go:build sql

package sql

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// nodeProcess is the node program that has the engines. Tests of several
// engines share it: an engine starts when it is first asked.
type nodeProcess struct {
	mu      sync.Mutex // guards one question and its answer
	to      io.WriteCloser
	from    *bufio.Reader
	process *exec.Cmd
}

var node nodeProcess

func TestMain(m *testing.M) {
	if err := node.start(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e/sql: %v\nThese tests take node (version 20 or later) and its engines: run `make e2e-sql`.\n", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := node.stop(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e/sql: node: %v\n", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func (n *nodeProcess) start() error {
	if _, err := os.Stat(filepath.Join("engines", "node_modules")); err != nil {
		return fmt.Errorf("the engines are not installed: %w", err)
	}
	n.process = exec.Command("node", filepath.Join("engines", "engines.mjs"))
	n.process.Stderr = os.Stderr
	var err error
	if n.to, err = n.process.StdinPipe(); err != nil {
		return err
	}
	out, err := n.process.StdoutPipe()
	if err != nil {
		return err
	}
	n.from = bufio.NewReader(out)
	return n.process.Start()
}

// stop ends the program as its input ends.
func (n *nodeProcess) stop() error {
	if err := n.to.Close(); err != nil {
		return err
	}
	return n.process.Wait()
}

// answer is the last result of some statements. Values are as JSON has them:
// nil, string, bool, json.Number, []any.
type answer struct {
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
	Error   string   `json:"error"`
}

// servers are the engines that are processes of their own, by name.
var servers = map[string]func(statements string) (answer, error){}

// ask runs statements in an engine.
func ask(t *testing.T, engine, statements string) answer {
	t.Helper()
	run := servers[engine]
	if run == nil {
		run = func(statements string) (answer, error) { return node.ask(engine, statements) }
	}
	a, err := run(statements)
	require.NoError(t, err)
	require.Empty(t, a.Error, "%s:\n%s", engine, statements)
	return a
}

func (n *nodeProcess) ask(engine, statements string) (a answer, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	question, err := json.Marshal(map[string]string{"engine": engine, "sql": statements})
	if err != nil {
		return a, err
	}
	if _, err := n.to.Write(append(question, '\n')); err != nil {
		return a, err
	}
	line, err := n.from.ReadBytes('\n')
	if err != nil {
		return a, fmt.Errorf("node ended: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	return a, d.Decode(&a)
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
