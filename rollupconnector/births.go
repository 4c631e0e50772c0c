package rollupconnector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"
)

// births knows of each cumulative series when it began.
//
// A cumulative series begins with 0. Backends tell an increase from two points,
// so what a series says in its first one they do not see: of a workflow that
// runs once in ten minutes each restart of the collector would hide a run, and
// each new model its first call. A series is therefore flushed as 0 when it is
// new, and with its value from the next flush on. Two points in one flush were
// rejected: a scrape sees the last one alone.
type births struct {
	last  pcommon.Timestamp // of the flush before, or the start
	known map[series]*birth
	// newborn are those that the last flush had for the first time.
	newborn []*birth
}

// series tells one cumulative series from all others.
type series struct {
	metric     string
	attributes attribute.Distinct
}

// birth is when a series began, and whether that was told.
type birth struct {
	at   pcommon.Timestamp
	told bool
}

func newBirths(now time.Time) births {
	return births{last: pcommon.NewTimestampFromTime(now), known: map[series]*birth{}}
}

// told notes that the last flush has arrived: what was new is so no more. One
// that was refused does not count, or its series would never begin with 0.
func (b *births) told() {
	for _, n := range b.newborn {
		n.told = true
	}
}

// flush is one flush: at which time, and whether it is the last one.
type flush struct {
	at    pcommon.Timestamp
	final bool
}

// begin begins a flush.
func (b *births) begin() { b.newborn = b.newborn[:0] }

// end ends it.
func (b *births) end(f flush) { b.last = f.at }

// point is one that is to be written of a series: of which span of time, and
// whether it says 0 or what the series has.
type point struct {
	start, at pcommon.Timestamp
	zero      bool
}

// points are those to be written of a cumulative series. In the last flush new
// ones say what they have: there is no next.
func (b *births) points(f flush, metric string, attributes attribute.Set) []point {
	key := series{metric, attributes.Equivalent()}
	of, ok := b.known[key]
	if !ok {
		of = &birth{at: b.last}
		b.known[key] = of
	}
	value := point{start: of.at, at: f.at}
	if of.told {
		return []point{value}
	}
	b.newborn = append(b.newborn, of)
	if f.final {
		return []point{{start: of.at, at: of.at, zero: true}, value}
	}
	value.zero = true
	return []point{value}
}
