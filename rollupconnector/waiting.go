package rollupconnector

import "go.opentelemetry.io/collector/pdata/pmetric"

// waiting are flushes of delta metrics that the next component has refused for
// now. Nothing but they holds what they say.
type waiting struct {
	limit   int // of points
	flushes []pmetric.Metrics
	points  int
}

// waitingLimit bounds the points that wait, some 300 bytes each.
const waitingLimit = 100_000

func (w *waiting) any() bool { return len(w.flushes) > 0 }

func (w *waiting) first() pmetric.Metrics { return w.flushes[0] }

// drop lets the first go.
func (w *waiting) drop() {
	w.points -= w.flushes[0].DataPointCount()
	w.flushes[0] = pmetric.Metrics{} // so that it is freed
	w.flushes = w.flushes[1:]
}

// add keeps a flush. It lets the oldest go where there are too many, and says
// how many points are lost by it.
func (w *waiting) add(md pmetric.Metrics) (lost int) {
	n := md.DataPointCount()
	if n == 0 {
		return 0
	}
	w.flushes = append(w.flushes, md)
	w.points += n
	before := w.points
	for w.points > w.limit {
		w.drop()
	}
	return before - w.points
}
