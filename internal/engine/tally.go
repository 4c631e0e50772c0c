package engine

import (
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/money"
)

// Tally is what became of one batch.
type Tally struct {
	Folded       int         // spans that changed the state of a run
	Duplicates   int         // spans that were there already, saying the same
	Conflicts    int         // spans that were there already, saying something else
	Late         int         // of Folded, those that came after their run's summary
	NoRun        int         // spans that name no run
	Inherited    int         // of those that name none, now or before, the ones that found theirs
	Unattributed int         // and the ones that have waited in vain
	DecidedEarly int         // traces whose spans' wait was cut short to make room
	Summaries    int         // summary spans of an earlier tier, passed through
	Full         int         // spans left out as their run holds as many as it may
	EventsClosed int         // events let go before their time, to make room
	EventClaims  int         // outcomes that came without a run, and were put to their event
	CutShort     int         // summarised runs let go before their late window was over, to make room
	Evicted      [Limits]int // runs summarised early to make room, by the limit
	Lost         Lost
	Invalid      extract.Invalid
}

// Lost is what spans that belong to no run would have cost one.
type Lost struct {
	Calls    int
	Unpriced int
	Cost     money.Amount // of the others
}
