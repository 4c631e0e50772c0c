// Package clickhouse runs a ClickHouse server for tests: the engine that the
// npm package chdb carries, behind ClickHouse's HTTP interface. The Collector's
// clickhouse exporter writes into it as into any other.
package clickhouse

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"
)

//go:embed server.js
var program string

// Bounds on waiting, far above what is due on a slow machine.
const (
	startTimeout = time.Minute
	queryTimeout = 5 * time.Minute
)

// Server is a running server.
type Server struct {
	// Endpoint is where it takes HTTP, with the database, as the exporter
	// wants it: http://127.0.0.1:PORT/default. It knows no compression.
	Endpoint string

	url    string
	client *http.Client
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr *bytes.Buffer
}

// Start runs a server on an empty database. It takes node, and chdb among the
// packages that are installed in folder. env is further environment, as
// KEY=value; TZ there is the server's time zone.
func Start(folder string, env ...string) (*Server, error) {
	cmd := exec.Command("node", "-e", program)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), env...)
	s := &Server{client: &http.Client{Timeout: queryTimeout}, cmd: cmd, stderr: &bytes.Buffer{}}
	cmd.Stderr = s.stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start ClickHouse: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start ClickHouse: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start ClickHouse: %w", err)
	}
	s.stdin = stdin
	watchdog := time.AfterFunc(startTimeout, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	at, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("start ClickHouse: %w; it wrote:\n%s%s", errors.Join(cmd.Wait(), err), line, s.stderr)
	}
	s.url, s.Endpoint = at, at+"/default"
	return s, nil
}

// Stop ends the server; its data goes with it.
func (s *Server) Stop() error {
	if err := s.stdin.Close(); err != nil {
		return fmt.Errorf("stop ClickHouse: %w", err)
	}
	watchdog := time.AfterFunc(startTimeout, func() { _ = s.cmd.Process.Kill() })
	defer watchdog.Stop()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("stop ClickHouse: %w; it wrote:\n%s", err, s.stderr)
	}
	return nil
}

// Insert runs an INSERT … FORMAT statement with data in that format.
func (s *Server) Insert(ctx context.Context, statement string, data io.Reader) error {
	_, err := s.post(ctx, url.Values{"query": {statement}}, data)
	return err
}

// Answer is what a statement asked for. Values are as JSON has them: a decimal
// and an integer of 64 bits as text, lest digits get lost.
type Answer struct {
	Columns []string
	Rows    [][]any
}

// Query runs statements, parted by semicolons, and gives the answer of the last.
func (s *Server) Query(ctx context.Context, statements string) (Answer, error) {
	body, err := s.post(ctx, url.Values{"default_format": {"JSONCompact"}}, strings.NewReader(statements))
	if err != nil || len(body) == 0 {
		return Answer{}, err
	}
	var of struct {
		Meta []struct{ Name string }
		Data [][]any
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&of); err != nil {
		return Answer{}, fmt.Errorf("query ClickHouse: %w: %.200s", err, body)
	}
	a := Answer{Rows: of.Data}
	for _, m := range of.Meta {
		a.Columns = append(a.Columns, m.Name)
	}
	return a, nil
}

// post asks the server. The answer is an error where its status is not 200.
func (s *Server) post(ctx context.Context, parameters url.Values, body io.Reader) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/?"+parameters.Encode(), body)
	if err != nil {
		return nil, fmt.Errorf("ask ClickHouse: %w", err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask ClickHouse: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("ask ClickHouse: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask ClickHouse: %s: %s", response.Status, bytes.TrimSpace(answer))
	}
	return answer, nil
}
