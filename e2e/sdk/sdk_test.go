//go:build sdk

package sdk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/replay"
)

var record = flag.Bool("record", false, "write the fixtures anew instead of testing")

// TestSDK plays each version of the SDK live.
func TestSDK(t *testing.T) {
	if *record {
		t.Skip("recording")
	}
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			python := environment(t, version)
			t.Parallel()
			c := start(t)
			play(t, python, c.Endpoint)
			c.hold(t, version)
		})
	}
}

// TestRecord writes what each version sends as its fixture.
func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("only with -record")
	}
	for _, version := range versions {
		var r recorder
		server := httptest.NewServer(&r)
		play(t, environment(t, version), server.URL)
		server.Close()
		require.NoError(t, r.err)
		dir := filepath.Join(fixtures, version)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "traces.jsonl"), r.lines.Bytes(), 0o644))
		pins, err := os.ReadFile(requirements(version))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "requirements.txt"), pins, 0o644))
	}
}

func requirements(version string) string { return "requirements-" + version + ".txt" }

// environment is the Python of a virtual environment with one version of the
// SDK. It is kept in bin/ under the digest of what is installed, so that only
// the first test of a set of pins needs the package index.
func environment(t *testing.T, version string) string {
	t.Helper()
	pins, err := os.ReadFile(requirements(version))
	require.NoError(t, err)
	digest := sha256.Sum256(pins)
	dir, err := filepath.Abs(filepath.Join("..", "..", "bin", "sdk-venv-"+version+"-"+hex.EncodeToString(digest[:4])))
	require.NoError(t, err)
	python := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return python
	}
	command(t, "python3", "-m", "venv", "--clear", dir)
	// The pins name every package; the SDK's own list would add some fifty
	// instrumentations of libraries that no scenario uses.
	command(t, python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", requirements(version))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "complete"), nil, 0o644))
	return python
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s:\n%s", name, strings.Join(args, " "), text)
}

// play runs play.py and waits until all is sent.
func play(t *testing.T, python, endpoint string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, "play.py")
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "OTEL_") || strings.HasPrefix(v, "BOTANU_") || strings.HasPrefix(v, "DEPLOYMENT_")
	})
	cmd.Env = append(cmd.Env, "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint, "OTEL_SERVICE_NAME=sdk-play",
		"BOTANU_AUTO_DETECT_RESOURCES=false", "BOTANU_CONTENT_CAPTURE_RATE=1.0", "PYTHONDONTWRITEBYTECODE=1")
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, "play.py:\n%s", text)
	if testing.Verbose() && len(text) > 0 {
		t.Logf("play.py wrote:\n%s", text)
	}
}

// recorder takes OTLP over HTTP and keeps it as one line of JSON a request.
type recorder struct {
	mu    sync.Mutex // guards what follows
	lines bytes.Buffer
	err   error
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.URL.Path != "/v1/traces" { // the SDK of old sends logs too
		http.NotFound(w, request)
		return
	}
	body, err := io.ReadAll(request.Body)
	if err == nil {
		err = r.add(body)
	}
	if err != nil {
		r.mu.Lock()
		r.err = err
		r.mu.Unlock()
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (r *recorder) add(body []byte) error {
	var u ptrace.ProtoUnmarshaler
	td, err := u.UnmarshalTraces(body)
	if err != nil {
		return err
	}
	for span := range replay.Spans(td) {
		for _, e := range span.Events().All() {
			e.Attributes().Remove("exception.stacktrace") // names the folders of a machine
		}
	}
	for _, rs := range td.ResourceSpans().All() {
		rs.Resource().Attributes().RemoveIf(func(key string, _ pcommon.Value) bool {
			return strings.HasPrefix(key, "process.") || strings.HasPrefix(key, "host.") || key == "service.instance.id"
		})
	}
	var m ptrace.JSONMarshaler
	line, err := m.MarshalTraces(td)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines.Write(line)
	return r.lines.WriteByte('\n')
}
