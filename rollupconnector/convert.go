package rollupconnector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/runrollup/runrollupprocessor/rollupconnector/internal/metadata"
)

// scope is the instrumentation scope of the metrics.
const scope = "github.com/runrollup/runrollupprocessor/rollupconnector"

// converter writes what the SDK has added up as pdata.
//
// A cumulative series begins with 0. Backends tell an increase from two points,
// so what a series says in its first one they do not see: of a workflow that
// runs once in ten minutes each restart of the collector would hide a run, and
// each new model its first call. A series is therefore flushed as 0 when it is
// new, and with its value from the next flush on. Two points in one flush were
// rejected: a scrape sees the last one alone.
type converter struct {
	resource func(pcommon.Resource)
	version  string
	last     time.Time // the flush before, or the start
	births   map[series]*birth

	// Of the last conversion.
	series      int
	overflowing int // metrics with a series for what is past the limit
	at          pcommon.Timestamp
	final       bool
	newborn     []*birth
}

// series tells one cumulative series from all others.
type series struct {
	metric     string
	attributes attribute.Distinct
}

// birth is when a series began, and whether that was told.
type birth struct {
	at   pcommon.Timestamp
	told bool
}

func newConverter(collector pcommon.Resource, version string, now time.Time) converter {
	instance := ""
	if v, ok := collector.Attributes().Get("service.instance.id"); ok {
		instance = v.AsString()
	}
	return converter{version: version, last: now, births: map[series]*birth{}, resource: func(r pcommon.Resource) {
		r.Attributes().PutStr("service.name", metadata.Type.String())
		if instance != "" { // two collectors' series must not be one
			r.Attributes().PutStr("service.instance.id", instance)
		}
	}}
}

// metrics converts one collection. In the final one new series say what they
// have: there is no next flush.
func (c *converter) metrics(collected *metricdata.ResourceMetrics, now time.Time, final bool) pmetric.Metrics {
	c.series, c.overflowing, c.final, c.newborn = 0, 0, final, c.newborn[:0]
	c.at = pcommon.NewTimestampFromTime(now)
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	c.resource(rm.Resource())
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(scope)
	sm.Scope().SetVersion(c.version)
	for _, of := range collected.ScopeMetrics {
		for i := range of.Metrics {
			m := sm.Metrics().AppendEmpty()
			m.SetName(of.Metrics[i].Name)
			m.SetDescription(of.Metrics[i].Description)
			m.SetUnit(of.Metrics[i].Unit)
			switch data := of.Metrics[i].Data.(type) {
			case metricdata.Sum[int64]:
				putSum(c, m, data, pmetric.NumberDataPoint.SetIntValue)
			case metricdata.Sum[float64]:
				putSum(c, m, data, pmetric.NumberDataPoint.SetDoubleValue)
			case metricdata.Histogram[float64]:
				putHistogram(c, m, data)
			}
		}
	}
	sm.Metrics().RemoveIf(func(m pmetric.Metric) bool {
		return m.Type() == pmetric.MetricTypeSum && m.Sum().DataPoints().Len() == 0 ||
			m.Type() == pmetric.MetricTypeHistogram && m.Histogram().DataPoints().Len() == 0
	})
	c.last = now
	return md
}

// told notes that the last conversion has arrived: what was new is so no more.
func (c *converter) told() {
	for _, b := range c.newborn {
		b.told = true
	}
}

// point is one that is to be written of a series: of which span of time, and
// whether it says 0 or what the series has.
type point struct {
	start, at pcommon.Timestamp
	zero      bool
}

// points are those of a series in this conversion.
func (c *converter) points(metric string, t metricdata.Temporality, start time.Time, attributes attribute.Set) []point {
	if t != metricdata.CumulativeTemporality {
		return []point{{start: pcommon.NewTimestampFromTime(start), at: c.at}}
	}
	key := series{metric, attributes.Equivalent()}
	b, ok := c.births[key]
	if !ok {
		b = &birth{at: pcommon.NewTimestampFromTime(c.last)}
		c.births[key] = b
	}
	value := point{start: b.at, at: c.at}
	if b.told {
		return []point{value}
	}
	c.newborn = append(c.newborn, b)
	if c.final {
		return []point{{start: b.at, at: b.at, zero: true}, value}
	}
	value.zero = true
	return []point{value}
}

func putSum[N int64 | float64](c *converter, m pmetric.Metric, data metricdata.Sum[N], set func(pmetric.NumberDataPoint, N)) {
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(data.IsMonotonic)
	sum.SetAggregationTemporality(temporalityOf(data.Temporality))
	overflows := false
	for i := range data.DataPoints {
		p := &data.DataPoints[i]
		overflows = overflows || p.Attributes.HasValue(overflow)
		for _, s := range c.points(m.Name(), data.Temporality, p.StartTime, p.Attributes) {
			to := sum.DataPoints().AppendEmpty()
			putAttributes(to.Attributes(), p.Attributes)
			to.SetStartTimestamp(s.start)
			to.SetTimestamp(s.at)
			if s.zero {
				set(to, 0)
				continue
			}
			set(to, p.Value)
			putExemplars(to.Exemplars(), p.Exemplars)
		}
	}
	c.count(len(data.DataPoints), overflows)
}

func putHistogram(c *converter, m pmetric.Metric, data metricdata.Histogram[float64]) {
	histogram := m.SetEmptyHistogram()
	histogram.SetAggregationTemporality(temporalityOf(data.Temporality))
	overflows := false
	for i := range data.DataPoints {
		p := &data.DataPoints[i]
		overflows = overflows || p.Attributes.HasValue(overflow)
		for _, s := range c.points(m.Name(), data.Temporality, p.StartTime, p.Attributes) {
			to := histogram.DataPoints().AppendEmpty()
			putAttributes(to.Attributes(), p.Attributes)
			to.SetStartTimestamp(s.start)
			to.SetTimestamp(s.at)
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
	c.count(len(data.DataPoints), overflows)
}

// overflow is the attribute of the series that takes what is past the
// cardinality limit, by the SDK's specification.
const overflow = attribute.Key("otel.metric.overflow")

// count counts the series of one metric.
func (c *converter) count(points int, overflows bool) {
	c.series += points
	if overflows {
		c.overflowing++
	}
}

func putAttributes(to pcommon.Map, from attribute.Set) {
	to.EnsureCapacity(from.Len())
	for iter := from.Iter(); iter.Next(); {
		kv := iter.Attribute()
		switch kv.Value.Type() {
		case attribute.BOOL:
			to.PutBool(string(kv.Key), kv.Value.AsBool())
		case attribute.INT64:
			to.PutInt(string(kv.Key), kv.Value.AsInt64())
		default:
			to.PutStr(string(kv.Key), kv.Value.AsString())
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
