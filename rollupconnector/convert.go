package rollupconnector

import (
	"time"

	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// scope is the instrumentation scope of the metrics.
const scope = "github.com/runrollup/runrollupprocessor/rollupconnector"

// converter writes what the SDK has added up as pdata.
type converter struct {
	service  string // service.name: two connectors' series must not be one, nor
	instance string // two collectors', by service.instance.id
	version  string
	births   births

	// Of the last conversion.
	series      int
	overflowing int // metrics with a series for what is past the limit
}

func newConverter(set connector.Settings, now time.Time) converter {
	c := converter{service: set.ID.String(), version: set.BuildInfo.Version, births: newBirths(now)}
	if v, ok := set.Resource.Attributes().Get("service.instance.id"); ok {
		c.instance = v.AsString()
	}
	return c
}

// metrics converts one collection.
func (c *converter) metrics(collected *metricdata.ResourceMetrics, now time.Time, final bool) pmetric.Metrics {
	f := flush{at: pcommon.NewTimestampFromTime(now), final: final}
	c.series, c.overflowing = 0, 0
	c.births.begin()
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", c.service)
	if c.instance != "" {
		rm.Resource().Attributes().PutStr("service.instance.id", c.instance)
	}
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(scope)
	sm.Scope().SetVersion(c.version)
	for _, of := range collected.ScopeMetrics {
		for i := range of.Metrics {
			m := pmetric.NewMetric()
			m.SetName(of.Metrics[i].Name)
			m.SetDescription(of.Metrics[i].Description)
			m.SetUnit(of.Metrics[i].Unit)
			points := 0
			switch data := of.Metrics[i].Data.(type) {
			case metricdata.Sum[int64]:
				points = putSum(c, f, m, data, pmetric.NumberDataPoint.SetIntValue)
			case metricdata.Sum[float64]:
				points = putSum(c, f, m, data, pmetric.NumberDataPoint.SetDoubleValue)
			case metricdata.Histogram[float64]:
				points = putHistogram(c, f, m, data)
			}
			if points > 0 {
				m.MoveTo(sm.Metrics().AppendEmpty())
				c.series += points
			}
		}
	}
	c.births.end(f)
	return md
}

// points are those to be written of a series. A delta one begins where the one
// before it ended, to the nanosecond, as the SDK has it: whoever adds them up
// takes nothing else.
func (c *converter) points(f flush, metric string, t metricdata.Temporality, start, at time.Time, attributes attribute.Set) []point {
	if t == metricdata.CumulativeTemporality {
		return c.births.points(f, metric, attributes)
	}
	return []point{{start: pcommon.NewTimestampFromTime(start), at: pcommon.NewTimestampFromTime(at)}}
}

func putSum[N int64 | float64](c *converter, f flush, m pmetric.Metric, data metricdata.Sum[N], set func(pmetric.NumberDataPoint, N)) (series int) {
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(data.IsMonotonic)
	sum.SetAggregationTemporality(temporalityOf(data.Temporality))
	overflows := false
	for i := range data.DataPoints {
		p := &data.DataPoints[i]
		overflows = overflows || p.Attributes.HasValue(overflow)
		for _, s := range c.points(f, m.Name(), data.Temporality, p.StartTime, p.Time, p.Attributes) {
			to := sum.DataPoints().AppendEmpty()
			putHead(to, s, p.Attributes)
			if s.zero {
				set(to, 0)
				continue
			}
			set(to, p.Value)
			putExemplars(to.Exemplars(), p.Exemplars)
		}
	}
	if overflows {
		c.overflowing++
	}
	return len(data.DataPoints)
}

func putHistogram(c *converter, f flush, m pmetric.Metric, data metricdata.Histogram[float64]) (series int) {
	histogram := m.SetEmptyHistogram()
	histogram.SetAggregationTemporality(temporalityOf(data.Temporality))
	overflows := false
	for i := range data.DataPoints {
		p := &data.DataPoints[i]
		overflows = overflows || p.Attributes.HasValue(overflow)
		for _, s := range c.points(f, m.Name(), data.Temporality, p.StartTime, p.Time, p.Attributes) {
			to := histogram.DataPoints().AppendEmpty()
			putHead(to, s, p.Attributes)
			to.ExplicitBounds().FromRaw(p.Bounds)
			if s.zero {
				to.SetSum(0)
				to.BucketCounts().FromRaw(make([]uint64, len(p.BucketCounts)))
				continue
			}
			to.SetCount(p.Count)
			to.SetSum(p.Sum)
			to.BucketCounts().FromRaw(p.BucketCounts)
			if v, ok := p.Min.Value(); ok {
				to.SetMin(v)
			}
			if v, ok := p.Max.Value(); ok {
				to.SetMax(v)
			}
			putExemplars(to.Exemplars(), p.Exemplars)
		}
	}
	if overflows {
		c.overflowing++
	}
	return len(data.DataPoints)
}

// overflow is the attribute of the series that takes what is past the
// cardinality limit, by the SDK's specification.
const overflow = attribute.Key("otel.metric.overflow")

// putHead writes what a point of any kind begins with: whose it is, and of when.
func putHead(to interface {
	Attributes() pcommon.Map
	SetStartTimestamp(pcommon.Timestamp)
	SetTimestamp(pcommon.Timestamp)
}, p point, from attribute.Set) {
	to.SetStartTimestamp(p.start)
	to.SetTimestamp(p.at)
	attributes := to.Attributes()
	attributes.EnsureCapacity(from.Len())
	for iter := from.Iter(); iter.Next(); {
		kv := iter.Attribute()
		if kv.Value.Type() == attribute.BOOL { // otel.metric.overflow
			attributes.PutBool(string(kv.Key), kv.Value.AsBool())
		} else {
			attributes.PutStr(string(kv.Key), kv.Value.AsString())
		}
	}
}

func putExemplars[N int64 | float64](to pmetric.ExemplarSlice, from []metricdata.Exemplar[N]) {
	for i := range from {
		e := to.AppendEmpty()
		e.SetDoubleValue(float64(from[i].Value))
		e.SetTimestamp(pcommon.NewTimestampFromTime(from[i].Time))
		var traceID pcommon.TraceID
		var spanID pcommon.SpanID
		copy(traceID[:], from[i].TraceID)
		copy(spanID[:], from[i].SpanID)
		e.SetTraceID(traceID)
		e.SetSpanID(spanID)
	}
}

func temporalityOf(t metricdata.Temporality) pmetric.AggregationTemporality {
	if t == metricdata.DeltaTemporality {
		return pmetric.AggregationTemporalityDelta
	}
	return pmetric.AggregationTemporalityCumulative
}
