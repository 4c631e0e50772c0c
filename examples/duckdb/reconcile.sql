-- Holds the ledger against what the providers say, by provider, model and day
-- in UTC: run load_openai.sql or load_anthropic.sql first, or both. Differences
-- are the ledger less the provider. Compared are, of each provider that was
-- loaded, all days from the first of the export to the last, those with them of
-- which it tells nothing. A dated model is its undated one.
--
-- The ledger's day is that on which a run began, the provider's that of the
-- call. Where runs go on past midnight a difference of one day comes back on
-- the next: SET VARIABLE reconcile_by = 'month' compares whole months.
CREATE OR REPLACE TEMP MACRO undated(model) AS
    regexp_replace(coalesce(model, ''), '-([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})$', '');

WITH loaded AS (
    SELECT provider, MIN(day) AS first_day, MAX(day) AS last_day FROM provider_days GROUP BY provider
), ledger AS (
    SELECT provider, undated(model) AS model,
        date_trunc(coalesce(getvariable('reconcile_by'), 'day'), day)::DATE AS period,
        SUM(calls) AS calls, SUM(unpriced_calls) AS unpriced_calls, SUM(input_uncached) AS input_uncached,
        SUM(cache_read) AS cache_read, SUM(cache_write) AS cache_write, SUM(output) AS output, SUM(cost) AS cost
    FROM model_usage JOIN loaded USING (provider) WHERE day BETWEEN first_day AND last_day GROUP BY ALL
), counted AS (
    SELECT provider, undated(model) AS model,
        date_trunc(coalesce(getvariable('reconcile_by'), 'day'), day)::DATE AS period,
        SUM(requests) AS requests, SUM(input_uncached) AS input_uncached, SUM(cache_read) AS cache_read,
        SUM(cache_write) AS cache_write, SUM(output) AS output
    FROM provider_usage GROUP BY ALL
), charged AS (
    SELECT provider, undated(model) AS model,
        date_trunc(coalesce(getvariable('reconcile_by'), 'day'), day)::DATE AS period, SUM(cost) AS cost
    FROM provider_cost GROUP BY ALL
), compared AS (
    SELECT provider, model, period,
        l.calls, c.requests, l.unpriced_calls,
        l.input_uncached - c.input_uncached AS input_uncached_off, l.cache_read - c.cache_read AS cache_read_off,
        l.cache_write - c.cache_write AS cache_write_off, l.output - c.output AS output_off,
        l.cost, p.cost AS provider_cost, l.cost - p.cost AS cost_off,
        l.calls IS NULL AS not_in_ledger, c.output IS NULL AND p.cost IS NULL AS not_in_export
    FROM ledger AS l
    FULL JOIN counted AS c USING (provider, model, period)
    FULL JOIN charged AS p USING (provider, model, period)
)
SELECT provider, model, period, calls, requests,
    input_uncached_off, cache_read_off, cache_write_off, output_off,
    cost, provider_cost, cost_off, unpriced_calls,
    CASE
        WHEN not_in_ledger THEN 'not in the ledger'           -- calls that no span shows, or no model's line
        WHEN not_in_export THEN 'not in the export'           -- another account, or another name of the model
        WHEN input_uncached_off + cache_read_off + cache_write_off + output_off < 0 THEN 'the provider counted more'
        WHEN input_uncached_off + cache_read_off + cache_write_off + output_off > 0 THEN 'the ledger counted more'
        WHEN input_uncached_off <> 0 OR cache_read_off <> 0 OR cache_write_off <> 0 OR output_off <> 0 THEN 'other kinds of tokens'
        WHEN unpriced_calls > 0 THEN 'calls without a price'
        WHEN abs(cost_off) >= 0.0001 THEN 'another price'     -- a discount, a service tier, an old rate card
        WHEN cost IS NULL OR provider_cost IS NULL THEN 'no cost to compare'
        ELSE 'agrees'
    END AS finding
FROM compared ORDER BY provider, period, model;
