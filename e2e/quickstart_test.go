package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/e2e/internal/subject"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// TestQuickstart: the run that the page has its reader send comes out as the
// page says.
func TestQuickstart(t *testing.T) {
	t.Parallel() // most of the time is waiting for quiet periods
	folder := filepath.Join("..", "examples", "quickstart")
	text, err := os.ReadFile(filepath.Join(folder, "README.md"))
	require.NoError(t, err)
	body := regexp.MustCompile(`(?s) -d '(\{.*?\n\})'`).FindSubmatch(text)
	require.NotNil(t, body, "the body of the request")
	now := time.Now().Unix() // as the page's shell has it
	sent := strings.NewReplacer(`'"$run"'`, fmt.Sprint(now), `'"$start"'`, fmt.Sprintf("%d000000000", now-3), `'"$end"'`, fmt.Sprintf("%d000000000", now)).Replace(string(body[1]))
	require.NotContains(t, sent, "$")
	shown := regexp.MustCompile("(?s)```text\n(.*?)```").FindSubmatch(text)
	require.NotNil(t, shown, "what the page shows of the summary")

	c := &collector{out: outFile(t)}
	c.Collector = subject.Start(t, binary, filepath.Join(folder, "collector.yaml"), "RUNROLLUP_OUT="+c.out)
	require.NoError(t, c.Post(t.Context(), []byte(sent)))
	summary := c.await(t, "the summary", func(s []replay.Summary) bool { return len(s) == 1 })[0]
	lines := strings.Split(strings.TrimSpace(string(shown[1])), "\n")
	require.Greater(t, len(lines), 5)
	for _, line := range lines {
		key, value, _ := strings.Cut(line, " ")
		assert.Equal(t, plain(t, value), fmt.Sprint(summary.Attributes[key]), key)
	}
}

// plain is the value of an attribute in OTLP JSON, as text.
func plain(t *testing.T, text string) string {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	require.Len(t, v, 1)
	for _, of := range v {
		if list, ok := of.(map[string]any); ok {
			var values []string
			for _, e := range list["values"].([]any) {
				values = append(values, e.(map[string]any)["stringValue"].(string))
			}
			return fmt.Sprint(values)
		}
		return fmt.Sprint(of)
	}
	return ""
}
