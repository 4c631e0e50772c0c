// Package duckdb runs SQL in DuckDB for tests: the engine of the npm package
// @duckdb/node-api, by the program in e2e/sql/engines.
package duckdb

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// Engine is a database in memory.
type Engine struct {
	mu      sync.Mutex // guards one question and its answer
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	stderr  bytes.Buffer
	process *exec.Cmd
}

// Start starts an engine. It takes node, and the packages that are installed
// in folder, which is e2e/sql/engines.
func Start(folder string) (*Engine, error) {
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		return nil, fmt.Errorf("start DuckDB: it is not installed: %w", err)
	}
	e := &Engine{process: exec.Command("node", filepath.Join(folder, "duckdb.mjs"))}
	e.process.Stderr = &e.stderr
	stdin, err := e.process.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start DuckDB: %w", err)
	}
	stdout, err := e.process.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start DuckDB: %w", err)
	}
	e.stdin, e.stdout = stdin, bufio.NewReader(stdout)
	if err := e.process.Start(); err != nil {
		return nil, fmt.Errorf("start DuckDB: %w", err)
	}
	return e, nil
}

// Stop ends the engine; its data goes with it.
func (e *Engine) Stop() error {
	if err := errors.Join(e.stdin.Close(), e.process.Wait()); err != nil {
		return fmt.Errorf("stop DuckDB: %w; it wrote:\n%s", err, e.stderr.String())
	}
	return nil
}

// Answer is what a statement gave. Values are as JSON has them: nil, string,
// bool, json.Number, []any. Decimals and integers of 64 bits are text, lest
// digits get lost.
type Answer struct {
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
	Error   string   `json:"error"` // of the engine, about the statement
}

// Ask runs statements, parted by semicolons, and gives the answer to the last.
// What was made before is still there.
func (e *Engine) Ask(statements string) (a Answer, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	question, err := json.Marshal(map[string]string{"sql": statements})
	if err != nil {
		return a, fmt.Errorf("ask DuckDB: %w", err)
	}
	if _, err := e.stdin.Write(append(question, '\n')); err != nil {
		return a, fmt.Errorf("ask DuckDB: %w", err)
	}
	line, err := e.stdout.ReadBytes('\n')
	if err != nil {
		return a, fmt.Errorf("ask DuckDB: %w; it wrote:\n%s", err, e.stderr.String())
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&a); err != nil {
		return a, fmt.Errorf("ask DuckDB: %w", err)
	}
	return a, nil
}

// Query is the same for whoever wants the rows alone.
func (e *Engine) Query(statements string) ([][]any, error) {
	a, err := e.Ask(statements)
	if err == nil && a.Error != "" {
		err = fmt.Errorf("ask DuckDB: %s", a.Error)
	}
	return a.Rows, err
}
