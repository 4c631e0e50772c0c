package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// maxBlob is the longest JSON text that is looked into. Longer ones hold
// documents, not usage.
const maxBlob = 64 << 10

// object steps through the numbers and texts of an attribute that holds an
// object, as JSON or as a map.
type object struct {
	scan
	flat []flatScalar // of a map
	json bool
}

type flatScalar struct {
	path, text string
	quoted     bool
}

// openObject reports false for what is not a whole object. Nothing at all is
// an empty one.
func openObject(v pcommon.Value) (o object, ok bool) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		s := v.Str()
		if len(s) > maxBlob {
			return o, false
		}
		if t := strings.TrimSpace(s); t == "" || t == "null" || t == "None" {
			return o, true
		}
		// Stepped through beforehand, so that nothing is taken of a text that
		// turns out to be cut off.
		check := scan{s: s}
		for more := true; more; {
			_, more = check.next()
		}
		o.s, o.json = s, true
		return o, !check.bad
	case pcommon.ValueTypeMap:
		o.flat = flatten(nil, v.Map(), "", 1)
		return o, true
	}
	return o, v.Type() == pcommon.ValueTypeEmpty
}

func (o *object) step() (scalar, bool) {
	if o.json {
		return o.next()
	}
	if len(o.flat) == 0 {
		return scalar{}, false
	}
	f := o.flat[0]
	o.flat = o.flat[1:]
	return scalar{path: append(o.path[:0], f.path...), text: f.text, quoted: f.quoted}, true
}

// flatten lists the scalars of a map. It allocates, which the few instrumentations
// that write maps have to bear.
func flatten(flat []flatScalar, m pcommon.Map, path string, depth int) []flatScalar {
	for key, v := range m.All() {
		p := key
		if path != "" {
			p = path + "." + key
		}
		switch v.Type() {
		case pcommon.ValueTypeMap:
			if depth < maxScanDepth {
				flat = flatten(flat, v.Map(), p, depth+1)
			}
		case pcommon.ValueTypeInt, pcommon.ValueTypeDouble:
			flat = append(flat, flatScalar{path: p, text: v.AsString()})
		case pcommon.ValueTypeStr:
			flat = append(flat, flatScalar{path: p, text: v.Str(), quoted: true})
		}
	}
	return flat
}

// scan steps through the scalars of a JSON object that lie in objects alone;
// arrays are passed over. It allocates nothing and takes Python's spelling
// too ({'input': 5, 'cached': None}), which some exporters write by printing a
// dict. encoding/json was rejected: it reads no such text, and for the three
// numbers we want it would build all of a provider's metadata.
//
// A text that is cut off, as attribute length limits do, ends with bad set:
// the numbers before the cut are right, but those behind it are missing, and
// half a usage is worse than none.
type scan struct {
	s    string
	i    int
	path [128]byte
	ends [maxScanDepth]int // ends[d]: length of the path of the object at depth d; -1 where it did not fit
	d    int               // depth of the open object; 0 before the first and after the last
	bad  bool
	done bool
}

const maxScanDepth = 10

// scalar is one value with its path; the path is valid until the next step.
type scalar struct {
	path   []byte
	text   string // as it stands, without quotes; escapes are not undone
	quoted bool
}

// next gives the next scalar whose path is known. After the last one, or at
// the first error, ok is false.
func (c *scan) next() (v scalar, ok bool) {
	if !c.done && c.d == 0 {
		c.space()
		if c.i >= len(c.s) || c.s[c.i] != '{' {
			return c.fail()
		}
		c.i++
		c.d = 1
		c.ends[0] = 0
	}
	for !c.done && !c.bad {
		c.space()
		if c.i >= len(c.s) {
			return c.fail()
		}
		switch c.s[c.i] {
		case ',':
			c.i++
		case '}':
			c.i++
			c.close()
		case '"', '\'':
			key, good := c.quoted()
			if !good {
				return c.fail()
			}
			if v, ok = c.value(key); ok {
				return v, true
			}
		default:
			return c.fail()
		}
	}
	return scalar{}, false
}

func (c *scan) fail() (scalar, bool) {
	c.bad, c.done = true, true
	return scalar{}, false
}

func (c *scan) close() {
	c.d--
	if c.d > 0 {
		return
	}
	c.done = true
	c.space()
	c.bad = c.i < len(c.s)
}

// value reads what follows a key: it opens an object, passes over an array, or
// gives a scalar.
func (c *scan) value(key string) (v scalar, ok bool) {
	c.space()
	if c.i >= len(c.s) || c.s[c.i] != ':' {
		return c.fail()
	}
	c.i++
	c.space()
	if c.i >= len(c.s) {
		return c.fail()
	}
	end := c.extend(key)
	switch b := c.s[c.i]; {
	case b == '{' && c.d < maxScanDepth:
		c.i++
		c.ends[c.d] = end
		c.d++
		return scalar{}, false
	case b == '{' || b == '[':
		if !c.skip() {
			return c.fail()
		}
		return scalar{}, false
	case b == '"' || b == '\'':
		text, good := c.quoted()
		if !good {
			return c.fail()
		}
		v = scalar{text: text, quoted: true}
	default:
		start := c.i
		for c.i < len(c.s) && strings.IndexByte(",}] \t\r\n", c.s[c.i]) < 0 {
			c.i++
		}
		if c.i >= len(c.s) || c.i == start { // a number at the very end is a number cut off
			return c.fail()
		}
		v = scalar{text: c.s[start:c.i]}
	}
	if end < 0 {
		return scalar{}, false
	}
	v.path = c.path[:end]
	return v, true
}

// extend puts a key behind the path of the open object and gives the length of
// the new path, -1 where it does not fit.
func (c *scan) extend(key string) int {
	at := c.ends[c.d-1]
	if at < 0 || at+1+len(key) > len(c.path) {
		return -1
	}
	if at > 0 {
		c.path[at] = '.'
		at++
	}
	return at + copy(c.path[at:], key)
}

// quoted reads the string that begins here.
func (c *scan) quoted() (string, bool) {
	quote := c.s[c.i]
	start := c.i + 1
	for i := start; i < len(c.s); i++ {
		switch c.s[i] {
		case '\\':
			i++
		case quote:
			c.i = i + 1
			return c.s[start:i], true
		}
	}
	return "", false
}

// skip passes over the array or object that begins here.
func (c *scan) skip() bool {
	for depth := 0; c.i < len(c.s); {
		switch c.s[c.i] {
		case '"', '\'':
			if _, good := c.quoted(); !good {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		c.i++
		if depth == 0 {
			return true
		}
	}
	return false
}

func (c *scan) space() {
	for c.i < len(c.s) {
		switch c.s[c.i] {
		case ' ', '\t', '\r', '\n':
			c.i++
		default:
			return
		}
	}
}
