package ratecard

import (
	"math"
	"slices"
	"time"
)

// when says at which times a price is in force. Bounds are whole seconds in
// UTC, as all cards write them.
type when struct {
	from, to int64    // Unix seconds; from is inside, to is outside
	daily    []window // all of them must hold
}

// window is a part of each day, in seconds since midnight UTC; start is
// inside, end is outside. Where end is before start it spans midnight.
type window struct{ start, end int }

var always = when{from: math.MinInt64, to: math.MaxInt64}

// since is from a time on.
func since(t time.Time) when { return when{from: t.Unix(), to: math.MaxInt64} }

func (w *when) holds(t time.Time) bool {
	s := t.Unix()
	if s < w.from || s >= w.to {
		return false
	}
	for _, d := range w.daily {
		if !d.holds(int(((s % day) + day) % day)) {
			return false
		}
	}
	return true
}

const day = 24 * 60 * 60

func (d window) holds(second int) bool {
	if d.end < d.start {
		return second >= d.start || second < d.end
	}
	return second >= d.start && second < d.end
}

// and is when both hold.
func (w when) and(o when) when {
	return when{
		from: max(w.from, o.from), to: min(w.to, o.to),
		daily: slices.Concat(w.daily, o.daily),
	}
}

// never reports whether no time is inside.
func (w when) never() bool { return w.from >= w.to }

// isAlways reports whether every time is inside.
func (w when) isAlways() bool {
	return w.from == math.MinInt64 && w.to == math.MaxInt64 && len(w.daily) == 0
}
