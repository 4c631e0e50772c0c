-- Every summary that the collector wrote, each revision of each part, as it
-- came. The columns that the view below reads are taken out of the attributes
-- here, so that their names stand in one place.
CREATE TABLE summaries (
    started_at      TEXT NOT NULL,    -- RFC 3339 in UTC, nine digits: sorts as text
    ended_at        TEXT NOT NULL,
    total_cost_pico INTEGER,          -- picodollars (10^-12 USD), exact; NULL where unknown
    attributes      TEXT NOT NULL,    -- all of them, as JSON

    run_id               TEXT    AS (attributes ->> '$."botanu.run_id"'),
    part                 TEXT    AS (attributes ->> '$."botanu.run.part"'),
    revision             INTEGER AS (attributes ->> '$."botanu.run.revision"'),
    completion           TEXT    AS (attributes ->> '$."botanu.run.completion"'),
    event_id             TEXT    AS (attributes ->> '$."botanu.event_id"'),
    customer_id          TEXT    AS (attributes ->> '$."botanu.customer_id"'),
    workflow             TEXT    AS (attributes ->> '$."botanu.workflow"'),
    environment          TEXT    AS (attributes ->> '$."botanu.environment"'),
    attempt              INTEGER AS (attributes ->> '$."botanu.attempt"'),
    outcome_status       TEXT    AS (attributes ->> '$."botanu.outcome.status"'),
    outcome_value_type   TEXT    AS (attributes ->> '$."botanu.outcome.value_type"'),
    outcome_value_amount REAL    AS (attributes ->> '$."botanu.outcome.value_amount"'),
    value_per_unit       REAL    AS (attributes ->> '$."botanu.outcome.value_per_unit"'),
    outcome_rank         INTEGER AS (attributes ->> '$."botanu.outcome.rank"'),
    outcome_time         TEXT    AS (attributes ->> '$."botanu.outcome.time"'),
    cost_accuracy        TEXT    AS (attributes ->> '$."botanu.run.cost.accuracy"'),
    llm_calls            INTEGER AS (attributes ->> '$."botanu.run.llm.calls"'),
    unpriced_calls       INTEGER AS (attributes ->> '$."botanu.run.llm.unpriced_calls"'),
    input_tokens         INTEGER AS (attributes ->> '$."botanu.run.tokens.input"'),
    output_tokens        INTEGER AS (attributes ->> '$."botanu.run.tokens.output"')
);

-- One row a run. A revision restates its part in full, so only the highest of
-- each part counts; parts of a run add up.
CREATE VIEW runs AS
WITH parts AS (
    SELECT * FROM (
        -- the same summary may have been delivered twice: one row is kept all the same
        SELECT *, ROW_NUMBER() OVER (PARTITION BY run_id, part ORDER BY revision DESC) AS newest FROM summaries
    ) WHERE newest = 1
), ranked AS (
    SELECT *,
        -- the outcome that is believed most, then the latest, then the greater part
        ROW_NUMBER() OVER (
            PARTITION BY run_id ORDER BY outcome_rank DESC, COALESCE(outcome_time, '') DESC, part DESC
        ) AS believed,
        -- the part that saw the run's root span knows the run's identity best
        ROW_NUMBER() OVER (
            PARTITION BY run_id ORDER BY completion = 'root_ended' DESC, started_at, part
        ) AS informed,
        CASE cost_accuracy
            WHEN 'exact' THEN 0 WHEN 'lower_bound' THEN 1 WHEN 'upper_bound' THEN 2 WHEN 'estimate' THEN 3 ELSE 4
        END AS weakness
    FROM parts
), added AS (
    SELECT
        run_id,
        COALESCE(MAX(event_id)    FILTER (WHERE informed = 1), MAX(event_id))    AS event_id,
        COALESCE(MAX(customer_id) FILTER (WHERE informed = 1), MAX(customer_id)) AS customer_id,
        COALESCE(MAX(workflow)    FILTER (WHERE informed = 1), MAX(workflow))    AS workflow,
        COALESCE(MAX(environment) FILTER (WHERE informed = 1), MAX(environment)) AS environment,
        COALESCE(MAX(attempt)     FILTER (WHERE informed = 1), MAX(attempt))     AS attempt,
        MAX(outcome_status)       FILTER (WHERE believed = 1) AS outcome_status,
        MAX(outcome_value_type)   FILTER (WHERE believed = 1) AS outcome_value_type,
        MAX(outcome_value_amount) FILTER (WHERE believed = 1) AS outcome_value_amount,
        MAX(value_per_unit)       FILTER (WHERE believed = 1) AS value_per_unit,
        -- Calls without a single price have no total, even beside a part that
        -- made no call and so cost nothing.
        CASE WHEN SUM(llm_calls) = 0 OR SUM(llm_calls) > SUM(unpriced_calls) THEN SUM(total_cost_pico) END AS total_cost_pico,
        MAX(weakness) AS weakest,
        MAX(weakness = 1) AS some_lower_bound,
        SUM(llm_calls) AS llm_calls,
        SUM(input_tokens) AS input_tokens,
        SUM(output_tokens) AS output_tokens,
        MIN(started_at) AS started_at,
        MAX(ended_at) AS ended_at,
        COUNT(*) AS parts,
        MAX(revision) AS revision
    FROM ranked
    GROUP BY run_id
)
SELECT
    run_id, event_id, customer_id, workflow, environment, attempt,
    outcome_status, outcome_value_type, outcome_value_amount, value_per_unit,
    total_cost_pico / 1e12 AS total_cost,  -- USD, for reading; SQLite has no decimals
    total_cost_pico,                       -- exact, for adding up
    CASE weakest
        WHEN 0 THEN 'exact'
        WHEN 1 THEN 'lower_bound'
        WHEN 2 THEN CASE WHEN some_lower_bound THEN 'estimate' ELSE 'upper_bound' END
        WHEN 3 THEN 'estimate'
        ELSE 'unknown'
    END AS cost_accuracy,
    llm_calls, input_tokens, output_tokens, started_at, ended_at, parts, revision
FROM added;
