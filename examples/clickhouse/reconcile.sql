-- Holds the ledger against what the providers say, by provider, model and day
-- in UTC: provider.sql says how to load that. Differences are the ledger less the
-- provider. Compared are, of each provider that was loaded, all days from the
-- first of the export to the last, those with them of which it tells nothing. A
-- dated model is its undated one.
--
-- The ledger's day is that on which a run began, the provider's that of the
-- call. Where runs go on past midnight a difference of one day comes back on
-- the next: toStartOfMonth(day) in place of toDate(day) compares whole months.
WITH
    (name) -> replaceRegexpOne(ifNull(name, ''), '-([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})$', '') AS undated,
    (day) -> toDate(day) AS period_of,
loaded AS (
    SELECT provider, min(day) AS first_day, max(day) AS last_day FROM provider_days GROUP BY provider
), lines AS (
    SELECT u.provider AS provider, undated(u.model) AS model, period_of(u.day) AS period,
        u.calls AS calls, u.unpriced_calls AS unpriced_calls, u.input_uncached AS input_uncached, u.cache_read AS cache_read,
        u.cache_write AS cache_write, u.output AS output, u.cost AS cost,
        NULL::Nullable(Int64) AS requests, NULL::Nullable(Int64) AS theirs_input_uncached, NULL::Nullable(Int64) AS theirs_cache_read,
        NULL::Nullable(Int64) AS theirs_cache_write, NULL::Nullable(Int64) AS theirs_output, NULL::Nullable(Decimal(38, 12)) AS theirs_cost
    FROM model_usage AS u JOIN loaded ON loaded.provider = u.provider
    WHERE u.day BETWEEN loaded.first_day AND loaded.last_day
    UNION ALL
    SELECT c.provider, undated(c.model), period_of(c.day), NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        c.requests, c.input_uncached, c.cache_read, c.cache_write, c.output, NULL
    FROM provider_usage AS c
    UNION ALL
    SELECT p.provider, undated(p.model), period_of(p.day), NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL, NULL, NULL, NULL, p.cost
    FROM provider_cost AS p
), added AS (
    SELECT l.provider AS provider, l.model AS model, l.period AS period,
        sum(l.calls) AS calls, sum(l.requests) AS requests, sum(l.unpriced_calls) AS unpriced_calls,
        sum(l.input_uncached) - sum(l.theirs_input_uncached) AS input_uncached_off, sum(l.cache_read) - sum(l.theirs_cache_read) AS cache_read_off,
        sum(l.cache_write) - sum(l.theirs_cache_write) AS cache_write_off, sum(l.output) - sum(l.theirs_output) AS output_off,
        sum(l.cost) AS cost, sum(l.theirs_cost) AS provider_cost, sum(l.cost) - sum(l.theirs_cost) AS cost_off,
        count(l.output) = 0 AS not_in_ledger, count(l.theirs_output) = 0 AND count(l.theirs_cost) = 0 AS not_in_export
    FROM lines AS l GROUP BY l.provider, l.model, l.period
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
        WHEN abs(cost_off) >= toDecimal128('0.0001', 12) THEN 'another price' -- a discount, a service tier, an old rate card
        WHEN cost IS NULL OR provider_cost IS NULL THEN 'no cost to compare'
        ELSE 'agrees'
    END AS finding
FROM added ORDER BY provider, period, model;
