package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/runrollup/runrollupprocessor/internal/run"
)

// TestMemoryStaysWithinItsLimit plays random worlds with room for but a few
// runs. What is let go when depends on sizes that no contract fixes, so only
// what holds in any case is checked: the limit after every batch, the books,
// and that no span is lost.
func TestMemoryStaysWithinItsLimit(t *testing.T) {
	base := testConfig(t)
	x := newModelExtractor(base)
	evicted, audited, seeds := 0, 0, 100/sparing()
	for seed := range uint64(seeds) {
		w := newModelWorld(base, x, seed, 80)
		c := &w.config
		c.Memory = pick(rand.New(rand.NewPCG(seed, 43)), 12_000, 16_000, 24_000)
		c.OpenRuns, c.LateRuns, c.Tenants, c.SpansPerRun, c.InheritSpans = roomy, roomy, 3, roomy, roomy
		fault, n, all := w.playInvariants(t)
		require.Empty(t, fault, "seed %d\n%s", seed, w)
		evicted += n
		if all {
			audited++
		}
	}
	require.Greater(t, evicted, 3*seeds, "the limit is hardly ever reached")
	require.Greater(t, audited, 3*seeds/10, "hardly ever all summaries arrive")
}

// playInvariants says which invariant does not hold, how many runs were evicted
// for memory, and whether all summaries arrived, so that all could be checked.
func (w *modelWorld) playInvariants(t *testing.T) (fault string, evicted int, all bool) {
	synctest.Test(t, func(*testing.T) {
		p := newPlay(w)
		defer func() { _ = p.end() }()
		var sum Tally // over batches
		named := map[runOf]map[int]bool{}
		for i := range w.steps {
			s := &w.steps[i]
			now := s.at(time.Now())
			time.Sleep(time.Until(now))
			if s.answer.how != "" && s.answer.culprit == "" {
				p.next.become(s.answer)
			}
			for _, a := range s.batch {
				tally := p.engine.Observe(w.spans[a.span].traces(a.version), metadataOf(s.tenant), now)
				addUpTally(&sum, tally)
				if n := p.engine.Gauges().Late; tally.Evicted[ByMemory] > 0 && n > 0 {
					fault = fmt.Sprintf("at %v: a run is evicted, and %d are held for their late window", now.Sub(bubbleStart), n)
					return
				}
				if span := &w.spans[a.span]; span.run != "" {
					of := runOf{s.tenant, span.run}
					if named[of] == nil {
						named[of] = map[int]bool{}
					}
					named[of][a.span] = true
				}
				if fault = p.books(); fault != "" {
					fault = fmt.Sprintf("at %v: %s", now.Sub(bubbleStart), fault)
					return
				}
			}
			synctest.Wait()
			// What waits to be sent may take what runs do not need, and gives it back only with the next summary.
			if g := p.engine.Gauges(); g.Bytes > w.config.Memory+w.config.heldBytes() || g.Pending == 0 && g.Bytes > w.config.Memory || g.EvictedWaiting > 0 {
				fault = fmt.Sprintf("at %v: %+v", now.Sub(bubbleStart), g)
				return
			}
		}
		p.next.become(answer{how: takes})
		if err := p.end(); err != nil {
			fault = err.Error()
			return
		}
		addUpTally(&sum, p.next.aside)
		evicted = sum.Evicted[ByMemory]
		if all = p.engine.Gauges().Rejected == 0; all { // else a component that took none had too many waiting
			fault = p.nothingLost(&sum, named)
		}
	})
	return fault, evicted, all
}

// books counts what is held again, and checks the limit.
func (p *play) books() string {
	e := p.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	var again held
	again.evictedBytes = e.held.evictedBytes
	waiting := 0
	for _, t := range e.tenants.byKey {
		open, late := 0, 0
		for _, en := range t.runs {
			least := entryBytes + en.run.Bytes()
			if en.told != nil {
				least += en.told.Bytes()
			}
			if en.bytes < least {
				return fmt.Sprintf("%s counts for %d bytes, and takes %d", en.id, en.bytes, least)
			}
			if en.isLate {
				again.late++
				late += en.bytes
			} else {
				again.open++
				open += en.bytes
			}
		}
		if open != t.openBytes || late != t.lateBytes || t.open.Len()+t.late.Len() != len(t.runs) {
			return fmt.Sprintf("of a tenant is held %d and %d, not %d and %d", open, late, t.openBytes, t.lateBytes)
		}
		again.openBytes += open
		again.lateBytes += late
		again.tenantBytes += t.ownBytes()
		for _, s := range t.strays {
			again.strayBytes += s.bytes
			waiting += s.left
		}
	}
	switch {
	case again != e.held:
		return fmt.Sprintf("held is %+v, not %+v", again, e.held)
	case waiting != e.strays.waiting:
		return fmt.Sprintf("%d spans wait, not %d", waiting, e.strays.waiting)
	case e.held.bytes() > e.config.heldBytes():
		return fmt.Sprintf("%d bytes are held, the limit is %d: %+v", e.held.bytes(), e.config.heldBytes(), e.held)
	}
	return ""
}

// nothingLost compares the spans that summaries tell of, over parts, with
// those that were taken in.
func (p *play) nothingLost(sum *Tally, named map[runOf]map[int]bool) string {
	newest := map[uint64]run.Summary{}
	spans := map[runOf]int{}
	total := 0
	for i := range p.next.letters {
		l := &p.next.letters[i]
		of := runOf{l.metadata[0][0], l.summary.RunID}
		if before, again := newest[l.summary.Part]; again {
			if before.Revision >= l.summary.Revision {
				continue
			}
			spans[of] -= before.SpanCount
			total -= before.SpanCount
		}
		newest[l.summary.Part] = l.summary
		spans[of] += l.summary.SpanCount
		total += l.summary.SpanCount
	}
	for of, distinct := range named {
		if spans[of] < len(distinct) {
			return fmt.Sprintf("summaries tell of %d spans of %v, %d were sent", spans[of], of, len(distinct))
		}
	}
	if total != sum.Folded {
		return fmt.Sprintf("summaries tell of %d spans, %d were taken in", total, sum.Folded)
	}
	return ""
}
