package genai

import (
	"strings"

	"github.com/runrollup/runrollupprocessor/internal/attrs"
)

// Extractor reads records out of spans. It is fixed after [New] and may be used
// by several goroutines, each with an [attrs.Reader] of its own.
type Extractor struct {
	signs uint64 // marks of names of which one must be there for a span to be looked at

	dialects []compiled
	byMark   uint64 // marks of names that say which dialect it is

	texts   [texts][]attrs.ID
	finish  []attrs.ID
	stream  []attrs.ID
	began   []attrs.ID
	hit     []attrs.ID
	failure []failure
	kinds   []kind
	costs   []cost // the operator's own first, then from the most believed to the least
	errType attrs.ID

	rules    []rule
	scopes   map[string][]int // exact scope names to rules
	prefixes []int            // rules with a prefix
}

// compiled is a dialect with IDs for names.
type compiled struct {
	*Dialect
	usage  uint64 // marks that some number of it is there
	self   uint64 // marks that only it writes
	counts [parts][]attrs.ID
	texts  [texts][]attrs.ID
	blobs  []compiledBlob
	rules  []int // of any scope

	borrows   []attrs.ID
	whole     bool // has names for a whole usage, not only for what others lack
	versionIn attrs.ID
}

type compiledBlob struct {
	*blob
	id attrs.ID
}

type failure struct {
	id    attrs.ID
	value string
	own   *Dialect // nil: believed on any span
}

type kind struct {
	*kindNames
	id      attrs.ID
	own     *Dialect // nil: read on any span
	globs   []glob
	dialect *Dialect
}

// glob is a value with a star at an end, or at both.
type glob struct {
	start, within, end string
	means              meaning
}

type cost struct {
	class    CostClass
	own      *Dialect
	total    []attrs.ID
	sum      []attrs.ID
	less     attrs.ID
	unless   []attrs.ID
	plus     attrs.ID
	plusIf   attrs.ID
	currency attrs.ID
	source   attrs.ID
	blob     attrs.ID // not None: a cost within a blob
	path     string
	leaf     bool
}

type rule struct {
	emitter
	prefix  string
	with    attrs.ID
	dialect int
}

// New makes an extractor and registers all names it asks for in the table. The
// operator's own attributes for a call's total cost in US dollars are believed
// before all others, the first that is present.
func New(table *attrs.Table, operatorCostAttributes []string) *Extractor {
	x := &Extractor{scopes: map[string][]int{}, dialects: make([]compiled, len(dialects))}
	sign := table.NewMark()
	x.signs = sign
	b := builder{x: x, table: table, sign: sign}
	for _, name := range operatorCostAttributes {
		if name != "" {
			x.costs = append(x.costs, cost{class: OperatorCost, total: b.signs([]string{name})}.without())
		}
	}
	for i, d := range dialects {
		b.dialect(i, d)
	}
	for class := OperatorCost; class <= LocalCost; class++ {
		for _, d := range dialects {
			b.costs(d, class)
		}
	}
	x.errType = table.Add("error.type")
	return x
}

// builder turns names into IDs.
type builder struct {
	x     *Extractor
	table *attrs.Table
	sign  uint64
}

func (b *builder) ids(names []string) []attrs.ID {
	ids := make([]attrs.ID, len(names))
	for i, name := range names {
		ids[i] = b.table.Add(name)
	}
	return ids
}

// signs are IDs of names that make a span worth a look.
func (b *builder) signs(names []string) []attrs.ID {
	ids := b.ids(names)
	for _, id := range ids {
		b.table.Mark(id, b.sign)
	}
	return ids
}

func (b *builder) one(name string) attrs.ID {
	if name == "" {
		return attrs.None
	}
	return b.table.Add(name)
}

func (b *builder) dialect(at int, d *Dialect) {
	x := b.x
	c := &x.dialects[at]
	c.Dialect = d
	c.whole = len(d.Counts[input]) > 0
	c.versionIn = b.one(d.VersionIn)
	c.borrows = b.ids(d.Borrows)
	c.usage = b.table.NewMark()
	for p, names := range d.Counts {
		c.counts[p] = b.signs(names)
		for _, id := range c.counts[p] {
			b.table.Mark(id, c.usage)
		}
	}
	for i := range d.Blobs {
		id := b.signs([]string{d.Blobs[i].Attr})[0]
		b.table.Mark(id, c.usage)
		c.blobs = append(c.blobs, compiledBlob{&d.Blobs[i], id})
		for _, p := range d.Blobs[i].Counts {
			c.whole = c.whole || p == input
		}
	}
	if len(d.Marks) > 0 {
		c.self = b.table.NewMark()
		x.byMark |= c.self
		for _, id := range b.ids(d.Marks) {
			b.table.Mark(id, c.self)
		}
	}
	for t := range texts {
		c.texts[t] = b.ids(d.Texts[t])
		if t == responseID && !d.Bare {
			b.signs(d.Texts[t])
		}
		if !d.Bare {
			x.texts[t] = append(x.texts[t], c.texts[t]...)
		}
	}
	x.finish = append(x.finish, b.ids(d.Finish)...)
	x.stream = append(x.stream, b.ids(d.Stream)...)
	x.began = append(x.began, b.ids(d.Began)...)
	x.hit = append(x.hit, b.signs(d.Hit)...)
	for name, value := range d.Failure {
		f := failure{id: b.table.Add(name), value: value}
		if d.Bare {
			f.own = d
		}
		x.failure = append(x.failure, f)
	}
	b.kinds(d)
	b.emitters(at)
}

func (b *builder) kinds(d *Dialect) {
	for i := range d.Kinds {
		names := &d.Kinds[i]
		k := kind{kindNames: names, id: b.signs([]string{names.Attr})[0], dialect: d}
		if names.Own {
			k.own = d
		}
		for value, means := range names.Values {
			if within, star := strings.CutPrefix(value, "*"); star && strings.HasSuffix(within, "*") {
				k.globs = append(k.globs, glob{within: strings.TrimSuffix(within, "*"), means: means})
			} else if start, end, star := strings.Cut(value, "*"); star {
				k.globs = append(k.globs, glob{start: start, end: end, means: means})
			}
		}
		b.x.kinds = append(b.x.kinds, k)
	}
}

func (b *builder) emitters(dialect int) {
	x := b.x
	c := &x.dialects[dialect]
	for _, e := range c.Emitters {
		r := rule{emitter: e, dialect: dialect, with: b.one(e.With)}
		at := len(x.rules)
		if e.Scope == "" {
			c.rules = append(c.rules, at)
		} else if prefix, star := strings.CutSuffix(e.Scope, "*"); star {
			r.prefix = prefix
			x.prefixes = append(x.prefixes, at)
		} else {
			x.scopes[e.Scope] = append(x.scopes[e.Scope], at)
		}
		x.rules = append(x.rules, r)
	}
}

// costs adds what a dialect has of one class.
func (b *builder) costs(d *Dialect, class CostClass) {
	for _, n := range d.Costs {
		if n.Class != class {
			continue
		}
		c := cost{
			class: n.Class, total: b.signs(n.Total), sum: b.signs(n.Sum), less: b.one(n.Less), unless: b.ids(n.Unless),
			plus: b.one(n.Plus), plusIf: b.one(n.PlusIf), currency: b.one(n.Currency), source: b.one(n.Source), blob: attrs.None,
		}
		if n.Own {
			c.own = d
		}
		b.x.costs = append(b.x.costs, c)
	}
	for _, bl := range d.Blobs {
		for path, of := range bl.Costs {
			if of == class {
				c := cost{class: class, path: path, leaf: bl.Leaf}.without()
				c.blob = b.table.Add(bl.Attr)
				b.x.costs = append(b.x.costs, c)
			}
		}
	}
}

// without says that a cost has none of the further names.
func (c cost) without() cost {
	c.less, c.plus, c.plusIf, c.currency, c.source, c.blob = attrs.None, attrs.None, attrs.None, attrs.None, attrs.None, attrs.None
	return c
}
