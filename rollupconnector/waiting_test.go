package rollupconnector

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

func TestWaiting_limit(t *testing.T) {
	flush := func(points int) pmetric.Metrics {
		md := pmetric.NewMetrics()
		sum := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptySum()
		for range points {
			sum.DataPoints().AppendEmpty()
		}
		return md
	}
	w := waiting{limit: 10}
	assert.Zero(t, w.add(flush(0)))
	assert.False(t, w.any())
	assert.Zero(t, w.add(flush(4)))
	assert.Zero(t, w.add(flush(6)))
	assert.Equal(t, 4, w.add(flush(2)), "the oldest")
	assert.Equal(t, 8, w.points)
	assert.Equal(t, 19, w.add(flush(11)), "all, and what is more than may wait")
	assert.False(t, w.any())
}
