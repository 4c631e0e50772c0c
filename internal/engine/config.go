package engine

import (
	"time"

	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// Config is what an engine needs to know. It is valid as handed over: the
// component's configuration has checked it.
type Config struct {
	QuietPeriod time.Duration // a run with its root is summarised after this long without a change
	IdleTimeout time.Duration // a run without its root is, after this long
	MaxDuration time.Duration // a run that goes on is, each time it has been open for this long
	LateWindow  time.Duration // a summarised run is held for this long and restated if it changes

	Inherit      bool          // spans that name no run take that of their nearest ancestor
	InheritQuiet time.Duration // they wait for it until their trace has been quiet for so long
	InheritSpans int           // over it the trace quiet for longest is decided early

	Events      bool          // sum events up
	EventQuiet  time.Duration // an event is told when all its runs are, and none was for so long
	EventRetain time.Duration // and kept for so long after, to be told again
	MaxEvents   int           // over it the one quiet for longest is told early and let go

	OpenRuns    int // over it the run quiet for longest is summarised and let go
	LateRuns    int // over it the summarised run held for longest is let go
	SpansPerRun int // over it further spans of the run are left out, and the run says so
	Tenants     int // over it the tenant quiet for longest is let go, with all that is held of it
	Memory      int // bytes, about, of all state; over it late windows are cut short, then runs are summarised and let go

	Extract extract.Config // what to read of a span
	Summary run.Options    // what a summary is to hold
}

// heldBytes is what of the memory runs may take. A quarter is for summaries
// that wait for the next component, which may have what runs do not need.
func (c *Config) heldBytes() int { return c.Memory - c.Memory/4 }
