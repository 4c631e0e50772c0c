package journal

import (
	"fmt"
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// record is one call of a Handler.
type record struct {
	kind   kind
	values []any // in order; what is a pointer in the call is a value here
}

// records is a Handler that notes what it is told.
type records []record

func (l *records) add(k kind, values ...any) error {
	*l = append(*l, record{kind: k, values: values})
	return nil
}

func (l *records) Tenant(id uint64, m [][]string) error { return l.add(kindTenant, id, m) }
func (l *records) Begin(part, tenant uint64, runID string, began int64) error {
	return l.add(kindBegin, part, tenant, runID, began)
}
func (l *records) Fact(part uint64, f *run.Fact) error { return l.add(kindFact, part, *f) }
func (l *records) Outside(part uint64, k run.SpanKey) error {
	return l.add(kindOutside, part, k)
}
func (l *records) Caveats(part uint64, c billing.Caveats) error {
	return l.add(kindCaveats, part, c)
}
func (l *records) Told(part uint64, c run.Completion, t *run.Told) error {
	return l.add(kindTold, part, c, *t)
}
func (l *records) LetGo(part uint64, c run.Completion) error { return l.add(kindLetGo, part, c) }
func (l *records) Drop(part uint64) error                    { return l.add(kindDrop, part) }
func (l *records) Stray(tenant uint64, f *run.Fact) error    { return l.add(kindStray, tenant, *f) }
func (l *records) Decided(tenant uint64, trace [16]byte) error {
	return l.add(kindDecided, tenant, trace)
}
func (l *records) EventBegin(id, tenant uint64, k event.Key) error {
	return l.add(kindEventBegin, id, tenant, k)
}
func (l *records) Member(id uint64, m *event.Member) error { return l.add(kindMember, id, *m) }
func (l *records) MemberRemoved(id uint64, runID string, part uint64) error {
	return l.add(kindMemberRemoved, id, runID, part)
}
func (l *records) Claim(id uint64, f *run.Fact) error       { return l.add(kindClaim, id, *f) }
func (l *records) EventTold(id uint64, t *event.Told) error { return l.add(kindEventTold, id, *t) }
func (l *records) EventDrop(id uint64) error                { return l.add(kindEventDrop, id) }
func (l *records) Taken(part uint64, n int) error           { return l.add(kindTaken, part, n) }
func (l *records) Reopened(part uint64, n, spans int) error {
	return l.add(kindReopened, part, n, spans)
}
func (l *records) EventTaken(id uint64, n int) error   { return l.add(kindEventTaken, id, n) }
func (l *records) EventChanged(id uint64, n int) error { return l.add(kindEventChanged, id, n) }
func (l *records) Clean() error                        { return l.add(kindClean) }

// write gives the records to a writer.
func (l records) write(w *Writer) {
	for i := range l {
		v := l[i].values
		number := func(i int) uint64 { return v[i].(uint64) }
		fact := func() *run.Fact { f := v[1].(run.Fact); return &f }
		switch l[i].kind {
		case kindTenant:
			w.Tenant(number(0), v[1].([][]string))
		case kindBegin:
			w.Begin(number(0), number(1), v[2].(string), v[3].(int64))
		case kindFact:
			w.Fact(number(0), fact())
		case kindOutside:
			w.Outside(number(0), v[1].(run.SpanKey))
		case kindCaveats:
			w.Caveats(number(0), v[1].(billing.Caveats))
		case kindTold:
			t := v[2].(run.Told)
			w.Told(number(0), v[1].(run.Completion), &t)
		case kindLetGo:
			w.LetGo(number(0), v[1].(run.Completion))
		case kindDrop:
			w.Drop(number(0))
		case kindStray:
			w.Stray(number(0), fact())
		case kindDecided:
			w.Decided(number(0), v[1].([16]byte))
		case kindEventBegin:
			w.EventBegin(number(0), number(1), v[2].(event.Key))
		case kindMember:
			m := v[1].(event.Member)
			w.Member(number(0), &m)
		case kindMemberRemoved:
			w.MemberRemoved(number(0), v[1].(string), number(2))
		case kindClaim:
			w.Claim(number(0), fact())
		case kindEventTold:
			t := v[1].(event.Told)
			w.EventTold(number(0), &t)
		case kindEventDrop:
			w.EventDrop(number(0))
		case kindTaken:
			w.Taken(number(0), v[1].(int))
		case kindReopened:
			w.Reopened(number(0), v[1].(int), v[2].(int))
		case kindEventTaken:
			w.EventTaken(number(0), v[1].(int))
		case kindEventChanged:
			w.EventChanged(number(0), v[1].(int))
		case kindClean:
			w.Clean()
		default:
			panic(fmt.Sprint("no such kind: ", l[i].kind))
		}
	}
}

func (l records) entry() []byte {
	var w Writer
	l.write(&w)
	return w.Take()
}

// samples are what the values of each kind of record look like.
var samples = map[kind][]any{
	kindTenant:        {uint64(0), [][]string(nil)},
	kindBegin:         {uint64(0), uint64(0), "", int64(0)},
	kindFact:          {uint64(0), run.Fact{}},
	kindOutside:       {uint64(0), run.SpanKey{}},
	kindCaveats:       {uint64(0), billing.Caveats(0)},
	kindTold:          {uint64(0), run.Completion(""), run.Told{}},
	kindLetGo:         {uint64(0), run.Completion("")},
	kindDrop:          {uint64(0)},
	kindStray:         {uint64(0), run.Fact{}},
	kindDecided:       {uint64(0), [16]byte{}},
	kindEventBegin:    {uint64(0), uint64(0), event.Key{}},
	kindMember:        {uint64(0), event.Member{}},
	kindMemberRemoved: {uint64(0), "", uint64(0)},
	kindClaim:         {uint64(0), run.Fact{}},
	kindEventTold:     {uint64(0), event.Told{}},
	kindEventDrop:     {uint64(0)},
	kindClean:         {},
	kindTaken:         {uint64(0), 0},
	kindReopened:      {uint64(0), 0, 0},
	kindEventTaken:    {uint64(0), 0},
	kindEventChanged:  {uint64(0), 0},
}

// allKinds are the kinds of records in order.
func allKinds() []kind {
	var list []kind
	for k := range samples {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
