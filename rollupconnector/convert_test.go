package rollupconnector

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// TestConvert_deltasJoin: a delta point begins where the one before it ended, or
// whoever adds them up drops it.
func TestConvert_deltasJoin(t *testing.T) {
	c := newConverter(settings(nil), time.Unix(0, 0))
	collected := func(start, at int64) *metricdata.ResourceMetrics {
		return &metricdata.ResourceMetrics{ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Name: "m", Data: metricdata.Sum[int64]{
			Temporality: metricdata.DeltaTemporality,
			DataPoints:  []metricdata.DataPoint[int64]{{StartTime: time.Unix(start, 0), Time: time.Unix(at, 0), Value: 1}},
		}}}}}}
	}
	for _, flush := range [][2]int64{{1, 5}, {5, 9}} {
		p := metricsOf(c.metrics(collected(flush[0], flush[1]), time.Unix(flush[1]+1, 0), false))[0].Sum().DataPoints().At(0)
		assert.Equal(t, flush[0], p.StartTimestamp().AsTime().Unix())
		assert.Equal(t, flush[1], p.Timestamp().AsTime().Unix())
	}
}
