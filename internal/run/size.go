package run

import (
	"unsafe"

	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
)

// What things take in memory, near enough to hold a limit: the allocator's
// rounding is not counted, and strings that spans share are counted for each.
const (
	nodeBytes   = int(unsafe.Sizeof(node{}))
	indexBytes  = 2 * int(unsafe.Sizeof(SpanKey{})+4) // a place in a map that is half full
	stringBytes = int(unsafe.Sizeof(""))
)

// Bytes is about how much memory the run takes. It costs nothing to ask.
func (r *Run) Bytes() int {
	n := r.bytes + cap(r.nodes)*nodeBytes
	if r.index != nil {
		n += len(r.nodes) * indexBytes
	}
	return n
}

func (id *Identity) bytes() int {
	n := int(unsafe.Sizeof(*id))
	for _, v := range id {
		n += len(v)
	}
	return n
}

func (d *Detail) bytes() int {
	if d == nil {
		return 0
	}
	n := int(unsafe.Sizeof(*d))
	if r := d.Record; r != nil {
		n += int(unsafe.Sizeof(genai.Record{})) + len(r.Scope) + len(r.Version) + len(r.Provider) + len(r.ServerAddress) +
			len(r.RequestModel) + len(r.ResponseModel) + len(r.ResponseID) + len(r.Tier) + len(r.Cost.Currency)
	}
	if d.Claim != nil {
		n += claimBytes(d.Claim)
	}
	if d.Root != nil {
		n += int(unsafe.Sizeof(*d.Root)) + len(d.Root.StartTime)
		for _, a := range d.Root.Copied {
			n += int(unsafe.Sizeof(a)) + len(a.Key)
			if s, ok := a.Value.(string); ok {
				n += stringBytes + len(s)
			}
		}
	}
	for i := range d.Metered {
		n += int(unsafe.Sizeof(cost.Metered{})) + len(d.Metered[i].Quantity)
	}
	return n
}

func claimBytes(c *outcome.Claim) int {
	n := int(unsafe.Sizeof(*c)) + len(c.ErrorType) + statementBytes(&c.Attributes) + statementBytes(&c.Completed)
	for i := range c.Emissions {
		n += int(unsafe.Sizeof(outcome.Statement{})) + statementBytes(&c.Emissions[i])
	}
	for _, m := range c.Metadata {
		n += int(unsafe.Sizeof(m)) + len(m.Key) + len(m.Value)
	}
	return n
}

// statementBytes is what the strings of a statement take.
func statementBytes(s *outcome.Statement) int {
	return len(s.Status) + len(s.ValueType) + len(s.Reason) + len(s.ErrorType)
}
