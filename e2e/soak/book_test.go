package soak

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/runrollup/runrollupprocessor/e2e/internal/peer"
	"github.com/runrollup/runrollupprocessor/e2e/internal/synthetic"
	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// book holds the well-behaved runs that are not settled yet, and what was
// wrong with those that are.
type book struct {
	settleAfter time.Duration // from the last that was sent or came, to the judgement

	mu      sync.Mutex // guards everything declared below
	runs    map[string]*account
	judged  int
	parts   int // of the runs judged
	revised int // of the parts
	twice   int // of the runs
	wrong   []string
	faults  int
}

// account is one run.
type account struct {
	script *script
	sent   bool // all of it
	twice  bool // a span of it was counted again
	last   time.Time
	parts  map[string]*part
}

// part is what has come of one part of a run.
type part struct {
	latest    replay.Summary
	increases map[int64]synthetic.USD // by revision
}

func newBook(settleAfter time.Duration) *book {
	return &book{settleAfter: settleAfter, runs: map[string]*account{}}
}

// wrongLimit bounds what is told of what was wrong.
const wrongLimit = 20

func (b *book) complain(format string, args ...any) {
	b.faults++
	if len(b.wrong) < wrongLimit {
		b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
	}
}

// open notes a run before anything of it is sent.
func (b *book) open(s *script) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.runs[s.run.ID] = &account{script: s, parts: map[string]*part{}}
}

// close notes that all of a run is sent.
func (b *book) close(s *script) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.runs[s.run.ID]
	a.sent, a.last = true, time.Now()
}

// take notes what the downstream has taken.
func (b *book) take(r *peer.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(r.Summaries); n > 200 || n > 1 && r.Bytes > 1<<20 {
		b.complain("a batch of %d summaries and %d bytes", n, r.Bytes)
	}
	for _, s := range r.Summaries {
		if !strings.HasPrefix(s.RunID, "good-") {
			continue
		}
		a := b.runs[s.RunID]
		if a == nil {
			b.complain("%s: revision %d of part %s came after all was settled", s.RunID, s.Revision, s.Part)
			continue
		}
		a.last = time.Now()
		if err := a.add(s); err != nil {
			b.complain("%s: revision %d of part %s: %v", s.RunID, s.Revision, s.Part, err)
		}
	}
}

// add notes a summary. It may come twice.
func (a *account) add(s replay.Summary) error {
	p := a.parts[s.Part]
	if p == nil {
		p = &part{latest: s, increases: map[int64]synthetic.USD{}}
		a.parts[s.Part] = p
	}
	if s.Revision > p.latest.Revision {
		p.latest = s
	}
	text := s.Text(botanu.CostIncrease)
	if text == "" {
		return nil
	}
	increase, err := synthetic.ParseUSD(text)
	if before, ok := p.increases[s.Revision]; ok && before != increase {
		return fmt.Errorf("an increase of %s, and then of %s", before, increase)
	}
	p.increases[s.Revision] = increase
	return err
}

// settle judges the runs that nothing was heard of for long, and says how many
// are left. A run that is wrong may wait for summaries that were refused: it
// is given more time.
func (b *book) settle(now time.Time) (left int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, a := range b.runs {
		if !a.sent || now.Before(a.last.Add(b.settleAfter)) {
			continue
		}
		wrong := a.judge()
		if wrong != "" && now.Before(a.last.Add(3*b.settleAfter)) {
			continue
		}
		if wrong != "" {
			b.complain("%s of %s: %s", id, a.script.tenant, wrong)
		}
		delete(b.runs, id)
		b.judged++
		b.parts += len(a.parts)
		if a.twice {
			b.twice++
		}
		for part := range a.parts {
			b.revised += min(1, int(a.parts[part].latest.Revision))
		}
	}
	return len(b.runs)
}

// judge holds a run's summaries against what was sent. A span that is sent
// again, as the downstream refused it or did not answer, may count again where
// its part was let go between the two: a span is known for as long as that.
func (a *account) judge() (wrong string) {
	var parts []replay.Summary
	var increases synthetic.USD
	for _, p := range a.parts {
		parts = append(parts, p.latest)
		for _, increase := range p.increases {
			increases += increase
		}
	}
	told, err := synthetic.Told(parts)
	truth := a.script.run.Truth
	switch {
	case err != nil:
		return err.Error()
	case increases != told.Cost:
		return fmt.Sprintf("a cost of %s told, increases of %s", told.Cost, increases)
	case told == truth:
		return ""
	case len(parts) > 1 && told.Minus(truth).Within(a.script.repeated):
		a.twice = true
		return ""
	}
	return fmt.Sprintf("%v told in %d parts, %v sent", told, len(parts), truth)
}
