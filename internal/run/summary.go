package run

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

// Completion is why a run was summarised when it was.
type Completion string

const (
	RootEnded   Completion = "root_ended"   // its root arrived, and nothing more for the quiet period
	Idle        Completion = "idle"         // nothing for the idle timeout, and no root
	MaxDuration Completion = "max_duration" // open for that long; it stays open
	Evicted     Completion = "evicted"      // let go to make room
	Shutdown    Completion = "shutdown"     // the component stops and has no storage
)

// Completions are all there are.
var Completions = [...]Completion{RootEnded, Idle, MaxDuration, Evicted, Shutdown}

// listLimit bounds the lists of a summary: models and services.
const listLimit = 64

// linkLimit bounds the further traces that a summary links to.
const linkLimit = 32

// Summary is what a run's part amounts to. It is a projection: the same facts
// give the same summary.
type Summary struct {
	Tenant   string // the key of the tenant whose run it is; not told, but part of what the summary is known by
	RunID    string
	Part     uint64
	Revision int
	// Anchor is the span that the summary hangs under: the run's root, else
	// its least span, as it was at the part's first revision.
	Anchor SpanKey
	Links  []SpanKey // the least span of each further trace, at most 32

	Completion Completion
	Identity   Identity
	Conflicts  int // fields of the identity in which spans disagree
	Root       *Root
	Deadline   int64 // of the root, Unix nanoseconds; 0 where it has none
	Cancelled  bool  // a span says that the run was cancelled
	Start, End int64 // Unix nanoseconds; 0 where no span has a usable time

	Outcome        outcome.Outcome
	PreviousStatus *outcome.Status // the last revision's, where it was another
	Cost           cost.Bill
	Increase       money.Amount // of the total, over the last revision
	ModelIncrease  []cost.Model // of each of Cost.Models, over the last revision

	Service  string // of the root
	Services []string

	Notes []Note // why each record was billed or not, where asked for

	SpanCount, ErrorCount, TraceCount, ToolCalls int
	Untimed                                      int // spans whose times are left out
}

// Options say what a summary is to hold.
type Options struct {
	Explain bool            // why each record was billed or not
	Prefer  cost.Prefer     // where two places state the cost of a call; empty is cost.Trusted
	Caveats billing.Caveats // that something else than the run's own spans tells of
}

// Summarize derives what a run amounts to. When to ask is not its business:
// completion says why it is asked now. beside are other runs with spans in
// traces of this one: a call of theirs beneath an aggregate of this run keeps
// the aggregate from being billed, and belongs to them.
func Summarize(r Run, completion Completion, o Options, beside ...Run) Summary {
	nodes, apart := r.sorted()
	s := Summary{Completion: completion, SpanCount: len(nodes)}
	others := foreign(nodes, beside)
	root := rootOf(nodes, r.outside, others)
	if root != nil && completion == Idle { // only together with the runs beside it does the root show
		completion = RootEnded
		s.Completion = completion
	}
	s.place(nodes, root)
	s.identify(&r, nodes, root)
	s.count(&r, nodes)
	said := claims(append(nodes[:len(nodes):len(nodes)], apart...), root)
	s.Outcome = outcome.Resolve(said, completion == Idle)
	for i := range said {
		if c := said[i].Claim; c != nil {
			s.Cancelled = s.Cancelled || c.Cancelled
			if said[i].IsRoot {
				s.Deadline = c.Deadline
			}
		}
	}
	s.bill(&r, nodes, others, o)
	s.Increase = s.Cost.Total
	s.ModelIncrease = s.Cost.Models
	return s
}

// sorted gives the facts by start, trace and span, those without usable times
// last. Wherever the contract says "the least span", it is the first of these.
// What came apart from the run's spans is apart.
func (r *Run) sorted() (nodes, apart []node) {
	nodes = slices.Clone(r.nodes)
	slices.SortFunc(nodes, func(a, b node) int {
		if c := cmp.Or(cmp.Compare(a.flags&NoTimes, b.flags&NoTimes), cmp.Compare(a.start, b.start)); c != 0 {
			return c
		}
		return a.key.Compare(b.key)
	})
	for i := range nodes {
		if nodes[i].flags&Apart != 0 {
			apart = append(apart, nodes[i])
		}
	}
	if len(apart) == 0 || len(apart) == len(nodes) { // in the end its spans were in an entry that could not be read
		return nodes, nil
	}
	return slices.DeleteFunc(nodes, func(n node) bool { return n.flags&Apart != 0 }), apart
}

// rootOf gives the run's root among sorted nodes, nil where it has not
// arrived: the least span that is named as one, else the least that has no
// parent in this process or whose parent has arrived and is not in the run
// (contract, section 6). A parent that has not arrived proves nothing.
func rootOf(nodes []node, outside []SpanKey, others []node) *node {
	for i := range nodes {
		if nodes[i].flags&NamedRoot != 0 {
			return &nodes[i]
		}
	}
	var elsewhere map[SpanKey]bool // spans of other runs, and of none
	for _, k := range outside {
		if elsewhere == nil {
			elsewhere = map[SpanKey]bool{}
		}
		elsewhere[k] = true
	}
	for i := range others {
		if elsewhere == nil {
			elsewhere = make(map[SpanKey]bool, len(others))
		}
		elsewhere[others[i].key] = true
	}
	for i := range nodes {
		n := &nodes[i]
		if n.flags&(NoParent|RemoteParent) != 0 || elsewhere[SpanKey{Trace: n.key.Trace, Span: n.parent}] {
			return n
		}
	}
	return nil
}

// place says where and when the run was: its anchor, its traces, its window.
func (s *Summary) place(nodes []node, root *node) {
	if root == nil {
		root = &nodes[0]
	}
	s.Anchor = root.key
	seen := map[[16]byte]bool{root.key.Trace: true}
	trace := root.key.Trace // of the span before; most runs have but one
	for i := range nodes {
		n := &nodes[i]
		if n.key.Trace != trace && !seen[n.key.Trace] {
			seen[n.key.Trace] = true
			if len(s.Links) < linkLimit {
				s.Links = append(s.Links, n.key)
			}
		}
		trace = n.key.Trace
		if n.flags&NoTimes != 0 {
			s.Untimed++
			continue
		}
		if s.Start == 0 || n.start < s.Start {
			s.Start = n.start
		}
		s.End = max(s.End, n.end)
	}
	s.TraceCount = len(seen)
}

// identify unites what the spans say of whose run this is: the root wins a
// disagreement, else the least span that says anything.
func (s *Summary) identify(r *Run, nodes []node, root *node) {
	if root != nil {
		s.Identity = r.identities[root.identity]
		s.Service = r.services[root.service]
		if root.detail != nil {
			s.Root = root.detail.Root
		}
	}
	var differs [Fields]bool
	tried := make([]bool, len(r.identities))
	for i := range nodes {
		if tried[nodes[i].identity] {
			continue
		}
		tried[nodes[i].identity] = true
		for f, v := range r.identities[nodes[i].identity] {
			switch {
			case v == "":
			case s.Identity[f] == "":
				s.Identity[f] = v
			case s.Identity[f] != v:
				differs[f] = true
			}
		}
	}
	for _, d := range differs {
		if d {
			s.Conflicts++
		}
	}
}

func (s *Summary) count(r *Run, nodes []node) {
	for i := range nodes {
		if nodes[i].flags&Failed != 0 {
			s.ErrorCount++
		}
		if nodes[i].flags&Tool != 0 {
			s.ToolCalls++
		}
	}
	// By the spans, not by r.services: a span that another delivery replaced
	// leaves its service behind there.
	named := make([]bool, len(r.services))
	for i := range nodes {
		named[nodes[i].service] = true
	}
	for i, name := range r.services {
		if named[i] && name != "" {
			s.Services = append(s.Services, name)
		}
	}
	slices.Sort(s.Services)
	s.Services = s.Services[:min(len(s.Services), listLimit)]
}

// claims gives the spans that say something of the outcome, and the root.
func claims(nodes []node, root *node) []outcome.Span {
	var spans []outcome.Span
	for i := range nodes {
		n := &nodes[i]
		isRoot := root != nil && n.key == root.key
		if !isRoot && (n.detail == nil || n.detail.Claim == nil) {
			continue
		}
		sp := outcome.Span{ID: n.key.Span, IsRoot: isRoot, Failed: n.flags&Failed != 0}
		if n.flags&NoTimes == 0 {
			sp.End = n.end
		}
		if n.detail != nil {
			sp.Claim = n.detail.Claim
		}
		spans = append(spans, sp)
	}
	return spans
}

// bill resolves which calls the run's spans describe, and what they cost.
func (s *Summary) bill(r *Run, nodes, others []node, o Options) {
	more := o.Caveats
	if r.truncated {
		more |= billing.SpanLimit
	}
	for i := range nodes {
		if nodes[i].flags&Sampled != 0 {
			more |= billing.Sampled
		}
	}
	kept, own := relevant(nodes, others)
	spans := make([]billing.Span, len(kept))
	for i := range kept {
		spans[i] = kept[i].billed()
		spans[i].Foreign = i >= own
	}
	bill := billing.Resolve(spans)
	bill.Caveats |= more
	var lines []cost.Line
	s.Cost, lines = cost.Of(&bill, func(i int) (*genai.Record, *ratecard.Quote) {
		if kept[i].detail == nil {
			return nil, nil
		}
		return kept[i].detail.Record, kept[i].detail.Quote
	}, metered(nodes), o.Prefer)
	if o.Explain {
		s.Notes = notes(kept, &bill, lines)
	}
}

// metered is the work of the run's spans that is no call.
func metered(nodes []node) []cost.Metered {
	var list []cost.Metered
	for i := range nodes {
		if nodes[i].detail != nil {
			list = append(list, nodes[i].detail.Metered...)
		}
	}
	return list
}

// billed is what billing has to know of a span.
func (n *node) billed() billing.Span {
	s := billing.Span{
		Trace: n.key.Trace, ID: n.key.Span, Parent: n.parent, Start: n.start, End: n.end,
		Tool: n.flags&Tool != 0, Agent: n.flags&Agent != 0,
	}
	if n.detail != nil {
		s.Record = n.detail.Record
	}
	return s
}

// PartHex is the part as 16 hex digits.
func (s *Summary) PartHex() string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(make([]byte, 0, 8), s.Part))
}
