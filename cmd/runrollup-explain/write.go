package main

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/offline"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// writeRun writes a run: what it achieved, what it cost, and its spans.
func writeRun(w io.Writer, r *offline.Run) {
	s := &r.Summary
	fmt.Fprintf(w, "run %s\n", plain(r.ID))
	for _, f := range []run.Field{run.Event, run.Workflow, run.Customer, run.Attempt, run.ParentRun, run.RetryOf} {
		if v := s.Identity[f]; v != "" {
			fmt.Fprintf(w, "  %-9s %s\n", labels[f], plain(v))
		}
	}
	fmt.Fprintf(w, "  %-9s %s\n", "outcome", outcomeLine(&s.Outcome))
	fmt.Fprintf(w, "  %-9s %s\n", "cost", costLine(s))
	t := &s.Cost.Tokens
	fmt.Fprintf(w, "  %-9s %d: %d uncached, %d cache read, %d cache write; output %d, of it reasoning %d\n", "input",
		t.InputTotal(), t.InputUncached(), t.CacheReadTotal(), t.CacheWrite(), t.OutputTotal(), t.Reasoning)
	writeTrees(w, r)
	fmt.Fprintln(w)
}

var labels = map[run.Field]string{
	run.Event: "event", run.Workflow: "workflow", run.Customer: "customer", run.Attempt: "attempt",
	run.ParentRun: "parent", run.RetryOf: "retry of",
}

func outcomeLine(o *outcome.Outcome) string {
	status := o.Status.String()
	if o.Status == outcome.None {
		status = "none"
	}
	line := status + ", " + o.Source.String()
	if o.Time != 0 {
		line += " at " + time.Unix(0, o.Time).UTC().Format("15:04:05.000")
	}
	if o.ValueType != "" || o.Amount.OK {
		line += fmt.Sprintf("; %g %s", o.Amount.N, plain(o.ValueType))
	}
	if o.ErrorType != "" {
		line += "; error " + plain(o.ErrorType)
	}
	if o.StatusRaw != "" {
		line += fmt.Sprintf("; %q is no status", o.StatusRaw)
	}
	if o.Emissions > 0 {
		line += fmt.Sprintf("; %d explicit", o.Emissions)
	}
	if o.Conflict {
		line += ", in conflict"
	}
	return line
}

func costLine(s *run.Summary) string {
	c := &s.Cost
	total := "unknown"
	if c.Known {
		total = c.Total.String() + " USD"
	}
	line := fmt.Sprintf("%s, %s, from %s; %d calls, %d failed, %d without a price", total, c.Accuracy, c.Source, c.Calls, c.Errors, c.Unpriced)
	if len(c.Caveats) > 0 {
		line += "; " + strings.Join(c.Caveats, " ")
	}
	return line
}

// writeTrees writes the run's spans, trace by trace, as trees.
func writeTrees(w io.Writer, r *offline.Run) {
	notes := map[run.SpanKey]*run.Note{}
	for i := range r.Summary.Notes {
		notes[r.Summary.Notes[i].Span] = &r.Summary.Notes[i]
	}
	held := map[run.SpanKey]bool{}
	for i := range r.Spans {
		held[r.Spans[i].Key] = true
	}
	children := map[run.SpanKey][]*extract.Owned{}
	roots := map[[16]byte][]*extract.Owned{}
	var traces [][16]byte
	spans := slices.Clone(r.Spans)
	slices.SortFunc(spans, func(a, b extract.Owned) int { return cmp.Or(cmp.Compare(a.Start, b.Start), a.Key.Compare(b.Key)) })
	for i := range spans {
		s := &spans[i]
		up := run.SpanKey{Trace: s.Key.Trace, Span: s.Parent}
		if held[up] && up != s.Key {
			children[up] = append(children[up], s)
			continue
		}
		if roots[s.Key.Trace] == nil {
			traces = append(traces, s.Key.Trace)
		}
		roots[s.Key.Trace] = append(roots[s.Key.Trace], s)
	}
	for _, trace := range traces {
		fmt.Fprintf(w, "  trace %s\n", hex.EncodeToString(trace[:]))
		t := tree{w: w, notes: notes, children: children}
		for i, s := range roots[trace] {
			t.write(s, "  ", i == len(roots[trace])-1)
		}
	}
}

type tree struct {
	w        io.Writer
	notes    map[run.SpanKey]*run.Note
	children map[run.SpanKey][]*extract.Owned
	depth    int
}

// deepest bounds how deep a tree is drawn; what lies beneath is counted.
const deepest = 60

func (t *tree) write(s *extract.Owned, indent string, last bool) {
	branch, below := "├─ ", "│  "
	if last {
		branch, below = "└─ ", "   "
	}
	name := plain(s.Name)
	if s.Flags&run.Failed != 0 {
		name += " !"
	}
	line := indent + branch + name + fmt.Sprintf(" (%s, %s)", hex.EncodeToString(s.Key.Span[:]), time.Duration(s.End-s.Start).Round(time.Millisecond))
	if n := t.notes[s.Key]; n != nil {
		line += "  " + noteLine(n)
	}
	fmt.Fprintln(t.w, line)
	list := t.children[s.Key]
	if t.depth == deepest && len(list) > 0 {
		fmt.Fprintf(t.w, "%s%s… %d spans and what lies beneath them\n", indent, below, len(list))
		return
	}
	t.depth++
	for i, c := range list {
		t.write(c, indent+below, i == len(list)-1)
	}
	t.depth--
}

func noteLine(n *run.Note) string {
	if n.Call == nil {
		line := "NOT BILLED: " + n.Reason
		if n.Verdict == run.Merged {
			line = "same call: " + n.Reason
		}
		if n.By != nil {
			line += ", see " + hex.EncodeToString(n.By.Span[:])
		}
		return line
	}
	rec := &n.Call.Record
	line := "BILLED " + plain(strings.Trim(rec.Provider+"/"+rec.Model(), "/"))
	if n.Call.HasUsage {
		t := &n.Call.Tokens
		line += fmt.Sprintf(" in %d+%d+%d out %d", t.InputUncached(), t.CacheReadTotal(), t.CacheWrite(), t.OutputTotal())
	} else {
		line += " without usage"
	}
	if n.Line.Known {
		line += fmt.Sprintf(" = %s USD (%s)", n.Line.Total, n.Line.Source)
	} else {
		line += ", no price"
	}
	if caveats := n.Caveats(); caveats != 0 {
		line += " " + caveats.String()
	}
	return line
}

// writeRest says what the runs leave over.
func writeRest(w io.Writer, spans []extract.Owned, runs int) {
	left, calls := 0, 0
	for i := range spans {
		if spans[i].Run != "" {
			continue
		}
		left++
		if d := spans[i].Detail; d != nil && d.Record != nil {
			calls++
		}
	}
	fmt.Fprintf(w, "%d runs, %d spans; %d spans belong to no run", runs, len(spans), left)
	if calls > 0 {
		fmt.Fprintf(w, ", %d of them with usage that is billed to none", calls)
	}
	fmt.Fprintln(w, ".")
}

// plain is a text that came from a client, in quotes where a terminal would
// take some of it for a command or a line of ours.
func plain(s string) string {
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}
