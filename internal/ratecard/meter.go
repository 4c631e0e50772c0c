package ratecard

import (
	"maps"

	"github.com/runrollup/runrollupprocessor/internal/money"
)

// Meter prices a numeric attribute of a span: bytes that a warehouse scanned,
// messages that were sent.
type Meter struct {
	Card      string            // id and digest of the card that states it
	Attribute string            // name of the numeric span attribute
	Where     map[string]string // attributes that must have exactly these values; do not write to it

	price money.Amount // for per units
	per   int64
}

// Meters are the usage rules of the card in the order of the file. Each that
// fits a span prices it; the slice is the caller's.
func (c *Card) Meters() []Meter {
	out := make([]Meter, len(c.meters))
	for i, m := range c.meters {
		m.Where = maps.Clone(m.Where)
		out[i] = m
	}
	return out
}

// Price is what a whole number of units cost, rounded at most once. It
// returns ErrNegative or money.ErrOverflow.
func (m *Meter) Price(quantity int64) (money.Amount, error) {
	if quantity < 0 {
		return 0, ErrNegative
	}
	return m.price.MulDiv(quantity, m.per)
}

// PriceFloat is Price for a quantity that came as a float64. It means the
// shortest decimal that prints as this float64, and the amount is exact from
// there on. It returns money.ErrNotFinite for NaN and infinities.
func (m *Meter) PriceFloat(quantity float64) (money.Amount, error) {
	d, err := money.DecimalOf(quantity)
	if err != nil {
		return 0, err
	}
	return m.priceDecimal(d)
}

// PriceText is Price for a quantity that came as text. It returns
// money.ErrSyntax where the text is no decimal number.
func (m *Meter) PriceText(quantity string) (money.Amount, error) {
	d, err := money.ParseDecimal(quantity)
	if err != nil {
		return 0, err
	}
	return m.priceDecimal(d)
}

func (m *Meter) priceDecimal(d money.Decimal) (money.Amount, error) {
	if d.Negative {
		return 0, ErrNegative
	}
	a, _, err := m.price.Times(d, m.per)
	return a, err
}
