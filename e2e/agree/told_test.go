//go:build agree

package agree

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// told is one summary, of a run or of an event, whichever way it came.
type told struct {
	name       string
	attributes map[string]any
}

func (t *told) text(key string) string {
	v, _ := t.attributes[key].(string)
	return v
}

func (t *told) int(key string) int64 {
	v, _ := t.attributes[key].(int64)
	return v
}

// book is what summaries say together, by the rule of the contract, section 6:
// of each part the highest revision, and parts add up.
type book struct {
	runs, events map[string]map[string]told  // by ID, then part
	statuses     map[string]map[int64]string // of runs: of each part, by revision
	revised      int                         // summaries of a revision after the first
}

func newBook(summaries []told) *book {
	b := &book{runs: map[string]map[string]told{}, events: map[string]map[string]told{}, statuses: map[string]map[int64]string{}}
	for _, s := range summaries {
		to, id, part, revision := b.runs, botanu.RunID, botanu.Part, botanu.Revision
		if s.name == botanu.EventSummary {
			to, id, part, revision = b.events, botanu.EventID, botanu.EventPart, botanu.EventRevision
		}
		if s.int(revision) > 0 {
			b.revised++
		}
		if s.name == botanu.RunSummary {
			if b.statuses[s.text(part)] == nil {
				b.statuses[s.text(part)] = map[int64]string{}
			}
			b.statuses[s.text(part)][s.int(revision)] = s.text(botanu.OutcomeStatus)
		}
		key := s.text(id)
		if to[key] == nil {
			to[key] = map[string]told{}
		}
		if before, ok := to[key][s.text(part)]; !ok || s.int(revision) > before.int(revision) {
			to[key][s.text(part)] = s
		}
	}
	return b
}

// spans is how many spans the parts of a run have been told to have.
func (b *book) spans(run string) (n int64) {
	for _, s := range b.runs[run] {
		n += s.int(botanu.SpanCount)
	}
	return n
}

// revisions is how many revisions of parts of runs there are.
func (b *book) revisions() (n int) {
	for _, of := range b.statuses {
		n += len(of)
	}
	return n
}

// thereAndBack is how many parts there are whose status went one way and back.
func (b *book) thereAndBack(status, other string) (n int) {
	for _, of := range b.statuses {
		at, want := 0, []string{status, other, status}
		for _, revision := range slices.Sorted(maps.Keys(of)) {
			if at < len(want) && of[revision] == want[at] {
				at++
			}
		}
		if at == len(want) {
			n++
		}
	}
	return n
}

// answers are what the summaries say.
func (b *book) answers() (answers, error) {
	a := answers{runs: map[string]row{}, events: map[string]eventRow{}}
	var errs []error
	for id, parts := range b.runs {
		r := row{Parts: int64(len(parts))}
		var best told
		total := adder{}
		for _, s := range parts {
			r.Workflow = cmp.Or(r.Workflow, s.text(botanu.Workflow))
			r.Calls += s.int(botanu.LLMCalls)
			r.Input += s.int(botanu.TokensInput)
			r.Output += s.int(botanu.TokensOutput)
			errs = append(errs, total.add(s.int(botanu.LLMCalls), s.attributes[botanu.CostTotalExact], false))
			if best.attributes == nil || believed(&s, &best) > 0 {
				best = s
			}
			if _, known := s.attributes[botanu.CostTotalExact]; known == (s.text(botanu.CostAccuracy) == "unknown") {
				errs = append(errs, fmt.Errorf("%s: the accuracy %s and the total do not go together", id, s.text(botanu.CostAccuracy)))
			}
		}
		r.Status, r.Cost = best.text(botanu.OutcomeStatus), total.sum()
		a.runs[id] = r
	}
	for id, parts := range b.events {
		e := eventRow{}
		total, unsuccessful := adder{}, adder{}
		for _, s := range parts {
			e.Workflow, e.Status = s.text(botanu.Workflow), s.text(botanu.OutcomeStatus)
			e.Runs += s.int(botanu.EventRuns)
			errs = append(errs,
				total.add(s.int(botanu.EventLLMCalls), s.attributes[botanu.EventCostTotalExact], true),
				unsuccessful.add(s.int(botanu.EventLLMCalls), s.attributes[botanu.EventCostUnsuccessfulExact], true))
		}
		e.Cost, e.Unsuccessful = total.sum(), unsuccessful.sum()
		a.events[id] = e
	}
	a.sum()
	return a, errors.Join(errs...)
}

// believed compares the outcomes of two parts.
func believed(a, b *told) int {
	return cmp.Or(
		cmp.Compare(a.int(botanu.OutcomeRank), b.int(botanu.OutcomeRank)),
		cmp.Compare(a.text(botanu.OutcomeTime), b.text(botanu.OutcomeTime)), cmp.Compare(a.text(botanu.Part), b.text(botanu.Part)),
	)
}

// adder adds up totals of parts: there is none where no part with calls has
// one. Of an event, a part without calls that cost something counts, too: it
// stands for runs of its own.
type adder struct {
	total  money
	calls  int64
	priced bool
}

func (a *adder) add(calls int64, exact any, ofEvent bool) error {
	m, err := parseMoney(exact)
	a.total = a.total.plus(m)
	a.calls += calls
	a.priced = a.priced || m.known && (calls > 0 || ofEvent && m.usd > 0)
	return err
}

func (a *adder) sum() money {
	if a.calls > 0 && !a.priced {
		return money{}
	}
	return a.total
}

// fromSpans reads summary spans that a file exporter has written so far.
func fromSpans(path string) (*book, error) {
	return fromLines(path, func(line []byte) ([]told, error) {
		td, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(line)
		var list []told
		for span := range replay.Spans(td) {
			list = append(list, told{span.Name(), span.Attributes().AsRaw()})
		}
		return list, err
	})
}

// fromLogs reads log records that a file exporter has written so far.
func fromLogs(path string) (*book, error) {
	return fromLines(path, func(line []byte) ([]told, error) {
		ld, err := new(plog.JSONUnmarshaler).UnmarshalLogs(line)
		var list []told
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					list = append(list, told{record.EventName(), record.Attributes().AsRaw()})
				}
			}
		}
		return list, err
	})
}

func fromLines(path string, read func([]byte) ([]told, error)) (*book, error) {
	var summaries []told
	err := eachLine(path, func(line []byte) error {
		some, err := read(line)
		summaries = append(summaries, some...)
		return err
	})
	return newBook(summaries), err
}

// eachLine visits the lines of a file that have an end: another one is still
// being written. A file that does not exist yet is empty.
func eachLine(path string, visit func([]byte) error) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text[:bytes.LastIndexByte(text, '\n')+1]) {
		if err := visit(line); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}
