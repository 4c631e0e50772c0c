package edit

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFile(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.yaml"), filepath.Join(dir, "to.yaml")
	require.NoError(t, os.WriteFile(from, []byte("a: { b: 1 }\nempty:\nkept: ${env:PORT:-1}\n"), 0o600))
	require.NoError(t, File(from, to, func(file map[string]any) error {
		require.NoError(t, Set(file, 2, "a", "b"))
		require.NoError(t, Set(file, "x", "empty", "c", "d"))
		assert.Error(t, Set(file, "x", "kept", "c"), "a text is no map")
		return nil
	}))
	text, err := os.ReadFile(to)
	require.NoError(t, err)
	assert.YAMLEq(t, "a: { b: 2 }\nempty: { c: { d: x } }\nkept: ${env:PORT:-1}\n", string(text))
}
