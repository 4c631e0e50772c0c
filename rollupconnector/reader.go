package rollupconnector

import (
	"math"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/money"
)

// reader reads the attributes of a summary, or of one of its span events.
type reader struct {
	attributes pcommon.Map
	bad        int // values that are there and cannot be read
}

// common are the attributes of every measurement.
func (r *reader) common(dimensions []string) *list {
	all := &list{attributes: make([]attribute.KeyValue, 0, 3+len(dimensions)), text: make([]byte, 0, 256)}
	all.add(r.text(botanu.Workflow))
	all.add(r.text(botanu.Environment))
	status := r.text(botanu.OutcomeStatus)
	if !status.Valid() {
		status = attribute.String(botanu.OutcomeStatus, botanu.Unset)
	}
	all.add(status)
	for _, key := range dimensions {
		all.add(r.any(key))
	}
	return all
}

// textLimit bounds the bytes of an attribute's value, as metrics are held for
// long. The processor's own identities are shorter.
const textLimit = 256

// text is an attribute that is a text; not valid where there is none.
func (r *reader) text(key string) attribute.KeyValue {
	if v, ok := r.attributes.Get(key); ok && v.Type() == pcommon.ValueTypeStr && v.Str() != "" {
		return attribute.String(key, cut(v.Str()))
	}
	return attribute.KeyValue{}
}

// any is an attribute of any type.
func (r *reader) any(key string) attribute.KeyValue {
	v, ok := r.attributes.Get(key)
	if !ok {
		return attribute.KeyValue{}
	}
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return attribute.KeyValue{}
	case pcommon.ValueTypeInt:
		return attribute.Int64(key, v.Int())
	case pcommon.ValueTypeBool:
		return attribute.Bool(key, v.Bool())
	default: // a list as its JSON; a double too, for a NaN would be a new series each time
		return attribute.String(key, cut(v.AsString()))
	}
}

// cut is a text of at most textLimit bytes and of whole characters, which
// every exporter can write.
func cut(text string) string {
	if len(text) > textLimit {
		text = text[:textLimit]
	}
	return strings.ToValidUTF8(text, "")
}

// absurd is more than any number of calls or tokens: sums of such could
// overflow.
const absurd = 1e15

// count is an attribute that is an integer, and 0 where there is none.
func (r *reader) count(key string) int64 {
	v, ok := r.attributes.Get(key)
	if !ok {
		return 0
	}
	if n := v.Int(); v.Type() == pcommon.ValueTypeInt && n > -absurd && n < absurd {
		return n
	}
	r.bad++
	return 0
}

// number is an attribute that is a finite number.
func (r *reader) number(key string) (float64, bool) {
	v, ok := r.attributes.Get(key)
	if !ok {
		return 0, false
	}
	if n := v.Double(); v.Type() == pcommon.ValueTypeDouble && !math.IsNaN(n) && !math.IsInf(n, 0) {
		return n, true
	}
	r.bad++
	return 0, false
}

// money is an attribute that is an exact amount, in USD. Here it becomes a
// float: metrics have no other numbers.
func (r *reader) money(key string) (float64, bool) {
	v, ok := r.attributes.Get(key)
	if !ok {
		return 0, false
	}
	amount, err := money.Parse(v.AsString())
	if err != nil {
		r.bad++
		return 0, false
	}
	return amount.Float64(), true
}
