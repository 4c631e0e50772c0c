// Package extract turns spans into facts: it is where pdata ends. What a span
// says of a call is read by package genai; this package reads the rest, and
// puts both together.
//
// The package is pure: no clock, no lock, no logger, no I/O.
package extract

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/attrs"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// absurd is how far from its arrival a span's time may lie (contract, section 9).
const absurd = 365 * 24 * time.Hour

// priceableAge is how far from its arrival a call's start may lie for the
// rates of that time to be used (contract, section 5).
const priceableAge = 24 * time.Hour

// remoteParent are the bits of a span's flags that say whether its parent is
// in another process (OTLP SpanFlags: 0x100 that it is known, 0x200 that it is).
const remoteParent = 0x300

// Config says what to read.
type Config struct {
	RunIDKey       string
	IdentityKeys   [run.Fields]string
	CopyAttributes []string // of a root span, else of its resource
	CostAttributes []string // the operator's own, in USD
	Card           *ratecard.Card
	// Unowned asks for the facts of spans that name no run, too.
	Unowned bool
}

// Extractor turns spans into facts. It holds only what the configuration
// says, and is safe for concurrent use.
type Extractor struct {
	card    *ratecard.Card
	unowned bool
	records *genai.Extractor
	names   names
	meters  []meter
	table   *attrs.Table
}

// names are the IDs of what is read here.
type names struct {
	runID     attrs.ID
	identity  [run.Fields]attrs.ID
	service   attrs.ID
	errorType attrs.ID
	startTime attrs.ID
	copied    []attrs.ID
	claim     claimNames

	rare   uint64 // mark of the identity beyond what every span bears
	claims uint64 // mark of an outcome

	metered uint64 // mark of what the card's usage rules price
}

// lean is the identity that every span of a run bears (contract, section 2).
// The rest is on its root span, and asked for only where a span has any of it.
var lean = [run.Fields]bool{run.Event: true, run.Workflow: true, run.Customer: true}

// Owned is a fact and the run it belongs to.
type Owned struct {
	Run  string // "" where the span and its resource name none
	Name string // the span's
	run.Fact
}

// Batch is the facts of one batch of spans, and what is needed to read them.
// It is some 10 KB, more than a small batch of spans, and made to be used
// again. It is not safe for concurrent use.
type Batch struct {
	Facts     []Owned
	NoRun     int // spans that name no run
	Summaries int // spans that an earlier tier made
	Invalid   Invalid

	reader   *attrs.Reader
	resource *attrs.Reader
	claims   claimReader
}

// New makes an extractor.
func New(c Config) *Extractor {
	t := attrs.NewTable()
	x := &Extractor{card: c.Card, unowned: c.Unowned, table: t, records: genai.New(t, c.CostAttributes)}
	x.names = names{
		runID:     t.Add(c.RunIDKey),
		service:   t.Add("service.name"),
		errorType: t.Add("error.type"),
		startTime: t.Add(botanu.RunStartTime),
		claim:     newClaimNames(t),
	}
	x.names.claims = t.NewMark()
	x.names.claim.mark(t, x.names.claims)
	x.names.rare = t.NewMark()
	for f, key := range c.IdentityKeys {
		x.names.identity[f] = t.Add(key)
		if !lean[f] {
			t.Mark(x.names.identity[f], x.names.rare)
		}
	}
	x.meters, x.names.metered = metersOf(c.Card, t)
	for _, key := range c.CopyAttributes {
		x.names.copied = append(x.names.copied, t.Add(key))
	}
	return x
}

// NewBatch makes room for the facts of one batch at a time.
func (x *Extractor) NewBatch() *Batch {
	b := &Batch{}
	b.reader = attrs.NewReader(x.table, func(name string, v pcommon.Value) {
		if strings.HasPrefix(name, botanu.OutcomeMetadata) {
			b.claims.metadata(name[len(botanu.OutcomeMetadata):], v, &b.Invalid)
		}
	})
	b.resource = attrs.NewReader(x.table, nil)
	return b
}

// Read adds the facts of every span of td, which arrived at now.
func (x *Extractor) Read(b *Batch, td ptrace.Traces, now time.Time) {
	for _, rs := range td.ResourceSpans().All() {
		b.resource.Read(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			scope := ss.Scope()
			spans := ss.Spans()
			for i := range spans.Len() {
				span := spans.At(i)
				if botanu.IsSummary(scope.Name(), span.Name()) {
					b.Summaries++
					continue
				}
				x.fact(b, scope, span, now)
			}
		}
	}
}

// Clear makes the batch empty, so that it keeps nothing alive.
func (b *Batch) Clear() {
	clear(b.Facts)
	b.Facts = b.Facts[:0]
	b.NoRun, b.Summaries, b.Invalid = 0, 0, Invalid{}
}

// fact appends what one span says about its run.
func (x *Extractor) fact(b *Batch, scope pcommon.InstrumentationScope, span ptrace.Span, now time.Time) {
	b.claims.clear()
	b.reader.Read(span.Attributes())
	id := x.text(b, x.names.runID)
	if id == "" {
		b.NoRun++
		if !x.unowned {
			return
		}
	}
	if span.TraceID().IsEmpty() || span.SpanID().IsEmpty() {
		b.Invalid[BadSpanID]++
		return
	}
	b.Facts = append(b.Facts, Owned{Run: id, Name: span.Name(), Fact: run.Fact{
		Key:    run.SpanKey{Trace: span.TraceID(), Span: span.SpanID()},
		Parent: span.ParentSpanID(),
	}})
	f := &b.Facts[len(b.Facts)-1].Fact
	f.Start, f.End, f.Flags = times(span, now, &b.Invalid)
	hasRare := (b.reader.Marks()|b.resource.Marks())&x.names.rare != 0
	for i := range f.Identity {
		if lean[i] || hasRare {
			f.Identity[i] = x.identity(b, run.Field(i))
		}
	}
	f.Service = cut(b.resource.String(x.names.service))
	f.Flags |= structure(span)
	x.detail(b, f, scope, span, now)
}

// identity reads one field of the identity. The attempt is an integer, kept
// as text like the rest.
func (x *Extractor) identity(b *Batch, field run.Field) string {
	if field != run.Attempt {
		return x.text(b, x.names.identity[field])
	}
	v, ok := x.value(b, x.names.identity[field])
	if !ok {
		return ""
	}
	n, ok := integer(v)
	if !ok || n < 0 {
		b.Invalid[BadNumber]++
		return ""
	}
	return smallInts.text(n)
}

// value is an attribute of the span, else of its resource.
func (x *Extractor) value(b *Batch, id attrs.ID) (pcommon.Value, bool) {
	if v, ok := b.reader.Get(id); ok {
		return v, true
	}
	return b.resource.Get(id)
}

// keyLimit is the longest value that identifies anything (contract, section 9).
const keyLimit = 256

// text is an identifying string of the span, else of its resource; empty where
// neither has a usable one.
func (x *Extractor) text(b *Batch, id attrs.ID) string {
	for _, r := range [...]*attrs.Reader{b.reader, b.resource} {
		v, ok := r.Get(id)
		switch {
		case !ok:
		case v.Type() != pcommon.ValueTypeStr:
			b.Invalid[BadType]++
		case len(v.Str()) > keyLimit:
			b.Invalid[TooLong]++
		case !utf8.ValidString(v.Str()):
			b.Invalid[BadText]++ // replaced, two could become one
		case v.Str() != "":
			return v.Str()
		}
	}
	return ""
}

// times are a span's start and end as far as they can be believed.
func times(span ptrace.Span, now time.Time, bad *Invalid) (start, end int64, flags run.Flags) {
	start, end = int64(span.StartTimestamp()), int64(span.EndTimestamp())
	if !near(start, now, absurd) || !near(end, now, absurd) {
		bad[BadTime]++
		return start, end, run.NoTimes
	}
	if end < start {
		bad[BadTime]++
		end = start
	}
	return start, end, 0
}

// near reports whether t, in Unix nanoseconds, is within d of now.
func near(t int64, now time.Time, d time.Duration) bool {
	return t > 0 && now.Sub(time.Unix(0, t)).Abs() < d
}

// structure is what a span shows of its place in the run.
func structure(span ptrace.Span) run.Flags {
	var f run.Flags
	if span.Status().Code() == ptrace.StatusCodeError {
		f |= run.Failed
	}
	if span.ParentSpanID().IsEmpty() {
		f |= run.NoParent
	} else if span.Flags()&remoteParent == remoteParent {
		f |= run.RemoteParent
	}
	if strings.HasPrefix(span.Name(), botanu.RunSpanPrefix) {
		f |= run.NamedRoot
	}
	if state := span.TraceState().AsRaw(); state != "" && wasSampled(state) {
		f |= run.Sampled
	}
	return f
}

// wasSampled reports whether a W3C tracestate shows that a sampler chose among
// spans: OpenTelemetry's entry with a threshold above zero, or with the older
// p-value, the negative logarithm of a probability below one.
func wasSampled(state string) bool {
	for entry := range strings.SplitSeq(state, ",") {
		entry, ours := strings.CutPrefix(strings.TrimSpace(entry), "ot=")
		if !ours {
			continue
		}
		for field := range strings.SplitSeq(entry, ";") {
			if th, ok := strings.CutPrefix(field, "th:"); ok && strings.Trim(th, "0") != "" {
				return true
			}
			if p, ok := strings.CutPrefix(field, "p:"); ok && p != "0" && p != "" {
				return true
			}
		}
	}
	return false
}

// detail adds what only few spans say.
func (x *Extractor) detail(b *Batch, f *run.Fact, scope pcommon.InstrumentationScope, span ptrace.Span, now time.Time) {
	var d run.Detail // without a record
	errorType := x.text(b, x.names.errorType)
	exception := b.claims.events(span, now, &b.Invalid)
	if b.claims.completed {
		f.Flags |= run.NamedRoot
	}
	if errorType == "" {
		errorType = exception
	}
	if x.records.Concerns(b.reader) {
		x.record(b, f, scope, span, errorType, now)
	}
	if f.Flags.IsRoot() {
		d.Root = x.root(b)
	}
	if f.Flags&run.Failed == 0 || !f.Flags.IsRoot() {
		errorType = ""
	}
	if b.reader.Marks()&x.names.claims != 0 || errorType != "" || b.claims.any() {
		d.Claim = b.claims.claim(&x.names.claim, b.reader, errorType, now, &b.Invalid)
	}
	if b.reader.Marks()&x.names.metered != 0 {
		d.Metered = x.metered(b)
	}
	switch {
	case f.Detail != nil:
		f.Detail.Root, f.Detail.Claim, f.Detail.Metered = d.Root, d.Claim, d.Metered
	case d.Root != nil || d.Claim != nil || d.Metered != nil:
		kept := d // a copy, so that the detail of a span without any stays off the heap
		f.Detail = &kept
	}
}

// record reads the call to a model that a span describes, and begins the
// span's detail with it.
func (x *Extractor) record(b *Batch, f *run.Fact, scope pcommon.InstrumentationScope, span ptrace.Span, errorType string, now time.Time) {
	rec, provider, ok := x.records.RecordNamed(genai.Span{
		Attrs: b.reader, ScopeName: attrs.Text(scope.Name()), ScopeVersion: attrs.Text(scope.Version()), Name: span.Name(), Kind: span.Kind(),
		StatusError: f.Flags&run.Failed != 0, ErrorType: errorType,
	})
	b.Invalid.badCounts(rec.Bad)
	if rec.Traits&genai.Tool != 0 {
		f.Flags |= run.Tool
	}
	if rec.Traits&genai.Agent != 0 {
		f.Flags |= run.Agent
	}
	// A tool or an agent without numbers is a place in the tree, which the flags hold.
	if !ok || rec.Kind != genai.Leaf && !rec.HasUsage() && rec.Cost == (genai.Cost{}) {
		return
	}
	// Detail and record in one piece of memory: most details are this.
	both := &struct {
		run.Detail
		rec genai.Record
	}{rec: rec}
	both.Record = &both.rec
	both.Quote = x.quote(&both.rec, provider, f, now)
	f.Detail = &both.Detail
}

// quote finds the rates for a record, nil where the card has none. provider is
// the name as the span wrote it.
func (x *Extractor) quote(rec *genai.Record, provider string, f *run.Fact, now time.Time) *ratecard.Quote {
	at := now
	if near(f.Start, now, priceableAge) {
		at = time.Unix(0, f.Start)
	}
	quote, _ := x.card.Quote(ratecard.Query{
		Provider: rec.Provider, Named: provider, ServerAddress: rec.ServerAddress,
		ResponseModel: rec.ResponseModel, RequestModel: rec.RequestModel, At: at, Tier: rec.Tier,
	})
	return quote
}

// root is what a span that may be its run's root says beside the rest.
func (x *Extractor) root(b *Batch) *run.Root {
	var r run.Root
	if start := b.reader.String(x.names.startTime); start != "" {
		if _, err := time.Parse(time.RFC3339, start); err == nil {
			r.StartTime = start
		} else {
			b.Invalid[BadTime]++
		}
	}
	for _, id := range x.names.copied {
		if v, ok := x.value(b, id); ok {
			if c, ok := copied(v); ok {
				r.Copied = append(r.Copied, run.Attribute{Key: x.table.Name(id), Value: c})
			} else {
				b.Invalid[BadType]++
			}
		}
	}
	if r.StartTime == "" && r.Copied == nil {
		return nil
	}
	return &r
}

// textLimit is the longest text that is kept of a value that does not identify
// anything; what is longer is cut.
const textLimit = 1024

// copied is the value of an attribute that is copied: a plain one, and finite.
func copied(v pcommon.Value) (any, bool) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return cut(v.Str()), true
	case pcommon.ValueTypeBool:
		return v.Bool(), true
	case pcommon.ValueTypeInt:
		return v.Int(), true
	case pcommon.ValueTypeDouble:
		return v.Double(), finite(v.Double())
	}
	return nil, false
}

// cut shortens a text to the limit, at the edge of a rune.
func cut(s string) string {
	if len(s) <= textLimit {
		return attrs.Text(s)
	}
	return strings.ToValidUTF8(s[:textLimit], "")
}

// decimals keeps the text of small integers, as attempts are.
type decimals [10]string

var smallInts = func() (d decimals) {
	for i := range d {
		d[i] = strconv.Itoa(i)
	}
	return d
}()

func (d *decimals) text(n int64) string {
	if n < int64(len(d)) {
		return d[n]
	}
	return strconv.FormatInt(n, 10)
}
