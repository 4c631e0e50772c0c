package ratecard

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/usage"
)

// TestDifferential compares with the package that the built-in data is from,
// over the calls in the file that RATECARD_CASES names; see
// tools/ratecard/differential.sh.
func TestDifferential(t *testing.T) {
	file := os.Getenv("RATECARD_CASES")
	if file == "" {
		t.Skip("RATECARD_CASES names no file; run tools/ratecard/differential.sh")
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := embedded(t)
	n := map[string]int{}
	largest := 0.0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var row differentialRow
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		verdict, off := row.compare(t, c)
		n[verdict]++
		n["calls"]++
		largest = max(largest, off)
		if verdict == "different" && n[verdict] <= 20 {
			t.Errorf("%s", lines.Bytes())
		}
	}
	t.Logf("%v, largest relative difference %g", n, largest)
}

type differentialRow struct {
	Provider, Model, Match, Error string
	At                            time.Time
	Tokens                        usage.Tokens
	USD                           float64
	Empty                         bool // the data has the model and no price
}

// compare says whether both agree, and how far the float64 is off.
func (r *differentialRow) compare(t *testing.T, c *Card) (verdict string, off float64) {
	q, reason := c.Quote(Query{Provider: r.Provider, ResponseModel: r.Model, At: r.At})
	switch {
	case r.Error != "":
		return "theirs fails: " + r.Error, 0
	case r.Match == "" && q == nil:
		return "both have no price", 0
	case r.Match == "":
		return "found only here, by its prefix or the other spelling of its date", 0
	case q == nil && r.Empty && reason == NoRates:
		return "no rates: theirs is 0, here it is unpriced", 0
	case q == nil || q.Provider+"/"+q.Model != r.Match:
		t.Logf("%+v, %s", q, reason)
		return "different", 0
	}
	p, err := q.Price(r.Tokens)
	if err != nil {
		t.Fatal(err)
	}
	total, err := p.Total()
	if err != nil {
		t.Fatal(err)
	}
	diff := math.Abs(total.Float64() - r.USD)
	off = diff / max(r.USD, 1e-12)
	if off < 1e-12 || diff < 1e-15 {
		return "equal", off
	}
	// A price that had to be rounded is off by less than half a picodollar a
	// token.
	if tokens := r.Tokens.InputTotal() + r.Tokens.OutputTotal(); diff <= 0.5e-12*float64(tokens) {
		return "equal but for a rounded price", 0
	}
	t.Logf("%s, here %s", r.Match, total)
	return "different", off
}
