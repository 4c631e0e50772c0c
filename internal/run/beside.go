package run

import (
	"slices"
	"weak"
)

// Beside is a snapshot to look at other runs together with. What it costs to
// find the spans of a trace in it is paid once for all such snapshots of the run
// as it is: a run of many traces may stand beside another in each. So they share
// what [Summarize] finds, and it may use them in one goroutine at a time.
func (r *Run) Beside() Run {
	s := r.Snapshot()
	if len(r.nodes) <= scanLimit {
		return s
	}
	x := r.byTrace.Value()
	if x == nil || len(x.nodes) != len(r.nodes) || &x.nodes[0] != &r.nodes[0] { // what a snapshot has is never written over
		x = &traceIndex{nodes: r.nodes}
		r.byTrace = weak.Make(x)
	}
	s.traces = x
	return s
}

// traceIndex finds the spans of a trace among nodes. It lives for as long as a
// snapshot does.
type traceIndex struct {
	nodes []node
	at    map[[16]byte][]uint32 // by trace, the places in nodes; nil until somebody asks
}

func (x *traceIndex) of(trace [16]byte) []uint32 {
	if x.at == nil {
		x.at = map[[16]byte][]uint32{}
		for from := 0; from < len(x.nodes); {
			trace := x.nodes[from].key.Trace
			list := x.at[trace]
			for ; from < len(x.nodes) && x.nodes[from].key.Trace == trace; from++ {
				list = append(list, uint32(from))
			}
			x.at[trace] = list
		}
	}
	return x.at[trace]
}

// foreign is the spans of other runs in the traces of this one.
func foreign(nodes []node, beside []Run) []node {
	if len(beside) == 0 {
		return nil
	}
	traces := map[[16]byte]bool{}
	for i := range nodes {
		traces[nodes[i].key.Trace] = true
	}
	var list []node
	var places []uint32
	for i := range beside {
		b := &beside[i]
		if b.traces == nil || len(b.nodes) <= len(traces) {
			for j := range b.nodes {
				if n := &b.nodes[j]; traces[n.key.Trace] {
					list = append(list, *n)
				}
			}
			continue
		}
		places = places[:0]
		for trace := range traces {
			places = append(places, b.traces.of(trace)...)
		}
		slices.Sort(places) // in the order of arrival, as without the index
		for _, j := range places {
			list = append(list, b.nodes[j])
		}
	}
	return list
}
