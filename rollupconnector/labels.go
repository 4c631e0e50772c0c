package rollupconnector

import (
	"encoding/binary"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// labels are the attributes of measurements, as the SDK wants them: sorted and
// hashed. To make such a set costs more than to add to its sum, and summaries
// are of few kinds, so those that were made are kept.
type labels struct {
	mu   sync.Mutex
	made map[string]metric.MeasurementOption
}

// labelsLimit bounds how many are kept, at some 500 bytes each. Over it they
// are made anew, which changes nothing but the time it takes.
const labelsLimit = 10_000

// list is a list of attributes, and its text, which no other list has.
type list struct {
	attributes []attribute.KeyValue
	text       []byte
}

// add adds an attribute. One that is absent is left out.
func (l *list) add(kv attribute.KeyValue) {
	if kv.Valid() {
		l.attributes = append(l.attributes, kv)
		l.text = appendText(l.text, kv)
	}
}

func appendText(b []byte, kv attribute.KeyValue) []byte {
	b = append(binary.AppendUvarint(b, uint64(len(kv.Key))), kv.Key...)
	value := kv.Value.String()
	b = binary.AppendUvarint(append(b, byte(kv.Value.Type())), uint64(len(value)))
	return append(b, value...)
}

// of are the attributes of one measurement: the common ones, and more, of which
// absent ones are left out.
func (s *labels) of(common *list, more ...attribute.KeyValue) metric.MeasurementOption {
	var room [512]byte // for what is usual, on the stack
	text := append(room[:0], common.text...)
	for _, kv := range more {
		if kv.Valid() {
			text = appendText(text, kv)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if made, ok := s.made[string(text)]; ok {
		return made
	}
	if s.made == nil || len(s.made) >= labelsLimit {
		s.made = map[string]metric.MeasurementOption{}
	}
	all := slices.Clone(common.attributes)
	for _, kv := range more {
		if kv.Valid() {
			all = append(all, kv)
		}
	}
	made := metric.WithAttributeSet(attribute.NewSet(all...))
	s.made[string(text)] = made
	return made
}
