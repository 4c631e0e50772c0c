package run

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"unsafe"

	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/digest"
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
	w := digest.On(room[:])
	w.Text(s.Tenant)
	w.Text(s.RunID)
	w.Number(int64(s.Part))
	s.Anchor.Digest(&w)
	w.Number(int64(len(s.Links)))
	for _, k := range s.Links {
		k.Digest(&w)
	}
	w.Text(string(s.Completion))
	for _, v := range s.Identity {
		w.Text(v)
	}
	s.Root.digest(&w)
	w.Numbers(int64(s.Conflicts), s.Deadline, s.Start, s.End)
	w.Bool(s.Cancelled)
	s.Outcome.Digest(&w)
	s.Cost.Digest(&w)
	w.Text(s.Service)
	w.Texts(s.Services)
	w.Numbers(int64(s.SpanCount), int64(s.ErrorCount), int64(s.TraceCount), int64(s.ToolCalls), int64(s.Untimed))
	return w.Sum()
}

func (r *Root) digest(w *digest.Writer) {
	w.Bool(r != nil)
	if r == nil {
		return
	}
	w.Text(r.StartTime)
	w.Number(int64(len(r.Copied)))
	for _, a := range r.Copied {
		w.Text(a.Key)
		switch v := a.Value.(type) {
		case string:
			w.Text("s" + v)
		case bool:
			w.Text("b" + strconv.FormatBool(v))
		case int64:
			w.Text("i" + strconv.FormatInt(v, 10))
		case float64:
			w.Text("f" + strconv.FormatFloat(v, 'g', -1, 64))
		}
	}
}

// Digest writes what identifies the span.
func (k SpanKey) Digest(w *digest.Writer) {
	w.Raw(k.Trace[:])
	w.Raw(k.Span[:])
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
