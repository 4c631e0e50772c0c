-- Loads what OpenAI says that it counted and charged, as its API exports it:
--
--   GET /v1/organization/usage/completions?bucket_width=1d&group_by=model&…
--   GET /v1/organization/costs?bucket_width=1d&group_by=line_item&…
--
-- each page of the answer as it is, in a file. A day that is loaded again
-- replaces what was loaded of it.
--
--   SET VARIABLE openai_usage = 'exports/openai-usage*.json';  -- this session's; else as here
--   SET VARIABLE openai_costs = 'exports/openai-costs*.json';

CREATE TABLE IF NOT EXISTS provider_usage (
    provider VARCHAR, model VARCHAR, day DATE, requests BIGINT, -- NULL where the provider does not tell
    input_uncached BIGINT, cache_read BIGINT, cache_write BIGINT, output BIGINT
);
CREATE TABLE IF NOT EXISTS provider_cost (provider VARCHAR, model VARCHAR, day DATE, cost DECIMAL(38, 12)); -- USD

CREATE OR REPLACE TEMP TABLE loading AS
SELECT make_timestamp(b.start_time * 1000000)::DATE AS day, unnest(b.results) AS r
FROM (
    SELECT unnest(data) AS b
    FROM read_json(coalesce(getvariable('openai_usage'), 'exports/openai-usage*.json'),
        format = 'unstructured', records = true, auto_detect = false, maximum_object_size = 268435456, columns = {
            data: 'STRUCT(start_time BIGINT, results STRUCT(model VARCHAR, num_model_requests BIGINT,
                input_tokens BIGINT, input_cached_tokens BIGINT, input_cache_write_tokens BIGINT, output_tokens BIGINT)[])[]'
        })
);
DELETE FROM provider_usage WHERE provider = 'openai' AND day IN (SELECT day FROM loading);
INSERT INTO provider_usage
SELECT 'openai', r.model, day, SUM(r.num_model_requests),
    -- all input, of which some was read from the cache and some written to it
    SUM(r.input_tokens - coalesce(r.input_cached_tokens, 0) - coalesce(r.input_cache_write_tokens, 0)),
    SUM(coalesce(r.input_cached_tokens, 0)), SUM(coalesce(r.input_cache_write_tokens, 0)), SUM(r.output_tokens)
FROM loading GROUP BY r.model, day;

CREATE OR REPLACE TEMP TABLE loading AS
SELECT make_timestamp(b.start_time * 1000000)::DATE AS day, unnest(b.results) AS r
FROM (
    SELECT unnest(data) AS b
    FROM read_json(coalesce(getvariable('openai_costs'), 'exports/openai-costs*.json'),
        format = 'unstructured', records = true, auto_detect = false, maximum_object_size = 268435456, columns = {
            data: 'STRUCT(start_time BIGINT, results STRUCT(line_item VARCHAR,
                amount STRUCT("value" VARCHAR, currency VARCHAR))[])[]' -- a number or a string of many digits
        })
);
DELETE FROM provider_cost WHERE provider = 'openai' AND day IN (SELECT day FROM loading);
INSERT INTO provider_cost
SELECT 'openai',
    -- "gpt-4o-2024-08-06, cached input" is of a model; what is not of that shape keeps its name
    CASE WHEN r.line_item NOT LIKE '%|%' THEN split_part(r.line_item, ', ', 1) ELSE r.line_item END AS model,
    day, SUM(r.amount."value"::DECIMAL(38, 12))
FROM loading WHERE r.amount.currency = 'usd' GROUP BY model, day;
DROP TABLE loading;
