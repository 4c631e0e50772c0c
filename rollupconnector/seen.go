package rollupconnector

import (
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
)

// identity tells one summary from all others: a part is drawn at random out of
// 2^64, so it tells runs and tenants apart as well.
type identity struct {
	run      bool // else an event
	part     uint64
	revision int64
}

// identify reads the identity of a summary. ok is false where it has none.
func identify(summary ptrace.Span) (id identity, ok bool) {
	id.run = isRun(summary)
	key := botanu.EventPart
	if id.run {
		key = botanu.Part
	}
	part, ok := summary.Attributes().Get(key)
	if !ok {
		return identity{}, false
	}
	var err error
	if id.part, err = strconv.ParseUint(part.AsString(), 16, 64); err != nil {
		return identity{}, false
	}
	id.revision, ok = revisionOf(summary)
	return id, ok
}

// seen remembers for a while which summaries were counted. Delivery is at least
// once: a summary comes again when the answer to it was lost, or when one of
// several exporters of its pipeline refused it, and then again and again.
type seen struct {
	window time.Duration
	limit  int

	mu    sync.Mutex
	known map[identity]time.Time // when it was last seen
	queue []sighting             // of those that are known, one each, about by time
	head  int                    // where the queue begins
}

type sighting struct {
	id identity
	at time.Time // not after the last time
}

// rememberLimit bounds what is remembered, some 200 bytes each: as many as come
// within the default window at 500 a second.
const rememberLimit = 500_000

func newSeen(window time.Duration, limit int) *seen {
	return &seen{window: window, limit: limit, known: map[identity]time.Time{}}
}

// again reports whether a summary has been seen within the window, which begins
// anew with each time that it is, and remembers it. early counts others that
// were forgotten before their time for it.
func (s *seen) again(id identity, now time.Time) (again bool, early int) {
	if s.window == 0 {
		return false, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.head < len(s.queue) && now.Sub(s.queue[s.head].at) >= s.window {
		s.turn(now.Add(-s.window))
	}
	if last, known := s.known[id]; known { // it may wait for its turn behind one seen later
		s.known[id] = now
		return now.Sub(last) < s.window, 0
	}
	for len(s.known) >= s.limit {
		first := s.queue[s.head]
		s.turn(first.at)
		early = 1
	}
	s.known[id] = now
	s.queue = append(s.queue, sighting{id, now})
	return false, early
}

// turn takes the first of the queue off it. It is forgotten unless it was seen
// since; then it goes to the end with that time.
func (s *seen) turn(since time.Time) {
	first := s.queue[s.head]
	s.head++
	if last := s.known[first.id]; last.After(since) {
		s.queue = append(s.queue, sighting{first.id, last})
	} else {
		delete(s.known, first.id)
	}
	if s.head > len(s.queue)/2 { // so that each is moved once on average
		s.queue = s.queue[:copy(s.queue, s.queue[s.head:])]
		s.head = 0
	}
}

// len is how many are remembered.
func (s *seen) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.known)
}
