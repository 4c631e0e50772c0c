package extract

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/attrs"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
)

// claimNames are the IDs of the attributes that state an outcome. Where a name
// has an older spelling, that comes second.
type claimNames struct {
	status, reason, errorType          [2]attrs.ID
	valueType, valueAmount, confidence attrs.ID
	cancelled, deadline                attrs.ID
}

func newClaimNames(t *attrs.Table) claimNames {
	return claimNames{
		status:      [2]attrs.ID{t.Add(botanu.OutcomeStatus), t.Add(botanu.OutcomeBare)},
		reason:      [2]attrs.ID{t.Add(botanu.OutcomeReason), t.Add(botanu.OutcomeReasonCode)},
		errorType:   [2]attrs.ID{t.Add(botanu.OutcomeErrorType), t.Add(botanu.OutcomeErrorClass)},
		valueType:   t.Add(botanu.OutcomeValueType),
		valueAmount: t.Add(botanu.OutcomeValueAmount),
		confidence:  t.Add(botanu.OutcomeConfidence),
		cancelled:   t.Add(botanu.RunCancelled),
		deadline:    t.Add(botanu.RunDeadline),
	}
}

// mark makes each of the names a sign of a claim. Most spans have none, and
// none of the names is then asked for.
func (n *claimNames) mark(t *attrs.Table, bits uint64) {
	ids := []attrs.ID{n.valueType, n.valueAmount, n.confidence, n.cancelled, n.deadline}
	for _, spellings := range [][2]attrs.ID{n.status, n.reason, n.errorType} {
		ids = append(ids, spellings[:]...)
	}
	for _, id := range ids {
		t.Mark(id, bits)
	}
}

// Limits on what one span may say.
const (
	metadataLimit = 64  // attributes under botanu.outcome.metadata
	emissionLimit = 128 // outcome_emitted events
)

// claimReader collects what one span says of its run's outcome.
type claimReader struct {
	entries   []outcome.Metadata
	emissions []outcome.Statement
	last      outcome.Statement // run.completed
	completed bool
}

func (r *claimReader) clear() {
	clear(r.entries)
	clear(r.emissions)
	*r = claimReader{entries: r.entries[:0], emissions: r.emissions[:0]}
}

// any reports whether something outside the marked attributes says something.
func (r *claimReader) any() bool { return r.completed || len(r.emissions) > 0 || len(r.entries) > 0 }

// metadata takes in one attribute under the prefix.
func (r *claimReader) metadata(key string, v pcommon.Value, bad *Invalid) {
	switch {
	case len(key) > keyLimit:
		bad[TooLong]++
	case key == "":
	default:
		r.entries = append(r.entries, outcome.Metadata{Key: attrs.Text(key), Value: cut(v.AsString())})
	}
}

// events reads a span's events, and gives the type of an exception among them.
func (r *claimReader) events(span ptrace.Span, now time.Time, bad *Invalid) (exception string) {
	events := span.Events()
	for i := range events.Len() {
		ev := events.At(i)
		switch ev.Name() {
		case botanu.OutcomeEmitted:
			if len(r.emissions) == emissionLimit {
				bad[TooMany]++
				continue
			}
			r.emissions = append(r.emissions, statement(ev, botanu.EventErrorType, span, now, bad))
		case botanu.RunCompleted:
			r.last = statement(ev, botanu.EventErrorClass, span, now, bad)
			r.completed = true
		case "exception":
			if v, ok := ev.Attributes().Get("exception.type"); ok && v.Type() == pcommon.ValueTypeStr {
				exception = cut(v.Str())
			}
		}
	}
	return exception
}

// statement reads an event that states an outcome. Where its time cannot be
// believed the span's end stands in, and where that cannot be either, the
// statement is older than any that can: it must not overrule one by its time.
func statement(ev ptrace.SpanEvent, errorKey string, span ptrace.Span, now time.Time, bad *Invalid) outcome.Statement {
	at := int64(ev.Timestamp())
	if !near(at, now, absurd) {
		bad[BadTime]++
		if at = int64(span.EndTimestamp()); !near(at, now, absurd) {
			at = 1
		}
	}
	m := ev.Attributes()
	text := func(key string) string {
		v, ok := m.Get(key)
		return plain(v, ok, bad)
	}
	s := outcome.Statement{
		Time: at, Status: text(botanu.EventStatus), ValueType: text(botanu.EventValueType), ErrorType: text(errorKey),
	}
	if v, ok := m.Get(botanu.EventValueAmount); ok {
		s.Amount = amount(v, bad)
	}
	return s
}

// claim is all that the span says, nil where it says nothing. errorType is
// handed over where the span may be a root that failed.
func (r *claimReader) claim(n *claimNames, a *attrs.Reader, errorType string, now time.Time, bad *Invalid) *outcome.Claim {
	c := outcome.Claim{ErrorType: cut(errorType), Attributes: outcome.Statement{
		Status:    first(n.status, a, bad),
		Reason:    first(n.reason, a, bad),
		ErrorType: first(n.errorType, a, bad),
		ValueType: one(n.valueType, a, bad),
	}}
	if v, ok := a.Get(n.valueAmount); ok {
		c.Attributes.Amount = amount(v, bad)
	}
	if v, ok := a.Get(n.confidence); ok {
		c.Attributes.Confidence = confidence(v, bad)
	}
	if v, ok := a.Get(n.cancelled); ok {
		c.Cancelled = truth(v, bad)
	}
	if v, ok := a.Get(n.deadline); ok {
		c.Deadline = deadline(v, now, bad)
	}
	if r.completed {
		c.Completed = r.last
	}
	if len(r.emissions) > 0 {
		c.Emissions = slices.Clone(r.emissions)
	}
	c.Metadata = r.sortedMetadata(bad)
	r.countBadStatus(&c, bad)
	if c.IsEmpty() {
		return nil
	}
	kept := c // a copy, so that the claim of a span that says nothing stays off the heap
	return &kept
}

// sortedMetadata keeps the first entries by key, so that which ones are kept
// does not depend on the order in which an exporter wrote them.
func (r *claimReader) sortedMetadata(bad *Invalid) []outcome.Metadata {
	if len(r.entries) == 0 {
		return nil
	}
	slices.SortFunc(r.entries, func(a, b outcome.Metadata) int { return cmp.Compare(a.Key, b.Key) })
	if over := len(r.entries) - metadataLimit; over > 0 {
		bad[TooMany] += over
		r.entries = r.entries[:metadataLimit]
	}
	return slices.Clone(r.entries)
}

func (r *claimReader) countBadStatus(c *outcome.Claim, bad *Invalid) {
	count := func(status string) {
		if _, ok := outcome.ParseStatus(status); !ok && status != "" {
			bad[BadStatus]++
		}
	}
	count(c.Attributes.Status)
	count(c.Completed.Status)
	for i := range c.Emissions {
		count(c.Emissions[i].Status)
	}
}

func first(ids [2]attrs.ID, a *attrs.Reader, bad *Invalid) string {
	if s := one(ids[0], a, bad); s != "" {
		return s
	}
	return one(ids[1], a, bad)
}

func one(id attrs.ID, a *attrs.Reader, bad *Invalid) string {
	v, ok := a.Get(id)
	return plain(v, ok, bad)
}

// plain is a text that is no key.
func plain(v pcommon.Value, ok bool, bad *Invalid) string {
	if !ok {
		return ""
	}
	if v.Type() != pcommon.ValueTypeStr {
		bad[BadType]++
		return ""
	}
	return cut(v.Str())
}

// amount reads an int, a double or a numeric string that is finite.
func amount(v pcommon.Value, bad *Invalid) outcome.Amount {
	n, ok := number(v)
	if !ok {
		bad[BadNumber]++
		return outcome.Amount{}
	}
	return outcome.Finite(n)
}

// confidence is an amount from 0 to 1.
func confidence(v pcommon.Value, bad *Invalid) outcome.Amount {
	c := amount(v, bad)
	if c.OK && (c.N < 0 || c.N > 1) {
		bad[BadNumber]++
		return outcome.Amount{}
	}
	return c
}

// deadline reads Unix seconds as nanoseconds.
func deadline(v pcommon.Value, now time.Time, bad *Invalid) int64 {
	seconds, ok := number(v)
	if !ok {
		bad[BadNumber]++
		return 0
	}
	whole, fraction := math.Modf(seconds)
	if math.Abs(whole) > math.MaxInt64/2e9 || !near(int64(whole)*1e9, now, absurd) {
		bad[BadTime]++
		return 0
	}
	return int64(whole)*1e9 + int64(math.Round(fraction*1e9))
}

// truth reads a bool, or its spelling.
func truth(v pcommon.Value, bad *Invalid) bool {
	switch v.Type() {
	case pcommon.ValueTypeBool:
		return v.Bool()
	case pcommon.ValueTypeStr:
		if b, err := strconv.ParseBool(strings.ToLower(v.Str())); err == nil {
			return b
		}
	}
	bad[BadType]++
	return false
}

// number reads an int, a double or a numeric string; false where it is none of
// these or not finite.
func number(v pcommon.Value) (float64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return float64(v.Int()), true
	case pcommon.ValueTypeDouble:
		return v.Double(), finite(v.Double())
	case pcommon.ValueTypeStr:
		n, err := strconv.ParseFloat(strings.TrimSpace(v.Str()), 64)
		return n, err == nil && finite(n)
	}
	return 0, false
}

// integer reads an int, a double without a fraction or a decimal string.
func integer(v pcommon.Value) (int64, bool) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		return v.Int(), true
	case pcommon.ValueTypeDouble:
		n := v.Double()
		return int64(n), n == math.Trunc(n) && math.Abs(n) < 1<<53
	case pcommon.ValueTypeStr:
		n, err := strconv.ParseInt(strings.TrimSpace(v.Str()), 10, 64)
		return n, err == nil
	}
	return 0, false
}

func finite(n float64) bool { return !math.IsNaN(n) && !math.IsInf(n, 0) }
