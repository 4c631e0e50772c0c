package genai

import (
	"math"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/runrollup/runrollupprocessor/internal/money"
)

// maxCount is the most tokens that one call is believed to have.
const maxCount = 1_000_000_000_000

// maxText bounds what is kept of a span: names, models and IDs that are longer
// are somebody's mistake.
const maxText = 256

// Bad says why something that a span states was not usable, one bit a reason.
type Bad uint8

const (
	BadNegative Bad = 1 << iota // a count or a cost below zero
	BadHuge                     // over 10^12 tokens, or a cost that no amount can hold
	BadFraction                 // a count that is not whole
	BadNaN                      // NaN or infinite
	BadType                     // neither a number nor a text that is one
	BadBlob                     // a JSON text that is cut off, not JSON, or too long
	BadText                     // a name or an ID of more than 256 bytes
)

// Reasons are the names of the reasons, for counting by reason.
func (b Bad) Reasons() []string {
	var names []string
	for i, name := range [...]string{"negative", "huge", "fraction", "nan", "type", "blob", "text"} {
		if b&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// countOf reads a token count. Instrumentations write ints, doubles and
// decimal strings (Spring AI and LiteLLM write all numbers as strings, and ""
// where they have none).
func countOf(v pcommon.Value) (Count, Bad) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return countOfInt(v.Int())
	case pcommon.ValueTypeDouble:
		return countOfFloat(v.Double())
	case pcommon.ValueTypeStr:
		return countOfText(v.Str())
	case pcommon.ValueTypeEmpty:
		return Count{}, 0
	}
	return Count{}, BadType
}

func countOfInt(n int64) (Count, Bad) {
	switch {
	case n < 0:
		return Count{}, BadNegative
	case n > maxCount:
		return Count{}, BadHuge
	}
	return Of(n), 0
}

func countOfFloat(f float64) (Count, Bad) {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return Count{}, BadNaN
	case f < 0:
		return Count{}, BadNegative
	case f > maxCount:
		return Count{}, BadHuge
	case f != math.Trunc(f):
		return Count{}, BadFraction
	}
	return Of(int64(f)), 0
}

func countOfText(s string) (Count, Bad) {
	s = strings.TrimSpace(s)
	switch s {
	case "", "null", "None", "undefined":
		return Count{}, 0
	}
	if len(s) > 32 {
		return Count{}, BadType
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return countOfInt(n)
	}
	if strings.ContainsAny(s, "xX_") { // ParseFloat takes hexadecimal; nobody writes counts so
		return Count{}, BadType
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return Count{}, BadType
	}
	return countOfFloat(f)
}

// usdOf reads a cost in US dollars.
func usdOf(v pcommon.Value) (a money.Amount, ok bool, bad Bad) {
	var err error
	switch v.Type() {
	case pcommon.ValueTypeInt:
		a, err = money.Dollar.Mul(v.Int())
	case pcommon.ValueTypeDouble:
		if math.IsNaN(v.Double()) || math.IsInf(v.Double(), 0) {
			return 0, false, BadNaN
		}
		a, err = money.FromFloat(v.Double())
	case pcommon.ValueTypeStr:
		return usdOfText(v.Str())
	case pcommon.ValueTypeEmpty:
		return 0, false, 0
	default:
		return 0, false, BadType
	}
	return checkUSD(a, err)
}

func usdOfText(s string) (money.Amount, bool, Bad) {
	s = strings.TrimSpace(s)
	switch s {
	case "", "null", "None", "undefined":
		return 0, false, 0
	case "NaN", "nan", "Infinity", "inf", "-Infinity":
		return 0, false, BadNaN
	}
	if len(s) > 64 || s[0] < '+' || s[0] > '9' {
		return 0, false, BadType
	}
	// As a float first: a double that was printed with more digits than an
	// amount can hold is still the cost that was meant.
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.ContainsAny(s, "xX_") {
		return 0, false, BadType
	}
	a, err := money.FromText(s)
	if err != nil {
		a, err = money.FromFloat(f)
	}
	return checkUSD(a, err)
}

func checkUSD(a money.Amount, err error) (money.Amount, bool, Bad) {
	switch {
	case err != nil:
		return 0, false, BadHuge
	case a < 0:
		return 0, false, BadNegative
	}
	return a, true, 0
}

// truthOf reads a boolean; LiteLLM writes them as "True" and "False".
func truthOf(v pcommon.Value) (truth, ok bool) {
	switch v.Type() {
	case pcommon.ValueTypeBool:
		return v.Bool(), true
	case pcommon.ValueTypeStr:
		switch s := v.Str(); {
		case strings.EqualFold(s, "true"):
			return true, true
		case strings.EqualFold(s, "false"):
			return false, true
		}
	}
	return false, false
}

// lower writes the lower case of a short ASCII text into buf, nil where the
// text does not fit. It exists so that a map can be asked without allocating.
func lower(buf []byte, s string) []byte {
	if len(s) > len(buf) {
		return nil
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return buf[:len(s)]
}
