-- Loads what Anthropic says that it counted and charged, as its Admin API
-- exports it:
--
--   GET /v1/organizations/usage_report/messages?bucket_width=1d&group_by[]=model&…
--   GET /v1/organizations/cost_report?bucket_width=1d&group_by[]=description&…
--
-- each page of the answer as it is, in a file. A day is taken from one file: of
-- those that have it, the last in order of name. One that is loaded again
-- replaces what was loaded of it. Without files of costs, usage alone is loaded.
--
--   SET VARIABLE anthropic_usage = 'exports/anthropic-usage*.json';  -- this session's; else as here
--   SET VARIABLE anthropic_costs = 'exports/anthropic-costs*.json';

CREATE TABLE IF NOT EXISTS provider_usage (
    provider VARCHAR, model VARCHAR, day DATE, requests BIGINT, -- NULL where the provider does not tell
    input_uncached BIGINT, cache_read BIGINT, cache_write BIGINT, output BIGINT
);
CREATE TABLE IF NOT EXISTS provider_cost (provider VARCHAR, model VARCHAR, day DATE, cost DECIMAL(38, 12)); -- USD
CREATE TABLE IF NOT EXISTS provider_days (provider VARCHAR, kind VARCHAR, day DATE); -- usage or cost; those of which nothing is told, too

CREATE OR REPLACE TEMP TABLE loading AS
SELECT b.starting_at::TIMESTAMP::DATE AS day, b.results AS results
FROM (
    SELECT filename, unnest(data) AS b
    FROM read_json(coalesce(getvariable('anthropic_usage'), 'exports/anthropic-usage*.json'),
        format = 'unstructured', records = true, auto_detect = false, maximum_object_size = 268435456, filename = true, columns = {
            data: 'STRUCT(starting_at VARCHAR, results STRUCT(model VARCHAR, uncached_input_tokens BIGINT,
                cache_creation STRUCT(ephemeral_5m_input_tokens BIGINT, ephemeral_1h_input_tokens BIGINT),
                cache_read_input_tokens BIGINT, output_tokens BIGINT)[])[]'
        })
)
QUALIFY ROW_NUMBER() OVER (PARTITION BY b.starting_at ORDER BY filename DESC) = 1; -- the one last in order of name
DELETE FROM provider_days WHERE provider = 'anthropic' AND kind = 'usage' AND day IN (SELECT day FROM loading);
INSERT INTO provider_days SELECT DISTINCT 'anthropic', 'usage', day FROM loading;
DELETE FROM provider_usage WHERE provider = 'anthropic' AND day IN (SELECT day FROM loading);
INSERT INTO provider_usage
SELECT 'anthropic', r.model, day, NULL, SUM(r.uncached_input_tokens), SUM(coalesce(r.cache_read_input_tokens, 0)),
    SUM(coalesce(r.cache_creation.ephemeral_5m_input_tokens, 0) + coalesce(r.cache_creation.ephemeral_1h_input_tokens, 0)),
    SUM(r.output_tokens)
FROM (SELECT day, unnest(results) AS r FROM loading) GROUP BY r.model, day;

CREATE OR REPLACE TEMP TABLE loading AS
SELECT b.starting_at::TIMESTAMP::DATE AS day, b.results AS results
FROM (
    SELECT filename, unnest(from_json(content,
        '{"data": [{"starting_at": "VARCHAR", "results": [
            {"model": "VARCHAR", "description": "VARCHAR", "amount": "VARCHAR", "currency": "VARCHAR"}]}]}').data) AS b
    FROM read_text(coalesce(getvariable('anthropic_costs'), 'exports/anthropic-costs*.json')) -- which may find none
)
QUALIFY ROW_NUMBER() OVER (PARTITION BY b.starting_at ORDER BY filename DESC) = 1; -- the one last in order of name
DELETE FROM provider_days WHERE provider = 'anthropic' AND kind = 'cost' AND day IN (SELECT day FROM loading);
INSERT INTO provider_days SELECT DISTINCT 'anthropic', 'cost', day FROM loading;
DELETE FROM provider_cost WHERE provider = 'anthropic' AND day IN (SELECT day FROM loading);
INSERT INTO provider_cost
SELECT 'anthropic', coalesce(r.model, r.description) AS model, day, -- what is no model's keeps its name
    SUM(r.amount::DECIMAL(38, 12) * 0.01)::DECIMAL(38, 12)          -- cents
FROM (SELECT day, unnest(results) AS r FROM loading) WHERE lower(r.currency) = 'usd' GROUP BY coalesce(r.model, r.description), day;
DROP TABLE loading;
