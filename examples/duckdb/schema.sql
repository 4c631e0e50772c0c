-- The ledger: relations over what the collector delivered. Run from_spans.sql
-- or from_logs.sql first, which say where that is. All are views: they read the
-- files each time, and so are always current.
--
-- Amounts are DECIMAL(38, 12), USD to the picodollar, and add up exactly; NULL
-- is unknown and never zero. Times are UTC.

-- Every summary, each revision of each part of each run, as it came; the same
-- one may have come twice. The attributes that the views below read are taken
-- out here, so that their names stand in one place.
CREATE OR REPLACE VIEW summaries AS
SELECT
    attributes['botanu.run_id'].stringValue                                      AS run_id,
    attributes['botanu.run.part'].stringValue                                    AS part,
    attributes['botanu.run.revision'].intValue::BIGINT                           AS revision,
    attributes['botanu.run.completion'].stringValue                              AS completion,
    attributes['botanu.event_id'].stringValue                                    AS event_id,
    attributes['botanu.customer_id'].stringValue                                 AS customer_id,
    attributes['botanu.workflow'].stringValue                                    AS workflow,
    attributes['botanu.workflow_version'].stringValue                            AS workflow_version,
    attributes['botanu.environment'].stringValue                                 AS environment,
    attributes['botanu.tenant_id'].stringValue                                   AS tenant_id,
    attributes['botanu.team'].stringValue                                        AS team,
    attributes['botanu.cost_center'].stringValue                                 AS cost_center,
    attributes['botanu.region'].stringValue                                      AS region,
    attributes['botanu.attempt'].intValue::BIGINT                                AS attempt,
    attributes['botanu.parent_run_id'].stringValue                               AS parent_run_id,
    attributes['botanu.root_run_id'].stringValue                                 AS root_run_id,
    attributes['botanu.retry_of_run_id'].stringValue                             AS retry_of_run_id,
    attributes['botanu.outcome.status'].stringValue                              AS outcome_status,
    attributes['botanu.outcome.value_type'].stringValue                          AS outcome_value_type,
    attributes['botanu.outcome.value_amount'].doubleValue::DOUBLE                AS outcome_value_amount,
    attributes['botanu.outcome.value_per_unit'].doubleValue::DECIMAL(38, 12)     AS value_per_unit,
    attributes['botanu.outcome.rank'].intValue::BIGINT                           AS outcome_rank,
    attributes['botanu.outcome.time'].stringValue                                AS outcome_time,   -- RFC 3339, nine digits: sorts as text
    attributes['botanu.run.cost.total_exact'].stringValue::DECIMAL(38, 12)       AS total_cost,
    attributes['botanu.run.cost.accuracy'].stringValue                           AS cost_accuracy,
    list_transform(attributes['botanu.run.cost.caveats'].arrayValue."values", lambda c: c.stringValue) AS cost_caveats,
    attributes['botanu.run.llm.calls'].intValue::BIGINT                          AS llm_calls,
    attributes['botanu.run.llm.unpriced_calls'].intValue::BIGINT                 AS unpriced_calls,
    attributes['botanu.run.tokens.input'].intValue::BIGINT                       AS input_tokens,
    attributes['botanu.run.tokens.output'].intValue::BIGINT                      AS output_tokens,
    started_at, ended_at, trace_id, root_span_id,
    attributes, -- all of them, by name, as OTLP has them: stringValue, intValue, doubleValue, boolValue, arrayValue
    models
FROM delivered;

-- The newest revision of each part. A revision restates its part in full.
CREATE OR REPLACE VIEW parts AS
SELECT * FROM summaries
QUALIFY ROW_NUMBER() OVER (PARTITION BY run_id, part ORDER BY revision DESC) = 1;

-- One row a run: parts add up.
CREATE OR REPLACE VIEW runs AS
WITH ranked AS (
    SELECT *,
        -- the outcome that is believed most, then the latest, then the greater part
        ROW_NUMBER() OVER (
            PARTITION BY run_id ORDER BY coalesce(outcome_rank, 0) DESC, coalesce(outcome_time, '') DESC, part DESC
        ) AS believed,
        -- the part that saw the run's root span knows the run's identity best,
        -- then the one that began first
        ROW_NUMBER() OVER (
            PARTITION BY run_id ORDER BY coalesce(completion = 'root_ended', false) DESC, started_at, part
        ) AS informed,
        coalesce(cost_accuracy, 'unknown') AS accuracy
    FROM parts
), added AS (
    SELECT
        run_id,
        -- of each the first that is there: arg_min passes over NULL
        arg_min(event_id,         informed) AS event_id,
        arg_min(customer_id,      informed) AS customer_id,
        arg_min(workflow,         informed) AS workflow,
        arg_min(workflow_version, informed) AS workflow_version,
        arg_min(environment,      informed) AS environment,
        arg_min(tenant_id,        informed) AS tenant_id,
        arg_min(team,             informed) AS team,
        arg_min(cost_center,      informed) AS cost_center,
        arg_min(region,           informed) AS region,
        arg_min(attempt,          informed) AS attempt,
        arg_min(parent_run_id,    informed) AS parent_run_id,
        arg_min(root_run_id,      informed) AS root_run_id,
        arg_min(retry_of_run_id,  informed) AS retry_of_run_id,
        -- the outcome of one part, whole
        MAX(outcome_status)       FILTER (WHERE believed = 1) AS outcome_status,
        MAX(outcome_value_type)   FILTER (WHERE believed = 1) AS outcome_value_type,
        MAX(outcome_value_amount) FILTER (WHERE believed = 1) AS outcome_value_amount,
        MAX(value_per_unit)       FILTER (WHERE believed = 1) AS value_per_unit,
        -- Calls without a single price have no total, even beside a part that
        -- made no call and so cost nothing. A part that does not say how many it
        -- made (drop_attributes) may have made some.
        CASE WHEN SUM(coalesce(llm_calls, 1)) = 0 OR bool_and(total_cost IS NOT NULL)
                OR bool_or(total_cost IS NOT NULL AND coalesce(llm_calls > 0, total_cost > 0))
            THEN SUM(total_cost) END AS total_cost,
        bool_or(accuracy NOT IN ('exact', 'lower_bound', 'upper_bound', 'estimate')) AS unknown,
        bool_or(accuracy NOT IN ('exact', 'upper_bound')) AS may_be_higher,
        bool_or(accuracy IN ('upper_bound', 'estimate')) AS may_be_lower,
        coalesce(list_sort(list_distinct(flatten(list(cost_caveats) FILTER (WHERE cost_caveats IS NOT NULL)))), []) AS cost_caveats,
        SUM(llm_calls)::BIGINT AS llm_calls,
        SUM(unpriced_calls)::BIGINT AS unpriced_calls,
        SUM(input_tokens)::BIGINT AS input_tokens,
        SUM(output_tokens)::BIGINT AS output_tokens,
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
    total_cost,                     -- USD; NULL where unknown
    CASE                            -- the weakest of its parts
        WHEN unknown THEN 'unknown'
        WHEN may_be_higher AND may_be_lower THEN 'estimate'
        WHEN may_be_lower THEN 'upper_bound'
        WHEN may_be_higher THEN 'lower_bound'
        ELSE 'exact'
    END AS cost_accuracy,
    llm_calls, input_tokens, output_tokens, started_at, ended_at, parts, revision,
    parent_run_id, root_run_id, retry_of_run_id, unpriced_calls,
    cost_caveats,                   -- why the cost may differ from the invoice
    may_be_higher, may_be_lower,    -- which way
    workflow_version, tenant_id, team, cost_center, region
FROM added;

-- One row for each provider and model of each part: what its calls came to. The
-- day is that on which the part's first span began, in UTC; a call of a run
-- that goes on past midnight may be of the next.
CREATE OR REPLACE VIEW model_usage AS
SELECT
    run_id, part, started_at::DATE AS day,
    m['gen_ai.provider.name'].stringValue                            AS provider,
    m['gen_ai.request.model'].stringValue                            AS model,
    m['botanu.usage.calls'].intValue::BIGINT                         AS calls,
    m['botanu.usage.unpriced_calls'].intValue::BIGINT                AS unpriced_calls,
    m['botanu.usage.input_uncached'].intValue::BIGINT                AS input_uncached,
    m['botanu.usage.cache_read'].intValue::BIGINT                    AS cache_read,
    m['botanu.usage.cache_write'].intValue::BIGINT                   AS cache_write,
    m['botanu.usage.output'].intValue::BIGINT                        AS output,
    m['botanu.usage.cost_exact'].stringValue::DECIMAL(38, 12)        AS cost          -- USD; NULL where no call has a price
FROM (SELECT run_id, part, started_at, unnest(models) AS m FROM parts);

-- One row an event: what all the runs that were made for it come to, attempts
-- that failed and runs nested in others among them, each once. Two customers'
-- events of one ID are two events; a run without an event ID is of none. The
-- rule is that by which the collector writes its own event summaries; this view
-- needs none of them, and is right where an event's runs went to several
-- collectors. Every step is a join on equality, so that its time grows with the
-- number of runs and not with the square of it.
CREATE OR REPLACE VIEW events AS
WITH RECURSIVE run AS MATERIALIZED (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY event ORDER BY started_at, run_id) AS place
    FROM (
        SELECT *, DENSE_RANK() OVER (ORDER BY customer_id, event_id) AS event -- one number for the two, which may be NULL
        FROM runs WHERE event_id IS NOT NULL
    )

-- 1. Which runs are top-level, and for which of those each run was made. A
-- parent counts where it is of the event.
), nested AS MATERIALIZED (
    SELECT run.run_id, parent.run_id AS parent
    FROM run JOIN run AS parent ON parent.event = run.event AND parent.run_id = run.parent_run_id
    WHERE parent.run_id <> run.run_id
), beneath AS ( -- from those without a parent downwards
    SELECT run_id, run_id AS top FROM run WHERE run_id NOT IN (SELECT run_id FROM nested)
    UNION ALL
    SELECT nested.run_id, beneath.top FROM beneath JOIN nested ON nested.parent = beneath.run_id
), climb AS (
    -- What that does not reach hangs on parents in a circle: each run with its
    -- parent, its parent's parent and so on. UNION ends a circle.
    SELECT run_id, parent AS ancestor FROM nested WHERE run_id NOT IN (SELECT run_id FROM beneath)
    UNION
    SELECT climb.run_id, nested.parent FROM climb JOIN nested ON nested.run_id = climb.ancestor
), first_of_circle AS MATERIALIZED ( -- finds itself among its ancestors, and none before it
    SELECT run_id FROM climb GROUP BY run_id HAVING MIN(ancestor) = run_id
), made_for AS MATERIALIZED (
    SELECT run_id, top FROM beneath
    UNION ALL
    SELECT run_id, run_id FROM first_of_circle
    UNION ALL
    SELECT climb.run_id, climb.ancestor FROM climb SEMI JOIN first_of_circle ON climb.ancestor = first_of_circle.run_id
    WHERE climb.run_id <> climb.ancestor
), top AS MATERIALIZED (
    SELECT run.* FROM run SEMI JOIN made_for ON made_for.run_id = run.run_id AND made_for.top = run.run_id

-- 2. Which of the top-level runs are attempts at what the event is about: the
-- one that began first, and whatever is of one line with it. Runs are of one
-- line where their workflow is the same, where they name the same first run, or
-- where one is a retry of the other; and so on from those. What two runs have
-- in common is a sign that both bear; signs and runs are told apart by their
-- first letter.
), sign AS MATERIALIZED (
    SELECT event, 'r' || run_id AS run, 'w' || coalesce(workflow, '') AS sign FROM top
    UNION ALL
    SELECT event, 'r' || run_id, 'f' || coalesce(root_run_id, run_id) FROM top
    UNION ALL
    SELECT again.event, 'r' || unnest([again.run_id, top.run_id]), 't' || top.run_id
    FROM top AS again JOIN top ON top.event = again.event AND top.run_id = again.retry_of_run_id
), step AS MATERIALIZED (
    SELECT event, run AS here, sign AS there FROM sign
    UNION ALL
    SELECT event, sign, run FROM sign
), line AS (
    SELECT event, 'r' || arg_min(run_id, place) AS here FROM top GROUP BY event
    UNION
    SELECT step.event, step.there FROM line JOIN step ON step.event = line.event AND step.here = line.here

-- 3. Which attempt each is: as it says, else one more than the run that it
-- retries, which may be in another place or name another in turn; a circle
-- tells nothing. The first of a chain that says nothing is the first attempt.
), counted AS (
    SELECT run.event, run.run_id,
        CASE WHEN run.attempt > 0 THEN run.attempt WHEN run.retry_of_run_id IS NULL THEN 1 ELSE 2 END AS number
    FROM run LEFT JOIN run AS retried ON retried.event = run.event AND retried.run_id = run.retry_of_run_id
    WHERE run.attempt > 0 OR retried.run_id IS NULL
    UNION ALL
    SELECT run.event, run.run_id, counted.number + 1
    FROM counted JOIN run ON run.event = counted.event AND run.retry_of_run_id = counted.run_id
    WHERE coalesce(run.attempt, 0) <= 0
), attempts AS (
    SELECT top.event, top.run_id, top.place,
        CASE WHEN top.attempt > 0 OR top.retry_of_run_id IS NOT NULL THEN counted.number END AS number
    FROM top
    JOIN line ON line.event = top.event AND line.here = 'r' || top.run_id
    LEFT JOIN counted ON counted.event = top.event AND counted.run_id = top.run_id
), tries AS (
    -- in order of number where all have one, else of start
    SELECT event, run_id, number,
        COUNT(*) OVER (PARTITION BY event) AS known,
        ROW_NUMBER() OVER (PARTITION BY event ORDER BY CASE WHEN all_numbered THEN number END DESC, place DESC) AS from_last
    FROM (SELECT *, bool_and(number IS NOT NULL) OVER (PARTITION BY event) AS all_numbered FROM attempts)

-- 4. What they come to.
), said AS (
    SELECT run.*, known, number, from_last,
        made_for_run.outcome_status IN ('failed', 'timeout', 'canceled', 'abandoned') AS unsuccessful,
        -- as the last attempt says, else an earlier one, else any run of the event
        ROW_NUMBER() OVER (PARTITION BY run.event ORDER BY from_last NULLS LAST, run.place) AS say
    FROM run
    JOIN made_for ON made_for.run_id = run.run_id
    JOIN run AS made_for_run ON made_for_run.run_id = made_for.top
    LEFT JOIN tries ON tries.event = run.event AND tries.run_id = run.run_id
), added AS (
    SELECT
        any_value(event_id) AS event_id, any_value(customer_id) AS customer_id,
        arg_min(workflow, say) AS workflow, arg_min(environment, say) AS environment,
        MAX(outcome_status)       FILTER (WHERE from_last = 1) AS outcome_status,
        MAX(outcome_value_type)   FILTER (WHERE from_last = 1) AS outcome_value_type,
        MAX(outcome_value_amount) FILTER (WHERE from_last = 1) AS outcome_value_amount,
        MAX(value_per_unit)       FILTER (WHERE from_last = 1) AS value_per_unit,
        -- where earlier attempts were seen elsewhere, the last one still knows
        MAX(greatest(known, number)) FILTER (WHERE from_last = 1) AS attempts,
        COUNT(*) AS runs,
        -- Unknown where there are calls and none has a price; else what is known.
        -- A run without a call may have cost something, too: metered work. One that
        -- does not say how many it made (drop_attributes) may have made some.
        SUM(coalesce(llm_calls, 1)) = 0 OR bool_and(total_cost IS NOT NULL)
            OR bool_or(total_cost IS NOT NULL AND (coalesce(llm_calls, 0) > 0 OR total_cost > 0)) AS has_total,
        SUM(total_cost) AS total_cost,
        coalesce(SUM(total_cost) FILTER (WHERE unsuccessful), 0) AS unsuccessful_cost,
        bool_or(may_be_higher) AS may_be_higher, -- a run of unknown cost among them
        bool_or(may_be_lower) AS may_be_lower,
        SUM(llm_calls)::BIGINT AS llm_calls,
        SUM(unpriced_calls)::BIGINT AS unpriced_calls,
        SUM(input_tokens)::BIGINT AS input_tokens,
        SUM(output_tokens)::BIGINT AS output_tokens,
        MIN(started_at) AS started_at,
        MAX(ended_at) AS ended_at
    FROM said
    GROUP BY event
)
SELECT
    event_id, customer_id, workflow, environment,
    outcome_status, outcome_value_type, outcome_value_amount, value_per_unit, -- of the last attempt
    attempts, runs,
    CASE WHEN has_total THEN total_cost END AS total_cost,                    -- USD; NULL where unknown
    -- of it, what went into top-level runs that did not succeed, nested runs with them
    CASE WHEN has_total THEN unsuccessful_cost END AS unsuccessful_cost,
    CASE
        WHEN NOT has_total THEN 'unknown'
        WHEN may_be_higher AND may_be_lower THEN 'estimate'
        WHEN may_be_lower THEN 'upper_bound'
        WHEN may_be_higher THEN 'lower_bound'
        ELSE 'exact'
    END AS cost_accuracy,
    llm_calls, input_tokens, output_tokens, started_at, ended_at, unpriced_calls
FROM added;
