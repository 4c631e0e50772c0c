package engine

import "github.com/runrollup/runrollupprocessor/internal/extract"

// Tally is what became of one batch.
type Tally struct {
	Folded     int // spans that changed the state of a run
	Duplicates int // spans that were there already, saying the same
	Conflicts  int // spans that were there already, saying something else
	Late       int // of Folded, those that came after their run's summary
	NoRun      int // spans that name no run
	Summaries  int // summary spans of an earlier tier, passed through
	Full       int // spans left out as their run holds as many as it may
	Evicted    int // runs summarised early to make room
	Invalid    extract.Invalid
}
