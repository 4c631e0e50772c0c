package synthetic

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseUSD(t *testing.T) {
	for text, want := range map[string]USD{
		"0": 0, "0.00021": 210_000_000, "-1.5": -1_500_000_000_000, "12": 12 * dollar, "0.000000000001": 1,
	} {
		got, err := ParseUSD(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "-", ".5", "1e3", "NaN", "0.0000000000001", "+1"} {
		_, err := ParseUSD(text)
		assert.Error(t, err, text)
	}
}
