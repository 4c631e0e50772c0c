package engine

import (
	"bytes"
	"cmp"
	"container/list"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/run"
)

// tenant is what is held on behalf of one sender. Nothing of one reaches
// another: every index by run or by trace is the tenant's own.
type tenant struct {
	id       uint64 // in the journal
	key      string
	metadata [][]string // the values of each metadata key, passed on with its summaries

	// runs holds open runs and, for the late window, summarised ones.
	runs map[string]*entry
	// traces tells which of the held runs have spans in a trace: one trace can
	// hold several runs, and what one of them repeats of another it is not billed.
	traces map[[16]byte][]*entry
	// kept is the same of runs that are let go, where others were beside them.
	kept map[[16]byte][]*entry
	// crowded counts the held runs that a trace had no place for in traces. It
	// knows of the trace, with none, for as long as another run of it is held.
	crowded map[[16]byte]int
	strays  map[[16]byte]*strayTrace

	events map[event.Key]*eventEntry
	// awaited counts, by event, the runs of which something has not been
	// summarised: their event waits for them.
	awaited map[event.Key]int
	// customers tells whose the events are that are held or awaited.
	customers customers
	byTouch   *list.List // of *eventEntry, touched longest ago first

	open *list.List // of *entry, quiet for longest first
	late *list.List // of *entry, summarised longest ago first

	openBytes, lateBytes, eventBytes int
	element                          *list.Element // in tenants.byQuiet
	gone                             bool          // forgotten: one that comes again is another
}

// tenants are those that something is held of.
type tenants struct {
	byKey   map[string]*tenant
	byQuiet *list.List // of *tenant, quiet for longest first
	idle    []*tenant  // that may hold nothing any more
}

func newTenants() tenants {
	return tenants{byKey: map[string]*tenant{}, byQuiet: list.New()}
}

// metadataLimit bounds the bytes of one tenant's metadata.
const metadataLimit = 4096

// tenantKey is the metadata as one string, equal only for equal metadata. It
// reports false for metadata too long to be kept.
func tenantKey(metadata [][]string) (string, bool) {
	if len(metadata) == 0 {
		return "", true
	}
	var room [256]byte
	b := room[:0]
	for _, values := range metadata {
		b = binary.AppendUvarint(b, uint64(len(values)))
		for _, v := range values {
			b = binary.AppendUvarint(b, uint64(len(v)))
			if len(b)+len(v) > metadataLimit {
				return "", false
			}
			b = append(b, v...)
		}
	}
	return string(b), true
}

// tenantOf gives the tenant of a key, and makes it where nothing is held of
// it. Over the limit the tenant quiet for longest is let go.
func (e *Engine) tenantOf(key string, metadata [][]string, now time.Time, tally *Tally) *tenant {
	if t := e.tenants.byKey[key]; t != nil {
		if e.tenants.byQuiet.Back() != t.element {
			e.tenants.byQuiet.MoveToBack(t.element)
		}
		return t
	}
	for len(e.tenants.byKey) >= e.config.Tenants {
		e.evictTenant(e.tenants.byQuiet.Front().Value.(*tenant), now, tally)
	}
	t := e.addTenant(key, metadata)
	if w := e.rec(); w != nil {
		w.Tenant(t.id, t.metadata)
	}
	return t
}

func (e *Engine) addTenant(key string, metadata [][]string) *tenant {
	e.tenantSeq++
	t := &tenant{
		id: e.tenantSeq, key: key, metadata: cloneMetadata(metadata),
		runs: map[string]*entry{}, traces: map[[16]byte][]*entry{}, crowded: map[[16]byte]int{}, strays: map[[16]byte]*strayTrace{},
		events: map[event.Key]*eventEntry{}, awaited: map[event.Key]int{}, customers: customers{}, byTouch: list.New(),
		open: list.New(), late: list.New(),
	}
	t.element = e.tenants.byQuiet.PushBack(t)
	e.tenants.byKey[key] = t
	e.held.tenantBytes += t.ownBytes()
	return t
}

// cloneMetadata copies metadata, which belongs to the sender's request.
func cloneMetadata(metadata [][]string) [][]string {
	if metadata == nil {
		return nil
	}
	c := make([][]string, len(metadata))
	for i, values := range metadata {
		c[i] = append(c[i], values...)
	}
	return c
}

// ownBytes is about what a tenant takes that holds nothing.
func (t *tenant) ownBytes() int {
	const empty = 2048 // the maps and lists
	return empty + 2*len(t.key)
}

// mayBeIdle notes that something of a tenant was let go. Whether it is
// forgotten is decided when nothing works with it.
func (e *Engine) mayBeIdle(t *tenant) {
	if t.holdsNothing() {
		e.tenants.idle = append(e.tenants.idle, t)
	}
}

func (t *tenant) holdsNothing() bool { return len(t.runs)+len(t.strays)+len(t.events) == 0 }

// releaseIdle forgets the tenants that hold nothing.
func (e *Engine) releaseIdle() {
	for _, t := range e.tenants.idle {
		if t.holdsNothing() && !t.gone {
			e.forget(t)
		}
	}
	e.tenants.idle = e.tenants.idle[:0]
}

func (e *Engine) forget(t *tenant) {
	t.gone = true
	delete(e.tenants.byKey, t.key)
	e.tenants.byQuiet.Remove(t.element)
	e.held.tenantBytes -= t.ownBytes()
}

// straysByQuiet gives the tenant's traces with strays, quiet for longest first.
func (t *tenant) straysByQuiet() []*strayTrace {
	return slices.SortedFunc(maps.Values(t.strays), func(a, b *strayTrace) int {
		return cmp.Or(a.touched.Compare(b.touched), bytes.Compare(a.id[:], b.id[:]))
	})
}

// evictTenant lets a tenant go, with all that is held of it.
func (e *Engine) evictTenant(t *tenant, now time.Time, tally *Tally) {
	for _, s := range t.straysByQuiet() {
		e.decide(s, now, tally)
		tally.DecidedEarly++
	}
	// First the jobs, then the end: each may look at the others beside it.
	for el := t.open.Front(); el != nil; el = el.Next() {
		e.tellEarly(el.Value.(*entry), ByTenants, tally)
	}
	for t.open.Len() > 0 {
		en := t.open.Front().Value.(*entry)
		e.end(en, run.Evicted)
		e.drop(en)
	}
	for t.late.Len() > 0 {
		e.cutShort(t.late.Front().Value.(*entry), tally)
	}
	for t.byTouch.Len() > 0 {
		e.closeEvent(t.byTouch.Front().Value.(*eventEntry), now, tally)
	}
	e.forget(t)
}

// most gives the tenant of which most is held, by the given measure; nil where
// it is nothing. It looks at every tenant, and is asked only at a limit.
func (e *Engine) most(measure func(*tenant) int) *tenant {
	var found *tenant
	top := 0
	for el := e.tenants.byQuiet.Front(); el != nil; el = el.Next() { // in a fixed order, unlike the map
		if t := el.Value.(*tenant); measure(t) > top {
			found, top = t, measure(t)
		}
	}
	return found
}
