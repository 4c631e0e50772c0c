-- What providers say that they counted and charged: pages of their APIs' answers
-- as they are, and relations over them, for reconcile.sql.
--
--   GET /v1/organization/usage/completions?bucket_width=1d&group_by=model&…         openai, usage
--   GET /v1/organization/costs?bucket_width=1d&group_by=line_item&…                 openai, cost
--   GET /v1/organizations/usage_report/messages?bucket_width=1d&group_by[]=model&…  anthropic, usage
--   GET /v1/organizations/cost_report?bucket_width=1d&group_by[]=description&…      anthropic, cost
--
--   jq -c '{provider: "openai", kind: "usage", page: tojson}' openai-usage.json |
--     clickhouse-client --query "INSERT INTO provider_pages (provider, kind, page) FORMAT JSONEachRow"
CREATE TABLE IF NOT EXISTS provider_pages (
    provider String,                                   -- as it is named in model_usage
    kind String,                                       -- usage or cost
    page String,
    loaded_at DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = MergeTree ORDER BY (provider, kind, loaded_at);

-- Every bucket of the pages, those without a result, too: a day of each provider
-- and kind, or an hour of one. One that is loaded again replaces what was loaded
-- of it.
CREATE OR REPLACE VIEW provider_days AS
SELECT b.provider AS provider, b.kind AS kind, b.day AS day, b.result AS result
FROM (
    SELECT p.provider AS provider, p.kind AS kind, p.loaded_at AS loaded_at,
        concat(JSONExtractRaw(bucket, 'start_time'), JSONExtractRaw(bucket, 'starting_at')) AS start,
        JSONExtractArrayRaw(bucket, 'results') AS result,
        if(JSONHas(bucket, 'start_time'),
            toDate(toDateTime(JSONExtractInt(bucket, 'start_time'), 'UTC')),
            toDate(parseDateTimeBestEffort(JSONExtractString(bucket, 'starting_at'), 'UTC'))) AS day
    FROM provider_pages AS p ARRAY JOIN JSONExtractArrayRaw(p.page, 'data') AS bucket
) AS b
ORDER BY b.provider, b.kind, b.start, b.loaded_at DESC
LIMIT 1 BY b.provider, b.kind, b.start;

CREATE OR REPLACE VIEW provider_usage AS
SELECT
    d.provider AS provider, JSONExtractString(r, 'model') AS model, d.day AS day,
    if(JSONHas(r, 'num_model_requests'), JSONExtractInt(r, 'num_model_requests'), NULL) AS requests, -- NULL where the provider does not tell
    if(d.provider = 'anthropic',
        JSONExtractInt(r, 'uncached_input_tokens'),
        -- all input, of which some was read from the cache and some written to it
        JSONExtractInt(r, 'input_tokens') - JSONExtractInt(r, 'input_cached_tokens') - JSONExtractInt(r, 'input_cache_write_tokens')
    ) AS input_uncached,
    if(d.provider = 'anthropic', JSONExtractInt(r, 'cache_read_input_tokens'), JSONExtractInt(r, 'input_cached_tokens')) AS cache_read,
    if(d.provider = 'anthropic',
        JSONExtractInt(r, 'cache_creation', 'ephemeral_5m_input_tokens') + JSONExtractInt(r, 'cache_creation', 'ephemeral_1h_input_tokens'),
        JSONExtractInt(r, 'input_cache_write_tokens')
    ) AS cache_write,
    JSONExtractInt(r, 'output_tokens') AS output
FROM provider_days AS d ARRAY JOIN d.result AS r
WHERE d.kind = 'usage';

CREATE OR REPLACE VIEW provider_cost AS
SELECT
    d.provider AS provider,
    multiIf(
        -- what is no model's keeps its name
        d.provider = 'anthropic', if(JSONExtractString(r, 'model') <> '', JSONExtractString(r, 'model'), JSONExtractString(r, 'description')),
        -- "gpt-4o-2024-08-06, cached input" is of a model
        position(JSONExtractString(r, 'line_item'), '|') > 0, JSONExtractString(r, 'line_item'),
        splitByString(', ', JSONExtractString(r, 'line_item'))[1]
    ) AS model,
    d.day AS day,
    if(d.provider = 'anthropic',
        toDecimal128(toDecimal128(JSONExtractString(r, 'amount'), 12) * toDecimal128('0.01', 2), 12),  -- cents
        -- a number, or a string of many digits that may have an exponent
        ifNull(toDecimal128OrNull(JSONExtract(r, 'amount', 'value', 'String'), 12), toDecimal128(JSONExtractFloat(r, 'amount', 'value'), 12))
    ) AS cost                                                                                          -- USD
FROM provider_days AS d ARRAY JOIN d.result AS r
WHERE d.kind = 'cost' AND lower(if(d.provider = 'anthropic', JSONExtractString(r, 'currency'), JSONExtractString(r, 'amount', 'currency'))) = 'usd';
