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
	"os/exec"
	"path/filepath"
)

// Engine is a database in memory.
type Engine struct {
	stdin   io.WriteCloser
	stdout  *bufio.Reader
	stderr  bytes.Buffer
	process *exec.Cmd
}

// Start starts an engine. It takes node, and the packages that are installed
// in folder, which is e2e/sql/engines.
func Start(folder string) (*Engine, error) {
	e := &Engine{process: exec.Command("node", filepath.Join(folder, "engines.mjs"))}
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

// Query runs statements, parted by semicolons, and gives the rows of the last.
// Values are as JSON has them; decimals and integers of 64 bits are text, lest
// digits get lost. What was made before is still there.
func (e *Engine) Query(statements string) ([][]any, error) {
	question, err := json.Marshal(map[string]string{"engine": "duckdb", "sql": statements})
	if err != nil {
		return nil, fmt.Errorf("query DuckDB: %w", err)
	}
	if _, err := e.stdin.Write(append(question, '\n')); err != nil {
		return nil, fmt.Errorf("query DuckDB: %w", err)
	}
	line, err := e.stdout.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("query DuckDB: %w", err)
	}
	var answer struct {
		Rows  [][]any `json:"rows"`
		Error string  `json:"error"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		return nil, fmt.Errorf("query DuckDB: %w", err)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("query DuckDB: %s", answer.Error)
	}
	return answer.Rows, nil
}
