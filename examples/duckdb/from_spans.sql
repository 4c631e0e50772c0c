-- What the collector delivered, read from the files of a file exporter in a
-- traces pipeline: one OTLP JSON request a line. A file may hold any spans;
-- summaries alone are looked at.
--
--   SET VARIABLE summary_files = '/var/lib/runrollup/summaries*.jsonl';  -- this session's; else as below
--   .read from_spans.sql
--   .read schema.sql

-- The lines as they are. A line that is still being written, or was when the
-- collector was killed, is no JSON and has no resourceSpans: this says how many.
--
--   SELECT filename, COUNT(*) FROM lines WHERE resourceSpans IS NULL GROUP BY filename;
--
-- The types are given, not guessed: a guess would change with what a file
-- happens to hold, and would read the files once more. A line can be as large as
-- the request that it holds.
CREATE OR REPLACE VIEW lines AS
SELECT * FROM read_json(coalesce(getvariable('summary_files'), 'summaries*.jsonl'),
    format = 'newline_delimited', records = true, auto_detect = false, sample_size = 1,
    ignore_errors = true, filename = true, maximum_object_size = 268435456, columns = {
        resourceSpans: 'STRUCT(scopeSpans STRUCT("scope" STRUCT("name" VARCHAR), spans STRUCT(
            traceId VARCHAR, parentSpanId VARCHAR, "name" VARCHAR, startTimeUnixNano BIGINT, endTimeUnixNano BIGINT,
            attributes STRUCT("key" VARCHAR, "value" STRUCT(
                stringValue VARCHAR, intValue VARCHAR, doubleValue VARCHAR, boolValue VARCHAR,
                arrayValue STRUCT("values" STRUCT(stringValue VARCHAR)[])))[],
            events STRUCT("name" VARCHAR, attributes STRUCT("key" VARCHAR, "value" STRUCT(
                stringValue VARCHAR, intValue VARCHAR, doubleValue VARCHAR, boolValue VARCHAR,
                arrayValue STRUCT("values" STRUCT(stringValue VARCHAR)[])))[])[]
        )[])[])[]'
    });

CREATE OR REPLACE VIEW delivered AS
WITH spans AS (
    SELECT ss."scope"."name" AS scope, unnest(ss.spans) AS s FROM (
        SELECT unnest(rs.scopeSpans) AS ss FROM (SELECT unnest(resourceSpans) AS rs FROM lines)
    )
)
SELECT
    s.traceId AS trace_id,                                  -- of the run's root span
    nullif(s.parentSpanId, '') AS root_span_id,
    make_timestamp_ns(s.startTimeUnixNano) AS started_at,   -- UTC
    make_timestamp_ns(s.endTimeUnixNano) AS ended_at,
    map_from_entries(coalesce(s.attributes, [])) AS attributes,
    -- what each model's calls came to
    list_transform(
        list_filter(coalesce(s.events, []), lambda e: e."name" = 'botanu.model_usage'),
        lambda e: map_from_entries(e.attributes)
    ) AS models
FROM spans
WHERE s."name" = 'botanu.run.summary' AND scope = 'github.com/runrollup/runrollupprocessor'; -- an application may use the name alone
