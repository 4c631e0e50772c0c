package rollupconnector

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
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
// long. The processor's own identities are no longer.
const textLimit = 256

// text is an attribute that is a text; not valid where there is none.
func (r *reader) text(key string) attribute.KeyValue {
	v, ok := r.attributes.Get(key)
	if !ok {
		return attribute.KeyValue{}
	}
	if v.Type() != pcommon.ValueTypeStr {
		r.bad++
		return attribute.KeyValue{}
	}
	return label(key, v.Str())
}

// any is an attribute of any type, as a text: what is 3 on one summary and "3"
// on another would be two series here, which backends make one of.
func (r *reader) any(key string) attribute.KeyValue {
	if v, ok := r.attributes.Get(key); ok {
		return label(key, v.AsString())
	}
	return attribute.KeyValue{}
}

// label is an attribute of a metric: of whole characters, which every exporter
// can write, and not too long. Not valid where nothing is left.
func label(key, value string) attribute.KeyValue {
	if len(value) > textLimit {
		value = strings.Clone(value[:textLimit]) // a part would keep the whole of it
	}
	if value = strings.ToValidUTF8(value, ""); value == "" {
		return attribute.KeyValue{}
	}
	return attribute.String(key, value)
}

// absurd is more than any number of calls or tokens of one model in one run
// (contract, section 9), or any amount achieved.
const absurd = 1e12

// count is an attribute that is an integer, and 0 where there is none.
func (r *reader) count(key string) int64 {
	v, ok := r.attributes.Get(key)
	if !ok {
		return 0
	}
	if n := v.Int(); v.Type() == pcommon.ValueTypeInt && n >= -absurd && n <= absurd {
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
	if n := v.Double(); v.Type() == pcommon.ValueTypeDouble && n >= -absurd && n <= absurd { // and no NaN
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

// total is money that was spent: a histogram of negative amounts would have a
// sum that goes down.
func (r *reader) total(key string) (float64, bool) {
	v, ok := r.money(key)
	if ok && v < 0 {
		r.bad++
		return 0, false
	}
	return v, ok
}

// duration is how long a summary's run took, in seconds.
func (r *reader) duration(summary ptrace.Span) (float64, bool) {
	start, end := summary.StartTimestamp(), summary.EndTimestamp()
	if start == 0 || end < start {
		r.bad++
		return 0, false
	}
	return float64(end-start) / 1e9, true
}
