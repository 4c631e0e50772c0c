-- What the collector delivered, read from the table that the clickhouse
-- exporter writes spans into. It may hold any spans; summaries alone are looked
-- at.
--
--   clickhouse-client --queries-file from_spans.sql --queries-file schema.sql
CREATE OR REPLACE VIEW delivered AS
SELECT
    t.TraceId AS trace_id,                                       -- of the run's root span
    nullIf(t.ParentSpanId, '') AS root_span_id,
    toTimeZone(t.Timestamp, 'UTC') AS started_at,
    addNanoseconds(toTimeZone(t.Timestamp, 'UTC'), t.Duration) AS ended_at,
    t.SpanAttributes AS attributes,
    -- what each model's calls came to
    arrayFilter((a, name) -> name = 'botanu.model_usage', t.Events.Attributes, t.Events.Name) AS models
FROM otel_traces AS t
WHERE t.SpanName = 'botanu.run.summary'
  AND t.ScopeName = 'github.com/runrollup/runrollupprocessor';   -- an application may use the name alone
