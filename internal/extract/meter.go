package extract

import (
	"errors"
	"maps"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/runrollup/runrollupprocessor/internal/attrs"
	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

// meter is a usage rule of the card with IDs for names.
type meter struct {
	ratecard.Meter
	attribute attrs.ID
	where     []condition
}

// condition is an attribute that must have a value.
type condition struct {
	id    attrs.ID
	value string
}

// metersOf enters the names of the card's usage rules in the table. The mark
// is on every attribute that a rule prices.
func metersOf(card *ratecard.Card, t *attrs.Table) (meters []meter, mark uint64) {
	if card == nil {
		return nil, 0
	}
	for _, m := range card.Meters() {
		if mark == 0 {
			mark = t.NewMark()
		}
		rule := meter{Meter: m, attribute: t.Add(m.Attribute)}
		t.Mark(rule.attribute, mark)
		for _, name := range slices.Sorted(maps.Keys(m.Where)) {
			rule.where = append(rule.where, condition{t.Add(name), m.Where[name]})
		}
		meters = append(meters, rule)
	}
	return meters, mark
}

// metered prices a span's attributes by the usage rules of the card in force.
// Each rule that fits counts. A quantity is of the span itself; what it is
// held against may be of its resource.
func (x *Extractor) metered(b *Batch) []cost.Metered {
	var list []cost.Metered
	for i := range x.meters {
		m := &x.meters[i]
		v, ok := b.reader.Get(m.attribute)
		if !ok || !x.fits(b, m) {
			continue
		}
		work := cost.Metered{Attribute: m.Attribute, Quantity: cut(v.AsString()), Card: m.Card}
		var err error
		work.Amount, err = priceOf(m, v)
		switch {
		case errors.Is(err, money.ErrOverflow):
			work.Overflow = true
		case err != nil:
			b.Invalid[BadNumber]++
			work.Unread = true
		}
		list = append(list, work)
	}
	return list
}

func (x *Extractor) fits(b *Batch, m *meter) bool {
	for _, c := range m.where {
		if v, ok := x.value(b, c.id); !ok || v.AsString() != c.value {
			return false
		}
	}
	return true
}

// errNoNumber says that a quantity is none.
var errNoNumber = errors.New("not a number")

func priceOf(m *meter, v pcommon.Value) (money.Amount, error) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return m.Price(v.Int())
	case pcommon.ValueTypeDouble:
		return m.PriceFloat(v.Double())
	case pcommon.ValueTypeStr:
		return m.PriceText(v.Str())
	}
	return 0, errNoNumber
}
