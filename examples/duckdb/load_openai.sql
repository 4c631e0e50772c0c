-- Loads what OpenAI says that it counted and charged, as its API exports it:
--
--   GET /v1/organization/usage/completions?bucket_width=1d&group_by=model&…
--   GET /v1/organization/costs?bucket_width=1d&group_by=line_item&…
--
-- each page of the answer as it is, in a file. A day is taken from one file: of
-- those that have it, the last in order of name. One that is loaded again
-- replaces what was loaded of it. Without files of costs, usage alone is loaded.
--
--   SET VARIABLE openai_usage = 'exports/openai-usage*.json';  -- this session's; else as here
--   SET VARIABLE openai_costs = 'exports/openai-costs*.json';

CREATE TABLE IF NOT EXISTS provider_usage (
    provider VARCHAR, model VARCHAR, day DATE, requests BIGINT, -- NULL where the provider does not tell
    input_uncached BIGINT, cache_read BIGINT, cache_write BIGINT, output BIGINT
);
CREATE TABLE IF NOT EXISTS provider_cost (provider VARCHAR, model VARCHAR, day DATE, cost DECIMAL(38, 12)); -- USD
CREATE TABLE IF NOT EXISTS provider_days (provider VARCHAR, kind VARCHAR, day DATE); -- usage or cost; those of which nothing is told, too

CREATE OR REPLACE TEMP TABLE loading AS
SELECT make_timestamp(b.start_time * 1000000)::DATE AS day, b.results AS results
FROM (
    SELECT filename, unnest(data) AS b
    FROM read_json(coalesce(getvariable('openai_usage'), 'exports/openai-usage*.json'),
        format = 'unstructured', records = true, auto_detect = false, maximum_object_size = 268435456, filename = true, columns = {
            data: 'STRUCT(start_time BIGINT, results STRUCT(model VARCHAR, num_model_requests BIGINT,
                input_tokens BIGINT, input_cached_tokens BIGINT, input_cache_write_tokens BIGINT, output_tokens BIGINT)[])[]'
        })
)
QUALIFY ROW_NUMBER() OVER (PARTITION BY b.start_time ORDER BY filename DESC) = 1; -- the one last in order of name
DELETE FROM provider_days WHERE provider = 'openai' AND kind = 'usage' AND day IN (SELECT day FROM loading);
INSERT INTO provider_days SELECT DISTINCT 'openai', 'usage', day FROM loading;
DELETE FROM provider_usage WHERE provider = 'openai' AND day IN (SELECT day FROM loading);
INSERT INTO provider_usage
SELECT 'openai', r.model, day, SUM(r.num_model_requests),
    -- all input, of which some was read from the cache and some written to it
    SUM(r.input_tokens - coalesce(r.input_cached_tokens, 0) - coalesce(r.input_cache_write_tokens, 0)),
    SUM(coalesce(r.input_cached_tokens, 0)), SUM(coalesce(r.input_cache_write_tokens, 0)), SUM(r.output_tokens)
FROM (SELECT day, unnest(results) AS r FROM loading) GROUP BY r.model, day;

CREATE OR REPLACE TEMP TABLE loading AS
SELECT make_timestamp(b.start_time * 1000000)::DATE AS day, b.results AS results
FROM (
    SELECT filename, unnest(from_json(content,
        -- an amount is a number, or a string of many digits
        '{"data": [{"start_time": "BIGINT", "results": [{"line_item": "VARCHAR", "amount": {"value": "VARCHAR", "currency": "VARCHAR"}}]}]}').data) AS b
    FROM read_text(coalesce(getvariable('openai_costs'), 'exports/openai-costs*.json')) -- which may find none
)
QUALIFY ROW_NUMBER() OVER (PARTITION BY b.start_time ORDER BY filename DESC) = 1; -- the one last in order of name
DELETE FROM provider_days WHERE provider = 'openai' AND kind = 'cost' AND day IN (SELECT day FROM loading);
INSERT INTO provider_days SELECT DISTINCT 'openai', 'cost', day FROM loading;
DELETE FROM provider_cost WHERE provider = 'openai' AND day IN (SELECT day FROM loading);
INSERT INTO provider_cost
SELECT 'openai',
    -- "gpt-4o-2024-08-06, cached input" is of a model; what is not of that shape keeps its name
    CASE WHEN r.line_item NOT LIKE '%|%' THEN split_part(r.line_item, ', ', 1) ELSE r.line_item END AS model,
    day, SUM(r.amount."value"::DECIMAL(38, 12))
FROM (SELECT day, unnest(results) AS r FROM loading) WHERE lower(r.amount.currency) = 'usd' GROUP BY model, day;
DROP TABLE loading;
