// Package attrs reads the attributes of a span in one pass.
//
// A span has fifteen attributes or so, and we ask for some two hundred names.
// Asking the map for each name costs the product; ranging over the attributes
// once and looking each name up in a table costs the sum. [Table] is fixed
// when the component is built; a [Reader] is filled again for every span and
// allocates nothing.
package attrs

import (
	"strings"

	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// ID is the place of a name in a [Table].
type ID uint16

// None is no name.
const None ID = 1<<16 - 1

// Table gives every name that is read a dense ID.
type Table struct {
	ids    map[string]ID
	names  []string
	marks  []uint64 // by ID
	nmarks int
	// slots has, by a cheap mixture of a name's letters, the first name that
	// came there. Nearly all foreign names find an empty slot, and nearly all
	// others their own: only what shares a slot is looked up in ids.
	slots [slotCount]ID
}

// NewTable makes an empty table.
func NewTable() *Table {
	t := &Table{ids: map[string]ID{}}
	for i := range t.slots {
		t.slots[i] = None
	}
	return t
}

// Add gives the ID of a name, a new one where the name is new.
func (t *Table) Add(name string) ID {
	if id, ok := t.ids[name]; ok {
		return id
	}
	if name == "" || len(t.names) >= int(None) {
		panic(fmt.Sprintf("attrs: cannot add name %q as number %d", name, len(t.names)))
	}
	id := ID(len(t.names))
	t.ids[name] = id
	t.names = append(t.names, name)
	t.marks = append(t.marks, 0)
	if at := slotOf(name); t.slots[at] == None {
		t.slots[at] = id
	}
	return id
}

// slotCount is some twenty slots a name, so that about one foreign name in
// twenty is looked up for nothing.
const slotCount = 8192

// slotOf is a cheap mixture of what tells attribute names apart: their length
// and a letter of each third. The name is not empty.
func slotOf(name string) uint {
	n := uint(len(name))
	return (n*1009 + uint(name[0])*31 + uint(name[n/3])*127 + uint(name[n*2/3])*613 + uint(name[n-1])*2053) % slotCount
}

// NewMark gives a bit that no other part of the program uses, for [Table.Mark].
func (t *Table) NewMark() uint64 {
	if t.nmarks == 64 {
		panic("attrs: more than 64 marks")
	}
	t.nmarks++
	return 1 << (t.nmarks - 1)
}

// Mark makes a name the sign of something: a [Reader] that meets the name in a
// map has these bits in its marks.
func (t *Table) Mark(id ID, bits uint64) { t.marks[id] |= bits }

// Len is the number of names.
func (t *Table) Len() int { return len(t.names) }

// Name is the name of an ID.
func (t *Table) Name(id ID) string { return t.names[id] }

// Find gives the ID of a name, None where it is not in the table.
func (t *Table) Find(name string) ID {
	if name == "" {
		return None
	}
	switch id := t.slots[slotOf(name)]; {
	case id == None:
		return None
	case t.names[id] == name:
		return id
	}
	if id, ok := t.ids[name]; ok {
		return id
	}
	return None
}

// Reader holds the values of one attribute map, by ID. It is not safe for
// concurrent use, and its values live no longer than the map they came from.
type Reader struct {
	table  *Table
	values []pcommon.Value
	filled []uint32 // the round in which values[i] was filled
	round  uint32
	marks  uint64
	other  func(name string, v pcommon.Value)
	visit  func(string, pcommon.Value) bool
}

// NewReader makes a reader over the names of a table. Names that are not in
// the table go to other, where it is not nil.
func NewReader(t *Table, other func(name string, v pcommon.Value)) *Reader {
	r := &Reader{table: t, values: make([]pcommon.Value, t.Len()), filled: make([]uint32, t.Len()), other: other}
	// Made once: a closure made for each span would be allocated for each span.
	r.visit = func(name string, v pcommon.Value) bool {
		if id := r.table.Find(name); id != None {
			r.values[id] = v
			r.filled[id] = r.round
			r.marks |= r.table.marks[id]
		} else if r.other != nil {
			r.other(name, v)
		}
		return true
	}
	return r
}

// Read forgets the map before and takes in m. Where a name stands twice, which
// OTLP forbids, the last one counts.
func (r *Reader) Read(m pcommon.Map) {
	r.marks = 0
	r.round++
	if r.round == 0 { // wrapped: the marks of the last time round would count as filled
		clear(r.filled)
		r.round = 1
	}
	m.Range(r.visit)
}

// Get gives the value of a name, and whether the map had it.
func (r *Reader) Get(id ID) (pcommon.Value, bool) {
	if id == None || r.filled[id] != r.round {
		return pcommon.Value{}, false
	}
	return r.values[id], true
}

// Marks are the marks of all names that the map had. They tell in one
// comparison that a span is none of some part's business.
func (r *Reader) Marks() uint64 { return r.marks }

// Has reports whether the map had the name.
func (r *Reader) Has(id ID) bool { return id != None && r.filled[id] == r.round }

// String gives a name's value where it is a string that is not empty.
func (r *Reader) String(id ID) string {
	if v, ok := r.Get(id); ok && v.Type() == pcommon.ValueTypeStr {
		return Text(v.Str())
	}
	return ""
}

// Text is s with what is no UTF-8 replaced. OTLP calls for UTF-8 and the
// receiver does not insist on it, but others do: one such text in a summary, or
// in a metric, and the whole batch or scrape is refused.
func Text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
