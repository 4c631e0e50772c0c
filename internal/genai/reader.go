package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/attrs"
)

// Span is what [Extractor.Record] wants to know about a span.
type Span struct {
	Attrs        *attrs.Reader // has read the span's attributes
	ScopeName    string
	ScopeVersion string
	Name         string
	Kind         ptrace.SpanKind
	StatusError  bool   // the span's status is an error
	ErrorType    string // error.type, or exception.type of an exception event; "" where there is none
}

// Concerns reports whether a span may say anything about a model request: it
// has a name that some dialect reads. Most spans of most services do not, and
// [Extractor.Record] need not be asked about them.
func (x *Extractor) Concerns(a *attrs.Reader) bool { return a.Marks()&x.signs != 0 }

// Record reads what a span says about a model request. It reports false for a
// span that says nothing of one, which costs a comparison and allocates
// nothing. What comes out:
//
//   - a call, with or without usage: a call without numbers still has to be
//     known of;
//   - anything with usage or a stated cost;
//   - a tool or an agent without either, as an [Aggregate]: it tells whose the
//     calls beneath it are, and is nothing to be billed.
//
// Where it reports false, rec.Bad still says what was there and not usable.
func (x *Extractor) Record(s Span) (rec Record, ok bool) {
	rec, _, ok = x.RecordNamed(s)
	return rec, ok
}

// RecordNamed is [Extractor.Record] with the provider's name as the span wrote
// it, which a card of one's own may go by. It is no part of the record: records
// are kept and compared, and nothing but the lookup of a price goes by it.
func (x *Extractor) RecordNamed(s Span) (rec Record, provider string, ok bool) {
	if !x.Concerns(s.Attrs) {
		return Record{}, "", false
	}
	return x.read(s)
}

// read is apart from [Extractor.Record] so that what it needs is not made
// ready for every span.
func (x *Extractor) read(s Span) (Record, string, bool) {
	r := reading{x: x, span: s}
	r.rec.Scope, r.rec.Version = s.ScopeName, s.ScopeVersion
	r.readTexts()
	r.recognise()
	r.readOwnTexts()
	r.readKind()
	r.readCounts()
	r.readTraits()
	badUsage := r.rec.Bad
	if !r.readCost() && !r.rec.HasUsage() && r.rec.Kind != Leaf && r.rec.Traits&(Tool|Agent) == 0 {
		return Record{Bad: r.rec.Bad}, "", false
	}
	r.settle()
	r.addUncounted()
	if badUsage != 0 {
		r.rec.Traits |= BadCount
	}
	if r.rec.Bad != badUsage {
		r.rec.Traits |= BadCost
	}
	return r.rec, r.named, true
}

// reading is the work on one span.
type reading struct {
	x       *Extractor
	span    Span
	rec     Record
	dialect *compiled // whose span it is; nil where nothing says
	base    *compiled // under whose names the usage was found; nil where there is none
	counts  [parts]Count
	owned   bool // by its scope
	// finished says that the span has a finish reason.
	finished bool
	named    string // the provider as the span wrote it
	plain    bool   // the span says that the response was not streamed
}

// text gives the first of the names that has a text that can be kept.
func (r *reading) text(ids []attrs.ID) string {
	for _, id := range ids {
		if s := r.span.Attrs.String(id); s != "" {
			if s = r.keep(s); s != "" {
				return s
			}
		}
	}
	return ""
}

func (r *reading) keep(s string) string {
	if len(s) > maxText {
		r.rec.Bad |= BadText
		return ""
	}
	return strings.Trim(s, "\" \t") // MLflow writes its names as JSON
}

func (r *reading) readTexts() {
	rec, x := &r.rec, r.x
	rec.RequestModel = r.text(x.texts[requestModel])
	rec.ResponseModel = r.text(x.texts[responseModel])
	rec.ServerAddress = r.text(x.texts[serverAddress])
	rec.ResponseID = r.text(x.texts[responseID])
	r.readProvider(x.texts[provider])
	r.readTier(x.texts[tier])
}

func (r *reading) readProvider(ids []attrs.ID) {
	for _, id := range ids {
		if s := r.span.Attrs.String(id); s != "" && r.rec.Provider == "" {
			s = r.keep(s)
			if r.rec.Provider = CanonicalProvider(s); r.rec.Provider != "" || r.named == "" {
				r.named = s
			}
		}
	}
}

func (r *reading) readTier(ids []attrs.ID) {
	for _, id := range ids {
		if s := r.span.Attrs.String(id); s != "" && r.rec.Tier == "" {
			r.setTier(s)
		}
	}
}

// setTier keeps a tier that names a price. "auto" leaves it to the provider,
// and "normal" is Claude Code's word for having chosen no other speed.
func (r *reading) setTier(s string) {
	if s = r.keep(s); s != "auto" && s != "normal" {
		r.rec.Tier = s
	}
}

// recognise finds whose span it is: by scope, by a name that only one writes,
// or by the shape of the response's ID.
func (r *reading) recognise() {
	x, s := r.x, &r.span
	if rules := x.scopes[s.ScopeName]; len(rules) > 0 {
		r.dialect, r.owned = &x.dialects[x.rules[rules[0]].dialect], true
	}
	for _, i := range x.prefixes {
		if r.dialect == nil && strings.HasPrefix(s.ScopeName, x.rules[i].prefix) {
			r.dialect, r.owned = &x.dialects[x.rules[i].dialect], true
		}
	}
	for i := 0; r.dialect == nil && i < len(x.dialects); i++ {
		d := &x.dialects[i]
		switch {
		case d.self != 0 && s.Attrs.Marks()&d.self != 0,
			d.SpanPrefix != "" && strings.HasPrefix(s.Name, d.SpanPrefix),
			d.IDPrefix != "" && strings.HasPrefix(r.rec.ResponseID, d.IDPrefix) && r.statesCost(d.Dialect):
			r.dialect = d
		}
	}
}

func (r *reading) statesCost(d *Dialect) bool {
	for i := range r.x.costs {
		if c := &r.x.costs[i]; c.own == d {
			for _, id := range c.total {
				if r.span.Attrs.Has(id) {
					return true
				}
			}
		}
	}
	return false
}

// readOwnTexts fills in what only the recognised dialect calls so, and takes
// back an ID that identifies no response.
func (r *reading) readOwnTexts() {
	rec := &r.rec
	if d := r.dialect; d != nil && d.Bare {
		if p := r.text(d.texts[provider]); p != "" {
			if known := CanonicalProvider(p); known != "" {
				rec.Provider, r.named = known, p // it knows the host, where the common names say the maker
			}
		}
		if rec.RequestModel == "" {
			rec.RequestModel = r.text(d.texts[requestModel])
		}
		if rec.ResponseModel == "" {
			rec.ResponseModel = r.text(d.texts[responseModel])
		}
		if rec.ResponseID == "" {
			rec.ResponseID = r.text(d.texts[responseID])
		}
		if rec.Tier == "" {
			r.readTier(d.texts[tier])
		}
	}
	// An ID with req_ is that of the HTTP request: Claude Code writes it here,
	// also for a request that was refused. It is unique and harmless as a key,
	// but no sign that an answer began.
	if rec.ResponseID != "" && !strings.HasPrefix(rec.ResponseID, "req_") {
		rec.Traits |= ResponseBegan
	}
	// The AI SDK invents an ID where the provider sent none.
	if strings.HasPrefix(rec.ResponseID, "aitxt-") {
		rec.ResponseID = ""
	}
}

// readKind asks all kind attributes. One that says aggregate outweighs one
// that says call: a wrapper that passes for a call is billed twice.
func (r *reading) readKind() {
	rec := &r.rec
	for i := range r.x.kinds {
		k := &r.x.kinds[i]
		if k.own != nil && (r.dialect == nil || r.dialect.Dialect != k.own) {
			continue
		}
		v := r.span.Attrs.String(k.id)
		if v == "" {
			continue
		}
		means := k.means(v)
		if means != silent && rec.Dialect == "" {
			rec.Dialect = k.dialect.Name
		}
		switch means {
		case calls, embeds, fetches:
			if rec.Kind == Unknown {
				rec.Kind = Leaf
			}
			if means == embeds {
				rec.Class = Embedding
			}
			if means == fetches {
				rec.Traits |= Fetched
			}
		case wraps, tool, agent:
			rec.Kind = Aggregate
			if means == tool {
				rec.Traits |= Tool
			}
			if means == agent {
				rec.Traits |= Agent
			}
		}
	}
	if rec.Kind == Unknown && rec.ResponseID != "" {
		rec.Kind = Leaf // an answer of a provider has an ID, an agent's has none
	}
	if containsFold(rec.Model(), "embed") {
		rec.Class = Embedding // Langfuse calls them all generations
	}
}

func (k *kind) means(value string) meaning {
	var buf [64]byte
	b := lower(buf[:], strings.Trim(value, `"`)) // MLflow writes its values as JSON
	if m, ok := k.Values[string(b)]; ok {
		return m
	}
	for _, g := range k.globs {
		if g.matches(b) {
			return g.means
		}
	}
	return k.Otherwise
}

func (g *glob) matches(value []byte) bool {
	if len(value) < len(g.start)+len(g.end) || string(value[:len(g.start)]) != g.start || string(value[len(value)-len(g.end):]) != g.end {
		return false
	}
	for i := 0; i+len(g.within) <= len(value); i++ {
		if string(value[i:i+len(g.within)]) == g.within {
			return true
		}
	}
	return false
}

// readCounts reads the usage under one dialect's names and fills in from the
// others what that one lacks.
func (r *reading) readCounts() {
	marks := r.span.Attrs.Marks()
	if d := r.dialect; d != nil && marks&d.usage != 0 && r.family(d) {
		r.base = d
	}
	for i := 0; r.base == nil && i < len(r.x.dialects); i++ {
		if d := &r.x.dialects[i]; d != r.dialect && !d.Bare && marks&d.usage != 0 && r.family(d) {
			r.base = d
		}
	}
	if r.base == nil {
		r.counts = [parts]Count{} // zeros alone say nothing
	}
	for i := range r.x.dialects {
		if d := &r.x.dialects[i]; r.base != nil && d != r.base && (!d.Bare || d == r.dialect) && marks&d.usage != 0 {
			r.fill(d)
		}
	}
	switch {
	case r.dialect != nil:
		r.rec.Dialect = r.dialect.Name
	case r.base != nil:
		r.rec.Dialect = r.base.Name
	}
	n := &r.counts
	if n[input].OK || n[output].OK {
		plus(&n[input], n[splitInputAudio])
		plus(&n[output], n[splitOutput])
		plus(&n[output], n[splitOutputAudio])
		plus(&n[inputAudio], n[splitInputAudio])
		plus(&n[outputAudio], n[splitOutputAudio])
	}
	if n[inputImage].N > 0 || n[outputImage].N > 0 || n[video].N > 0 {
		r.rec.Traits |= Pictures
	}
	r.rec.Counts = Counts{
		Input: n[input], Output: n[output], CacheRead: n[cacheRead], CacheWrite: n[cacheWrite],
		CacheWrite5m: n[cacheWrite5m], CacheWrite1h: n[cacheWrite1h], Reasoning: n[reasoning], InputAudio: n[inputAudio],
		CacheReadAudio: n[cacheReadAudio], OutputAudio: n[outputAudio], Total: n[total],
	}
}

func plus(c *Count, more Count) {
	if more.N > 0 {
		*c = Of(min(c.N+more.N, maxCount))
	}
}

// family reads the numbers of one dialect and reports whether they say
// anything.
func (r *reading) family(d *compiled) bool {
	r.counts = [parts]Count{}
	r.fill(d)
	for p := range total {
		if r.counts[p].N > 0 {
			return true
		}
	}
	return false
}

// ofWhole reports whether a number is a total or goes with one.
func (p part) ofWhole() bool {
	return p == input || p == output || p == total || p >= splitInputAudio
}

// fill reads those numbers of a dialect that are still unknown. Input, output
// and total belong together: a dialect that comes second never gives one of
// them to one that came first.
func (r *reading) fill(d *compiled) {
	whole := r.counts[input].OK || r.counts[output].OK
	for p := range parts {
		if r.counts[p].OK || whole && p.ofWhole() {
			continue
		}
		for _, id := range d.counts[p] {
			v, present := r.span.Attrs.Get(id)
			if !present {
				continue
			}
			n, bad := countOf(v)
			r.rec.Bad |= bad
			if n.OK {
				r.counts[p] = n
				break
			}
		}
	}
	for _, b := range d.blobs {
		v, present := r.span.Attrs.Get(b.id)
		if !present || b.Leaf && r.rec.Kind == Aggregate {
			continue
		}
		r.fillFromBlob(b.blob, v, whole)
	}
}

func (r *reading) fillFromBlob(b *blob, v pcommon.Value, whole bool) {
	o, ok := openObject(v)
	if !ok {
		if !b.Spare {
			r.rec.Bad |= BadBlob
		}
		return
	}
	var taken [parts]Count
	for {
		s, more := o.step()
		if !more {
			break
		}
		if p, known := b.Counts[string(s.path)]; known {
			n, bad := countOfText(s.text)
			r.rec.Bad |= bad
			if n.OK && p >= splitInputAudio { // several keys can be shares
				plus(&taken[p], n)
			} else if n.OK {
				taken[p] = n
			}
		} else if t, known := b.Texts[string(s.path)]; known && s.quoted {
			r.takeText(t, s.text)
		}
	}
	for p := range parts {
		if taken[p].OK && !r.counts[p].OK && !(whole && p.ofWhole()) {
			r.counts[p] = taken[p]
		}
	}
}

func (r *reading) takeText(t text, s string) {
	switch {
	case t == tier && r.rec.Tier == "":
		r.setTier(s)
	case t == requestModel && r.rec.RequestModel == "":
		r.rec.RequestModel = r.keep(s)
	}
}

// readTraits reads what became of the call.
func (r *reading) readTraits() {
	rec, a := &r.rec, r.span.Attrs
	for _, id := range r.x.finish {
		if v, ok := a.Get(id); ok {
			any, isError := finishReasons(v)
			r.finished = r.finished || any || isError
			if isError {
				rec.Traits |= Failed
			} else if any {
				rec.Traits |= ResponseBegan
			}
		}
	}
	for _, id := range r.x.began {
		if a.Has(id) {
			rec.Traits |= ResponseBegan
		}
	}
	for _, id := range r.x.stream {
		if v, ok := a.Get(id); ok {
			truth, ok := truthOf(v)
			if truth {
				rec.Traits |= Streamed
			}
			r.plain = r.plain || ok && !truth
		}
	}
	for _, id := range r.x.hit {
		if v, ok := a.Get(id); ok {
			if truth, _ := truthOf(v); truth {
				rec.Traits |= SemanticHit
			}
		}
	}
	r.readFailure()
}

func (r *reading) readFailure() {
	rec, a := &r.rec, r.span.Attrs
	errType := a.String(r.x.errType)
	if r.span.StatusError || errType != "" {
		rec.Traits |= Failed
	}
	if errType == "" {
		errType = r.span.ErrorType // an exception that was recorded may have been handled: alone it is no failure
	}
	for _, f := range r.x.failure {
		if f.own != nil && (r.dialect == nil || r.dialect.Dialect != f.own) {
			continue
		}
		if v, ok := a.Get(f.id); ok && strings.EqualFold(v.AsString(), f.value) {
			rec.Traits |= Failed
		}
	}
	if rec.Traits.Has(Failed) && isLocalError(errType) {
		rec.Traits |= LocalError
	}
}

// addUncounted puts billed tokens that no emitter has in its totals where they
// are billed. It comes last: the proofs want the totals as they were written.
func (r *reading) addUncounted() {
	plus(&r.rec.Counts.Input, r.counts[moreInput])
	plus(&r.rec.Counts.Output, r.counts[moreOutput])
}
