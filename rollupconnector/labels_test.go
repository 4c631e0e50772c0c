package rollupconnector

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

func setOf(of metric.MeasurementOption) attribute.Set {
	return metric.NewAddConfig([]metric.AddOption{of}).Attributes()
}

// TestLabels: no two lists of attributes share a set, whatever stands in them,
// and the set is the same whether it was made before or not.
func TestLabels(t *testing.T) {
	var s labels
	common := &list{}
	common.add(attribute.String("a", "1"))
	common.add(attribute.KeyValue{})
	for range 2 {
		for _, more := range [][]attribute.KeyValue{
			nil, {attribute.String("b", "2")}, {attribute.String("b", "2\x01c\x043")}, {attribute.String("b", "2"), attribute.String("c", "3")},
			{attribute.String("b", "2c"), attribute.String("", "3")}, {attribute.Int64("b", 2)}, {attribute.String("b", "true")}, {attribute.Bool("b", true)},
			{{}, attribute.String("c", "3")}, {attribute.String("c", "3"), attribute.String("b", "2x")},
		} {
			all := []attribute.KeyValue{attribute.String("a", "1")}
			for _, kv := range more {
				if kv.Valid() {
					all = append(all, kv)
				}
			}
			assert.Equal(t, attribute.NewSet(all...), setOf(s.of(common, more...)))
		}
	}
	before := len(s.made)
	s.of(common)
	assert.Len(t, s.made, before)

	for i := range labelsLimit + 10 {
		v := attribute.Int("n", i)
		assert.Equal(t, attribute.NewSet(attribute.String("a", "1"), v), setOf(s.of(common, v)), fmt.Sprint(i))
	}
	assert.LessOrEqual(t, len(s.made), labelsLimit)
}
