package run

import "github.com/runrollup/runrollupprocessor/internal/genai"

// relevant leaves of a run's spans, and those of runs beside it, only what can
// matter to who is billed: spans with a record, and tools and agents, which
// tell whose the calls beneath them are. Each hangs under its nearest ancestor
// that is left, or under the parent that never came, so nothing of ancestry is
// lost. Most spans of a run are neither, and everything that billing does
// costs by the span. own is how many of those left are the run's own; they
// come first, in the order of nodes.
func relevant(nodes, beside []node) (left []node, own int) {
	calls := false
	count := 0
	for _, list := range [...][]node{nodes, beside} {
		for i := range list {
			if list[i].matters() {
				count++
				calls = calls || list[i].record() != nil
			}
		}
	}
	if !calls {
		return nil, 0
	}
	left = make([]node, 0, count)
	f := family{nodes: nodes, beside: beside}
	for at := range len(nodes) + len(beside) {
		n := *f.at(at)
		if !n.matters() {
			continue
		}
		n.parent = f.above(at)
		left = append(left, n)
		if at < len(nodes) {
			own++
		}
	}
	return left, own
}

func (n *node) record() *genai.Record {
	if n.detail == nil {
		return nil
	}
	return n.detail.Record
}

func (n *node) matters() bool { return n.record() != nil || n.flags&(Tool|Agent) != 0 }

// family finds spans by their key.
type family struct {
	nodes, beside []node
	index         map[SpanKey]int // nil while there are few
	tops          map[int][8]byte // by place of a span that does not matter: what hangs on it hangs under
}

func (f *family) at(i int) *node {
	if i < len(f.nodes) {
		return &f.nodes[i]
	}
	return &f.beside[i-len(f.nodes)]
}

func (f *family) len() int { return len(f.nodes) + len(f.beside) }

func (f *family) find(k SpanKey) (int, bool) {
	if f.len() <= scanLimit {
		for i := range f.len() {
			if f.at(i).key == k {
				return i, true
			}
		}
		return 0, false
	}
	if f.index == nil {
		f.index = make(map[SpanKey]int, f.len())
		for i := f.len() - 1; i >= 0; i-- { // of two with one key the first counts
			f.index[f.at(i).key] = i
		}
	}
	i, ok := f.index[k]
	return i, ok
}

// above is the parent that a span is to hang under: its nearest ancestor that
// matters, else the one that is not there. A circle in which nothing matters
// has no top, and what hangs on it is taken for a root. What is found for a
// span holds for all that were passed on the way, so that a long chain is
// climbed once and not by every span at its end.
func (f *family) above(at int) [8]byte {
	trace, parent := f.at(at).key.Trace, f.at(at).parent
	passed := make([]int, 0, scanLimit)
	for {
		up, ok := f.find(SpanKey{Trace: trace, Span: parent})
		if !ok || f.at(up).matters() {
			break
		}
		if top, known := f.tops[up]; known {
			parent = top
			break
		}
		if len(passed) > f.len() { // a circle
			parent = [8]byte{}
			break
		}
		passed = append(passed, up)
		parent = f.at(up).parent
		if f.at(up).flags&NoParent != 0 {
			break
		}
	}
	if f.len() <= scanLimit { // climbing again costs less than to remember
		return parent
	}
	for _, i := range passed {
		if f.tops == nil {
			f.tops = map[int][8]byte{}
		}
		f.tops[i] = parent
	}
	return parent
}
