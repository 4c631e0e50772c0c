package outcome

import "bytes"

// Span is one span of the run and what it claims.
type Span struct {
	ID     [8]byte
	End    int64 // Unix nanoseconds
	IsRoot bool  // the run's root; at most one
	Failed bool  // its status is error
	Claim  *Claim
}

// Outcome is what a run achieved and how that is known.
type Outcome struct {
	Status    Status
	StatusRaw string // a status that was stated and is none of the vocabulary
	Source    Source
	Time      int64 // Unix nanoseconds of the statement that decided; 0 where there is none

	ValueType  string
	Amount     Amount
	Confidence Amount
	Reason     string
	ErrorType  string
	Metadata   []Metadata

	Emissions int  // explicit emissions seen
	Conflict  bool // they differ in status or value
	BadStatus int  // statements whose status is none of the vocabulary
}

// Rank orders outcomes of a run's parts: greater is believed first, then the
// later [Outcome.Time] (contract, section 6). It is 4 to 0 for the sources
// from emitted to none, with one exception. `abandoned` is concluded from the
// absence of a root span, and a part that holds no root because another part
// does would otherwise overrule that part's silence after a good end. It ranks
// with none, and bears no time.
func (o *Outcome) Rank() int {
	if o.Source == FromInference && o.Status == Abandoned {
		return 0
	}
	return int(o.Source)
}

// Resolve decides the outcome of a run from the spans that claim something,
// and from its root where that has arrived. idle says that the idle timeout
// passed without a root. Only where two spans share an ID and everything that
// is compared does their order matter: hand them over sorted.
//
// The order of belief is fixed (contract, section 4): explicit emissions, the
// status attribute, run.completed, inference.
func Resolve(spans []Span, idle bool) Outcome {
	var o Outcome
	said := survey(spans, &o)
	switch {
	case said.status.found():
		o.take(said.status.status, FromEmission, said.status.at)
	case said.attribute.span != nil:
		o.take(said.attribute.status, FromAttribute, said.attribute.span.End)
	case said.completed.found():
		o.take(said.completed.status, FromCompleted, said.completed.at)
	default:
		o.infer(said.root, said.cancelled, idle)
	}
	o.fill(&said)
	return o
}

func (o *Outcome) take(s Status, from Source, at int64) { o.Status, o.Source, o.Time = s, from, at }

// infer concludes a status where nothing was said.
func (o *Outcome) infer(root *Span, cancelled, idle bool) {
	at := int64(0)
	if root != nil {
		at = root.End
	}
	switch {
	case cancelled:
		o.take(Canceled, FromInference, at)
	case root != nil && root.Claim != nil && root.Claim.Deadline != 0 && root.Claim.Deadline < root.End:
		o.take(Timeout, FromInference, at)
	case root != nil && root.Failed:
		o.take(Failed, FromInference, at)
	case root == nil && idle:
		o.take(Abandoned, FromInference, 0)
	default:
		o.take(None, FromNothing, at)
	}
}

// fill adds what goes with the status: value, confidence, reason, error type
// and metadata, each from the most believed place that states it.
func (o *Outcome) fill(said *sayings) {
	if e := said.value.statement; e != nil {
		o.ValueType, o.Amount = e.ValueType, e.Amount
	}
	// An emission's own words come first, then the attributes of its span.
	if e := said.emission(); e != nil {
		o.complete(e.statement)
		o.describe(e.span)
	}
	o.describe(said.detail.span)
	if v := said.valued.span; v != nil && !o.hasValue() {
		o.ValueType, o.Amount = v.Claim.Attributes.ValueType, v.Claim.Attributes.Amount
	}
	if c := said.closing.statement; c != nil && !o.hasValue() {
		o.ValueType, o.Amount = c.ValueType, c.Amount
	}
	if o.Status == Failed && o.ErrorType == "" {
		o.ErrorType = said.failure()
	}
}

func (o *Outcome) hasValue() bool { return o.ValueType != "" || o.Amount.OK }

// describe fills what is still missing from a span's outcome attributes.
func (o *Outcome) describe(s *Span) {
	if s == nil || s.Claim == nil {
		return
	}
	o.complete(&s.Claim.Attributes)
	if o.Metadata == nil {
		o.Metadata = s.Claim.Metadata
	}
}

// complete fills what is still missing from one statement. The value is filled
// as a pair: an amount of one place never joins a type of another.
func (o *Outcome) complete(s *Statement) {
	if !o.hasValue() {
		o.ValueType, o.Amount = s.ValueType, s.Amount
	}
	if !o.Confidence.OK {
		o.Confidence = s.Confidence
	}
	if o.Reason == "" {
		o.Reason = s.Reason
	}
	if o.ErrorType == "" {
		o.ErrorType = s.ErrorType
	}
}

// newest is the newest statement so far: later wins, then the worse status,
// then the greater span ID.
type newest struct {
	statement *Statement
	span      *Span
	at        int64
	status    Status
}

func (n *newest) found() bool { return n.statement != nil }

func (n *newest) offer(st *Statement, sp *Span, status Status) {
	if n.found() && !later(st.Time, status, sp, n.at, n.status, n.span) {
		return
	}
	*n = newest{st, sp, st.Time, status}
}

// last is the span so far that counts for an attribute: the root, else the one
// that ended last, ties as for [newest].
type last struct {
	span   *Span
	status Status
}

func (l *last) offer(s *Span, status Status) {
	if l.span != nil {
		if l.span.IsRoot || !s.IsRoot && !later(s.End, status, s, l.span.End, l.status, l.span) {
			return
		}
	}
	*l = last{s, status}
}

// later reports whether (at, status, span) wins against the other.
func later(at int64, status Status, span *Span, thanAt int64, thanStatus Status, thanSpan *Span) bool {
	if at != thanAt {
		return at > thanAt
	}
	if status != thanStatus {
		return status > thanStatus
	}
	return bytes.Compare(span.ID[:], thanSpan.ID[:]) > 0
}

// sayings is the most believed place for each thing a run says.
type sayings struct {
	root      *Span
	cancelled bool
	any       newest // the newest emission, whatever it states
	status    newest // the newest emission with a status
	value     newest // the newest emission with a value
	completed newest // run.completed with a status
	closing   newest // run.completed with a value
	attribute last   // the status attribute
	detail    last   // any outcome attribute; the status's span where there is one
	valued    last   // value attributes
}

// emission is the emission whose words accompany the status.
func (s *sayings) emission() *newest {
	switch {
	case s.status.found():
		return &s.status
	case s.any.found():
		return &s.any
	}
	return nil
}

// failure is what a failed run failed of, where no statement of the outcome
// says it: run.completed that agrees, else the error of the root span.
func (s *sayings) failure() string {
	if s.completed.status == Failed && s.completed.statement.ErrorType != "" {
		return s.completed.statement.ErrorType
	}
	if s.root != nil && s.root.Failed && s.root.Claim != nil {
		return s.root.Claim.ErrorType
	}
	return ""
}

// survey goes once over the spans and keeps the most believed of each.
func survey(spans []Span, o *Outcome) sayings {
	var s sayings
	var raw newest
	var rawAttribute last
	for i := range spans {
		sp := &spans[i]
		if sp.IsRoot {
			s.root = sp
		}
		if sp.Claim == nil {
			continue
		}
		c := sp.Claim
		s.cancelled = s.cancelled || c.Cancelled
		for j := range c.Emissions {
			e := &c.Emissions[j]
			o.Emissions++
			status, known := o.parse(e.Status)
			s.any.offer(e, sp, status)
			if known {
				s.status.offer(e, sp, status)
			} else if e.Status != "" {
				raw.offer(e, sp, None)
			}
			if e.hasValue() {
				s.value.offer(e, sp, status)
			}
		}
		s.surveyAttributes(sp, o, &rawAttribute)
		if c.Completed.Time != 0 {
			if status, known := o.parse(c.Completed.Status); known {
				s.completed.offer(&c.Completed, sp, status)
			} else if c.Completed.Status != "" {
				raw.offer(&c.Completed, sp, None)
			}
			if c.Completed.hasValue() {
				s.closing.offer(&c.Completed, sp, None)
			}
		}
	}
	if s.attribute.span != nil {
		s.detail = s.attribute
	}
	switch {
	case raw.found():
		o.StatusRaw = raw.statement.Status
	case rawAttribute.span != nil:
		o.StatusRaw = rawAttribute.span.Claim.Attributes.Status
	}
	o.Conflict = conflict(spans)
	return s
}

func (s *sayings) surveyAttributes(sp *Span, o *Outcome, raw *last) {
	a := &sp.Claim.Attributes
	if a.Status != "" {
		if status, known := o.parse(a.Status); known {
			s.attribute.offer(sp, status)
		} else {
			raw.offer(sp, None)
		}
	}
	if a.hasValue() {
		s.valued.offer(sp, None)
	}
	if !a.isEmpty() || len(sp.Claim.Metadata) > 0 {
		s.detail.offer(sp, None)
	}
}

// parse reads a status and counts one that is none of the vocabulary.
func (o *Outcome) parse(text string) (Status, bool) {
	if text == "" {
		return None, false
	}
	status, ok := ParseStatus(text)
	if !ok {
		o.BadStatus++
	}
	return status, ok
}

// conflict reports whether two explicit emissions differ in status, or in
// value. An emission that leaves either out does not differ in it.
func conflict(spans []Span) bool {
	var status Status
	var value *Statement
	for i := range spans {
		if spans[i].Claim == nil {
			continue
		}
		for j := range spans[i].Claim.Emissions {
			e := &spans[i].Claim.Emissions[j]
			if s, ok := ParseStatus(e.Status); ok {
				if status != None && status != s {
					return true
				}
				status = s
			}
			if e.hasValue() {
				if value != nil && (value.ValueType != e.ValueType || value.Amount != e.Amount) {
					return true
				}
				value = e
			}
		}
	}
	return false
}
