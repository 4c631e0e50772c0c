package peer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse_sumsOverAttributes(t *testing.T) {
	m, err := parse(strings.NewReader("# HELP a b\na{x=\"1 2\",y=\"}\"} 3\na{x=\"2\"} 4e+00\n\nb 0.5\n"))
	require.NoError(t, err)
	assert.Equal(t, Metrics{Values: map[string]float64{"a": 7, "b": 0.5}, Series: 3}, m)
}

func TestParse_refusesWhatIsNoNumber(t *testing.T) {
	_, err := parse(strings.NewReader("a many\n"))
	assert.ErrorContains(t, err, "a many")
}
