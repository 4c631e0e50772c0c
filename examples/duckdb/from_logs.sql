-- The same as from_spans.sql, read from the files of a file exporter in a logs
-- pipeline: one log record a summary, as the connector run_rollup makes them.
--
--   SET VARIABLE summary_files = '/var/lib/runrollup/summaries*.jsonl';  -- this session's; else as below
--   .read from_logs.sql
--   .read schema.sql

-- The value of a name in a body, which is a map.
CREATE OR REPLACE MACRO otlp_entry(body, name) AS
    list_filter(body.kvlistValue."values", lambda e: e."key" = name)[1]."value";

-- The lines as they are. A line that is still being written, or was when the
-- collector was killed, is no JSON and has no resourceLogs: this says how many.
--
--   SELECT filename, COUNT(*) FROM lines WHERE resourceLogs IS NULL GROUP BY filename;
--
-- The types are given, not guessed: a guess would change with what a file
-- happens to hold, and would read the files once more. A line can be as large as
-- the request that it holds.
CREATE OR REPLACE VIEW lines AS
SELECT * FROM read_json(coalesce(getvariable('summary_files'), 'summaries*.jsonl'),
    format = 'newline_delimited', records = true, auto_detect = false, sample_size = 1,
    ignore_errors = true, filename = true, maximum_object_size = 268435456, columns = {
        resourceLogs: 'STRUCT(scopeLogs STRUCT("scope" STRUCT("name" VARCHAR), logRecords STRUCT(
            traceId VARCHAR, spanId VARCHAR, eventName VARCHAR,
            attributes STRUCT("key" VARCHAR, "value" STRUCT(
                stringValue VARCHAR, intValue VARCHAR, doubleValue VARCHAR, boolValue VARCHAR,
                arrayValue STRUCT("values" STRUCT(stringValue VARCHAR)[])))[],
            body STRUCT(kvlistValue STRUCT("values" STRUCT("key" VARCHAR, "value" STRUCT(
                stringValue VARCHAR,
                arrayValue STRUCT("values" STRUCT(kvlistValue STRUCT("values" STRUCT("key" VARCHAR, "value" STRUCT(
                    stringValue VARCHAR, intValue VARCHAR, doubleValue VARCHAR, boolValue VARCHAR,
                    arrayValue STRUCT("values" STRUCT(stringValue VARCHAR)[])))[]))[])))[]))
        )[])[])[]'
    });

CREATE OR REPLACE VIEW delivered AS
WITH records AS (
    SELECT sl."scope"."name" AS scope, unnest(sl.logRecords) AS r FROM (
        SELECT unnest(rl.scopeLogs) AS sl FROM (SELECT unnest(resourceLogs) AS rl FROM lines)
    )
)
SELECT
    r.traceId AS trace_id,                                  -- of the run's root span
    nullif(r.spanId, '') AS root_span_id,
    otlp_entry(r.body, 'start_time').stringValue::TIMESTAMP_NS AS started_at, -- UTC
    otlp_entry(r.body, 'end_time').stringValue::TIMESTAMP_NS AS ended_at,
    map_from_entries(coalesce(r.attributes, [])) AS attributes,
    -- what each model's calls came to
    list_transform(
        coalesce(otlp_entry(r.body, 'botanu.model_usage').arrayValue."values", []),
        lambda m: map_from_entries(m.kvlistValue."values")
    ) AS models
FROM records
WHERE r.eventName = 'botanu.run.summary' AND scope = 'github.com/runrollup/runrollupprocessor'; -- an application may use the name alone
