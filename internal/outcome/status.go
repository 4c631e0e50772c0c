// Package outcome decides what a run achieved from what its spans say, which
// in real instrumentation is seldom one thing. It is pure: no clock, no lock,
// no logger, no I/O.
package outcome

import "strings"

// Status is what a run achieved. Greater is worse, which is how ties in time
// are broken.
type Status uint8

const (
	None Status = iota // nothing was said
	Success
	Partial
	Abandoned
	Canceled
	Timeout
	Failed
)

// statuses has the spellings of the contract, by Status.
var statuses = [...]string{"", "success", "partial", "abandoned", "canceled", "timeout", "failed"}

// String is the status as a summary writes it; empty for [None].
func (s Status) String() string { return statuses[s] }

// spellings has every spelling that is read. The last three are what SDKs and
// people write for the same thing.
var spellings = map[string]Status{
	"success": Success, "partial": Partial, "abandoned": Abandoned,
	"canceled": Canceled, "timeout": Timeout, "failed": Failed,
	"failure": Failed, "error": Failed, "cancelled": Canceled,
}

// longestSpelling bounds the work of folding letters.
const longestSpelling = len("cancelled")

// ParseStatus reads a status in any letter case; false where it is none.
func ParseStatus(text string) (Status, bool) {
	if s, ok := spellings[text]; ok {
		return s, true
	}
	text = strings.TrimSpace(text)
	if len(text) > longestSpelling {
		return None, false
	}
	s, ok := spellings[strings.ToLower(text)]
	return s, ok
}

// ChangedFrom is what a revision says of the status that the last one told:
// nothing where now is the same.
func ChangedFrom(last, now Status) *Status {
	if last == now {
		return nil
	}
	return &last
}

// Source is which rule gave the status.
type Source uint8

const (
	FromNothing Source = iota
	FromInference
	FromCompleted
	FromAttribute
	FromEmission
)

var sources = [...]string{"none", "inferred", "completed", "attribute", "emitted"}

func (s Source) String() string { return sources[s] }
