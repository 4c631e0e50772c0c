-- The same as from_spans.sql, read from the table that the clickhouse exporter
-- writes log records into: one record a summary, as the connector run_rollup
-- makes them.
--
--   clickhouse-client --queries-file from_logs.sql --queries-file schema.sql
CREATE OR REPLACE VIEW delivered AS
SELECT
    l.TraceId AS trace_id,                                       -- of the run's root span
    nullIf(l.SpanId, '') AS root_span_id,
    parseDateTime64BestEffort(JSONExtractString(l.Body, 'start_time'), 9, 'UTC') AS started_at,
    parseDateTime64BestEffort(JSONExtractString(l.Body, 'end_time'), 9, 'UTC') AS ended_at,
    l.LogAttributes AS attributes,
    -- what each model's calls came to
    JSONExtract(l.Body, 'botanu.model_usage', 'Array(Map(String, String))') AS models
FROM otel_logs AS l
WHERE l.EventName = 'botanu.run.summary'
  AND l.ScopeName = 'github.com/runrollup/runrollupprocessor';   -- an application may use the name alone
