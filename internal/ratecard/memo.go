package ratecard

import (
	"strings"
	"sync"
)

// memo remembers what lookups came to. Names come from outside, so it is
// bounded twice: by entries, and by the length of what it keeps. When it is
// full it starts anew, which costs a busy collector one lookup per name in
// use; an eviction order was rejected, because real traffic has a few dozen
// names and only garbage fills the memo.
type memo struct {
	mu      sync.RWMutex // guards entries
	entries map[key]*resolution
}

const (
	memoEntries = 4096
	memoName    = 256 // bytes of one name
)

// key is what a lookup depends on, but for the time.
type key struct{ provider, named, server, response, request, tier string }

func (m *memo) get(k key) *resolution {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.entries[k]
}

func (m *memo) put(k key, r *resolution) {
	for _, s := range []*string{&k.provider, &k.named, &k.server, &k.response, &k.request, &k.tier} {
		if len(*s) > memoName {
			return
		}
		*s = strings.Clone(*s) // what comes in may be part of a whole batch of spans
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil || len(m.entries) >= memoEntries {
		m.entries = make(map[key]*resolution)
	}
	m.entries[k] = r
}
