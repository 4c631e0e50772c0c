package journal

import (
	"math"

	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// The bits of a fact that say what follows; its flags are above them. The
// flags of most spans fit the same byte.
const (
	factParent = 1 << iota
	factDetail
	factBits = iota
)

func (w *Writer) fact(f *run.Fact) {
	head := uint64(f.Flags) << factBits
	if f.Parent != [8]byte{} {
		head |= factParent
	}
	if f.Detail != nil {
		head |= factDetail
	}
	w.uvarint(head)
	w.key(&f.Key)
	if head&factParent != 0 {
		w.b = append(w.b, f.Parent[:]...)
	}
	w.time(f.Start)
	w.varint(f.End - f.Start)
	w.identity(&f.Identity)
	w.name(f.Service)
	if f.Detail != nil {
		w.detail(f.Detail)
	}
}

func (r *reader) readFact(f *run.Fact) {
	head := r.bounded(math.MaxUint16<<factBits | factParent | factDetail)
	*f = run.Fact{Flags: run.Flags(head >> factBits), Key: r.key()}
	if head&factParent != 0 {
		f.Parent = r.span()
	}
	f.Start = r.time()
	f.End = f.Start + r.varint()
	f.Identity = r.identity()
	f.Service = r.name()
	if head&factDetail != 0 {
		f.Detail = r.detail()
	}
}

func (w *Writer) identity(v *run.Identity) {
	guess := &w.likely[w.of-1].identity
	if w.identities.has(*guess, v) {
		w.uvarint(*guess)
		return
	}
	var h uint64
	for i := range v {
		h = w.hash(h, v[i])
	}
	n, isNew := w.identities.number(h, v)
	*guess = n
	if !isNew {
		w.uvarint(n)
		return
	}
	w.b = append(w.b, 0)
	for i := range v {
		w.name(v[i])
	}
}

func (r *reader) identity() run.Identity {
	n := r.uvarint()
	if n > 0 {
		return *named(r, r.identities, n)
	}
	var v run.Identity
	for i := range v {
		v[i] = r.name()
	}
	if r.fault == "" {
		r.identities = append(r.identities, v)
	}
	return v
}

// What a detail has.
const (
	detailRecord = 1 << iota
	detailQuote
	detailClaim
	detailRoot
	detailMetered
	detailEnd
)

func (w *Writer) detail(d *run.Detail) {
	has := byte(0)
	if d.Record != nil {
		has |= detailRecord
	}
	if d.Quote != nil {
		has |= detailQuote
	}
	if d.Claim != nil {
		has |= detailClaim
	}
	if d.Root != nil {
		has |= detailRoot
	}
	if d.Metered != nil {
		has |= detailMetered
	}
	w.b = append(w.b, has)
	if d.Record != nil {
		w.call(d.Record)
	}
	if d.Quote != nil {
		w.quote(d.Quote)
	}
	if d.Claim != nil {
		w.claim(d.Claim)
	}
	if d.Root != nil {
		w.root(d.Root)
	}
	if d.Metered != nil {
		writeList(w, d.Metered, w.metered)
	}
}

func (r *reader) detail() *run.Detail {
	has := r.bounded(detailEnd - 1)
	d := &run.Detail{}
	if has&detailRecord != 0 {
		d.Record = r.call()
	}
	if has&detailQuote != 0 {
		d.Quote = r.quote()
	}
	if has&detailClaim != 0 {
		d.Claim = r.claim()
	}
	if has&detailRoot != 0 {
		d.Root = r.root()
	}
	if has&detailMetered != 0 {
		d.Metered = readList(r, 5, r.readMetered)
	}
	return d
}

const (
	meteredUnread = 1 << iota
	meteredOverflow
	meteredEnd
)

func (w *Writer) metered(m *cost.Metered) {
	w.name(m.Attribute)
	w.text(m.Quantity)
	w.varint(int64(m.Amount))
	w.name(m.Card)
	marks := byte(0)
	if m.Unread {
		marks |= meteredUnread
	}
	if m.Overflow {
		marks |= meteredOverflow
	}
	w.b = append(w.b, marks)
}

func (r *reader) readMetered(m *cost.Metered) {
	*m = cost.Metered{Attribute: r.name(), Quantity: r.text(), Amount: money.Amount(r.varint()), Card: r.name()}
	marks := r.bounded(meteredEnd - 1)
	m.Unread, m.Overflow = marks&meteredUnread != 0, marks&meteredOverflow != 0
}

func (w *Writer) root(v *run.Root) {
	w.text(v.StartTime)
	writeList(w, v.Copied, w.attribute)
}

func (r *reader) root() *run.Root {
	return &run.Root{StartTime: r.text(), Copied: readList(r, 2, r.readAttribute)}
}

// The types of a copied attribute's value, and with false and true the value.
const (
	valueNone = iota
	valueText
	valueFalse
	valueTrue
	valueInt
	valueFloat
)

// attribute writes a copied attribute. A value of a type that run.Attribute
// does not allow becomes none.
func (w *Writer) attribute(a *run.Attribute) {
	w.name(a.Key)
	switch v := a.Value.(type) {
	case string:
		w.b = append(w.b, valueText)
		w.text(v)
	case bool:
		w.b = append(w.b, valueFalse)
		if v {
			w.b[len(w.b)-1] = valueTrue
		}
	case int64:
		w.b = append(w.b, valueInt)
		w.varint(v)
	case float64:
		w.b = append(w.b, valueFloat)
		w.float(v)
	default:
		w.b = append(w.b, valueNone)
	}
}

func (r *reader) readAttribute(a *run.Attribute) {
	a.Key = r.name()
	switch r.byte() {
	case valueNone:
	case valueText:
		a.Value = r.text()
	case valueFalse:
		a.Value = false
	case valueTrue:
		a.Value = true
	case valueInt:
		a.Value = r.varint()
	case valueFloat:
		a.Value = r.float()
	default:
		r.fail("a value of a type that is not known")
	}
}
