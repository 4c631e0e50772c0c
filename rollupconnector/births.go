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
// new, and with its value from the next flush on. Two points in the first flush
// were rejected: a scrape sees the last one alone. They come where the first
// flush was refused, and in the last one: whoever has not seen the 0 is then one
// that is sent to, and he who is scraped does not refuse.
type births struct {
	last  pcommon.Timestamp // of the flush before, or the start
	known map[series]*birth
	// untold are those that the last flush began with 0.
	untold []*birth
}

// series tells one cumulative series from all others.
type series struct {
	metric     string
	attributes attribute.Distinct
}

// birth is when a series began, whether a flush has had it, and whether one
// that was taken.
type birth struct {
	at            pcommon.Timestamp
	offered, told bool
}

func newBirths(now time.Time) births {
	return births{last: pcommon.NewTimestampFromTime(now), known: map[series]*birth{}}
}

// told notes that the last flush has been taken.
func (b *births) told() {
	for _, of := range b.untold {
		of.told = true
	}
}

// flush is one flush: at which time, and whether it is the last one.
type flush struct {
	at    pcommon.Timestamp
	final bool
}

// begin begins a flush.
func (b *births) begin() { b.untold = b.untold[:0] }

// end ends it.
func (b *births) end(f flush) { b.last = f.at }

// point is one that is to be written of a series: of which span of time, and
// whether it says 0 or what the series has.
type point struct {
	start, at pcommon.Timestamp
	zero      bool
}

// points are those to be written of a cumulative series.
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
	b.untold = append(b.untold, of)
	if of.offered || f.final {
		return []point{{start: of.at, at: of.at, zero: true}, value}
	}
	of.offered = true
	return []point{{start: of.at, at: f.at, zero: true}}
}
