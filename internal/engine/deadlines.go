package engine

import (
	"container/heap"
	"time"
)

// timer is a run's or an event's place among the deadlines.
type timer struct {
	run   *entry // either
	event *eventEntry

	due       time.Time // when something is to be done with it
	scheduled time.Time // its time in the queue: due, or earlier
	place     int       // in the queue; -1 where it is not queued
}

// deadlines knows which run or event is due next. It has no clock.
//
// A deadline moves with every batch of a run, nearly always further away. A
// run that has moved away keeps its place until that comes up, and is put in
// again then; only one that has moved nearer is moved at once.
type deadlines struct{ order byDue }

// set makes e due at t.
func (d *deadlines) set(e *timer, t time.Time) {
	e.due = t
	switch {
	case e.place < 0:
		e.scheduled = t
		heap.Push(&d.order, e)
	case t.Before(e.scheduled):
		e.scheduled = t
		heap.Fix(&d.order, e.place)
	}
}

// remove forgets e.
func (d *deadlines) remove(e *timer) {
	if e.place >= 0 {
		heap.Remove(&d.order, e.place)
	}
}

// popDue takes out one that is due by now; nil where there is none.
func (d *deadlines) popDue(now time.Time) *timer {
	for len(d.order) > 0 && !d.order[0].scheduled.After(now) {
		e := d.order[0]
		if e.due.After(now) {
			e.scheduled = e.due
			heap.Fix(&d.order, 0)
			continue
		}
		heap.Pop(&d.order)
		return e
	}
	return nil
}

// byDue is a heap of timers by their scheduled time.
type byDue []*timer

func (q byDue) Len() int           { return len(q) }
func (q byDue) Less(i, j int) bool { return q[i].scheduled.Before(q[j].scheduled) }
func (q byDue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}
func (q *byDue) Push(x any) {
	e := x.(*timer)
	e.place = len(*q)
	*q = append(*q, e)
}
func (q *byDue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.place = -1
	return e
}
