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
// several exporters of its pipeline refused it.
type seen struct {
	window time.Duration
	limit  int

	mu    sync.Mutex
	known map[identity]struct{}
	queue []sighting // those that are known, by time
	head  int        // where the queue begins
}

type sighting struct {
	id identity
	at time.Time
}

// rememberLimit bounds what is remembered, some 80 bytes each: as many as come
// within the default window at 500 a second.
const rememberLimit = 500_000

func newSeen(window time.Duration, limit int) *seen {
	return &seen{window: window, limit: limit, known: map[identity]struct{}{}}
}

// again reports whether a summary has been seen within the window, and
// remembers it. early counts others that were forgotten before their time for it.
func (s *seen) again(id identity, now time.Time) (again bool, early int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.head < len(s.queue) && now.Sub(s.queue[s.head].at) >= s.window {
		s.forget()
	}
	if s.window == 0 {
		return false, 0
	}
	if _, again := s.known[id]; again {
		return true, 0
	}
	if len(s.known) >= s.limit {
		s.forget()
		early = 1
	}
	s.known[id] = struct{}{}
	s.queue = append(s.queue, sighting{id, now})
	return false, early
}

// forget forgets the oldest.
func (s *seen) forget() {
	delete(s.known, s.queue[s.head].id)
	s.head++
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
