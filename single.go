package runrollupprocessor

import (
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
)

// running holds the processors that have started in this process, by the
// collector they run in and their ID.
//
// The Collector makes an instance of a processor for each pipeline that names
// it. Two instances of one ID would each hold half of the runs, and the cost
// of a run that sends to both would come out in two halves, neither of which
// says so. It is the one state of the package, because nothing that an
// instance is handed tells of the other.
var running sync.Map // of place

// place is a processor's in running.
type place struct {
	collector string // service.instance.id
	id        component.ID
}

// take takes the place, and says what to do where it is taken.
func (p place) take() error {
	if _, taken := running.LoadOrStore(p, true); taken {
		return fmt.Errorf("%[1]s is in two pipelines of this collector, and each would see a part of the runs only; "+
			"join the pipelines before it with the forward connector, or give each a processor of its own, such as %[1]s/second, "+
			"if no run sends spans to both", p.id)
	}
	return nil
}

func (p place) giveBack() { running.Delete(p) }
