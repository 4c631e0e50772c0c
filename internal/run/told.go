package run

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"unsafe"

	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
)

// Told is what has to be kept of a part's last summary to make the next one a
// revision of it: a few hundred bytes, where the summary is some kilobytes.
type Told struct {
	Revision int
	Anchor   SpanKey
	Status   outcome.Status
	Total    money.Amount
	Models   []cost.Model // by provider, then name
	Digest   [sha256.Size]byte
}

// Told is what to keep of s.
func (s *Summary) Told() Told {
	return Told{
		Revision: s.Revision, Anchor: s.Anchor, Status: s.Outcome.Status,
		Total: s.Cost.Total, Models: s.Cost.Models, Digest: s.digest(),
	}
}

// Bytes is about how much memory t takes.
func (t *Told) Bytes() int {
	n := int(unsafe.Sizeof(*t)) + len(t.Models)*int(unsafe.Sizeof(cost.Model{}))
	for i := range t.Models {
		n += len(t.Models[i].Provider) + len(t.Models[i].Name)
	}
	return n
}

// Revise makes s the revision after last: the same part, told again. It
// reports false where s says nothing that last did not say.
func (s *Summary) Revise(last *Told) bool {
	s.Anchor = last.Anchor
	if s.digest() == last.Digest {
		return false
	}
	s.Revision = last.Revision + 1
	s.PreviousStatus = outcome.ChangedFrom(last.Status, s.Outcome.Status)
	// Both totals are within the range and never negative: neither difference can leave it.
	s.Increase = s.Cost.Total - last.Total
	s.ModelIncrease = increases(s.Cost.Models, last.Models)
	return true
}

// increases is what each model of now has more than in before. A model that a
// later span took the place of (a requested name by the returned one) appears
// with what was taken back.
func increases(now, before []cost.Model) []cost.Model {
	list := slices.Clone(now)
	for i := range before {
		b := &before[i]
		at, found := slices.BinarySearchFunc(list, *b, cost.CompareModels)
		if !found {
			list = slices.Insert(list, at, cost.Model{Provider: b.Provider, Name: b.Name})
		}
		list[at].Less(&b.Account)
	}
	return list
}

// digest is a hash over all that s says of the run: not over what it says of
// itself in relation to an earlier summary, nor over the explanation.
func (s *Summary) digest() [sha256.Size]byte {
	var room [2048]byte
	w := digestWriter{b: room[:0]}
	w.text(s.Tenant)
	w.text(s.RunID)
	w.number(int64(s.Part))
	w.key(s.Anchor)
	w.number(int64(len(s.Links)))
	for _, k := range s.Links {
		w.key(k)
	}
	w.text(string(s.Completion))
	for _, v := range s.Identity {
		w.text(v)
	}
	w.root(s.Root)
	w.numbers(int64(s.Conflicts), s.Deadline, s.Start, s.End)
	w.bool(s.Cancelled)
	w.outcome(&s.Outcome)
	w.bill(&s.Cost)
	w.text(s.Service)
	w.texts(s.Services)
	w.numbers(int64(s.SpanCount), int64(s.ErrorCount), int64(s.TraceCount), int64(s.ToolCalls), int64(s.Untimed))
	return sha256.Sum256(w.b)
}

// digestWriter writes values one after another, so that no two sequences of
// the same types make the same bytes.
type digestWriter struct{ b []byte }

func (w *digestWriter) number(n int64) { w.b = binary.LittleEndian.AppendUint64(w.b, uint64(n)) }

func (w *digestWriter) numbers(list ...int64) {
	for _, n := range list {
		w.number(n)
	}
}

func (w *digestWriter) bool(v bool) {
	if v {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

func (w *digestWriter) text(s string) {
	w.number(int64(len(s)))
	w.b = append(w.b, s...)
}

func (w *digestWriter) texts(list []string) {
	w.number(int64(len(list)))
	for _, s := range list {
		w.text(s)
	}
}

func (w *digestWriter) key(k SpanKey) {
	w.b = append(w.b, k.Trace[:]...)
	w.b = append(w.b, k.Span[:]...)
}

func (w *digestWriter) root(r *Root) {
	w.bool(r != nil)
	if r == nil {
		return
	}
	w.text(r.StartTime)
	w.number(int64(len(r.Copied)))
	for _, a := range r.Copied {
		w.text(a.Key)
		switch v := a.Value.(type) {
		case string:
			w.text("s" + v)
		case bool:
			w.text("b" + strconv.FormatBool(v))
		case int64:
			w.text("i" + strconv.FormatInt(v, 10))
		case float64:
			w.text("f" + strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
}

func (w *digestWriter) outcome(o *outcome.Outcome) {
	w.numbers(int64(o.Status), int64(o.Source), o.Time, int64(o.Emissions), int64(o.BadStatus))
	w.bool(o.Conflict)
	for _, s := range [...]string{o.StatusRaw, o.ValueType, o.Reason, o.ErrorType} {
		w.text(s)
	}
	for _, a := range [...]outcome.Amount{o.Amount, o.Confidence} {
		w.bool(a.OK)
		w.number(int64(math.Float64bits(a.N)))
	}
	w.number(int64(len(o.Metadata)))
	for _, m := range o.Metadata {
		w.text(m.Key)
		w.text(m.Value)
	}
}

func (w *digestWriter) bill(b *cost.Bill) {
	w.account(&b.Account)
	w.text(string(b.Source))
	w.texts(b.Cards)
	w.number(int64(len(b.Models)))
	for i := range b.Models {
		w.text(b.Models[i].Provider)
		w.text(b.Models[i].Name)
		w.account(&b.Models[i].Account)
	}
	w.numbers(int64(b.Discarded), int64(b.Accuracy))
	w.texts(b.Caveats)
}

func (w *digestWriter) account(a *cost.Account) {
	t, p := &a.Tokens, &a.Parts
	w.numbers(int64(a.Calls), int64(a.Errors), int64(a.Unpriced), int64(a.Total),
		t.Input, t.CacheRead, t.CacheWrite5m, t.CacheWrite1h, t.InputAudio, t.CacheReadAudio, t.Output, t.Reasoning, t.OutputAudio,
		int64(p.Input), int64(p.Output), int64(p.CacheRead), int64(p.CacheWrite), int64(p.Metered), int64(p.Unsplit))
	w.bool(a.Known)
	w.bool(a.Overflow)
}

// Absorb makes s stand for itself and for old, the revision before it, which
// nobody has seen: what s says to have changed, it says over the one before old.
func (s *Summary) Absorb(old *Summary) {
	before := old.Outcome.Status
	if old.PreviousStatus != nil {
		before = *old.PreviousStatus
	}
	s.PreviousStatus = outcome.ChangedFrom(before, s.Outcome.Status)
	s.Increase += old.Increase
	list := slices.Clone(s.ModelIncrease)
	for i := range old.ModelIncrease {
		o := &old.ModelIncrease[i]
		at, found := slices.BinarySearchFunc(list, *o, cost.CompareModels)
		if !found {
			list = slices.Insert(list, at, cost.Model{Provider: o.Provider, Name: o.Name})
		}
		var negative cost.Account
		negative.Less(&o.Account)
		list[at].Less(&negative)
	}
	s.ModelIncrease = list
}

// Bytes is about how much memory s takes.
func (s *Summary) Bytes() int {
	n := int(unsafe.Sizeof(*s)) + len(s.RunID) + len(s.Service) + s.Identity.bytes() +
		len(s.Links)*int(unsafe.Sizeof(SpanKey{})) + (len(s.Services)+len(s.Cost.Caveats)+len(s.Cost.Cards))*2*stringBytes +
		(len(s.Cost.Models)+len(s.ModelIncrease))*(int(unsafe.Sizeof(cost.Model{}))+4*stringBytes) +
		len(s.Notes)*(int(unsafe.Sizeof(Note{}))+noteBytes)
	for _, m := range s.Outcome.Metadata {
		n += 2*stringBytes + len(m.Key) + len(m.Value)
	}
	if s.Root != nil {
		for _, a := range s.Root.Copied {
			n += 4*stringBytes + len(a.Key)
			if v, ok := a.Value.(string); ok {
				n += len(v)
			}
		}
	}
	return n
}

// noteBytes is what a note points at.
const noteBytes = 1024
