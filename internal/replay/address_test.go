package replay

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFreeAddress(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		address, err := FreeAddress()
		require.NoError(t, err)
		assert.False(t, seen[address], "given twice")
		seen[address] = true
		l, err := net.Listen("tcp", address)
		require.NoError(t, err, "it is free")
		t.Cleanup(func() { require.NoError(t, l.Close()) })
	}
}
