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
    parent_run_id        TEXT    AS (attributes ->> '$."botanu.parent_run_id"'),
    root_run_id          TEXT    AS (attributes ->> '$."botanu.root_run_id"'),
    retry_of_run_id      TEXT    AS (attributes ->> '$."botanu.retry_of_run_id"'),
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
        -- the part that saw the run's root span knows the run's identity best,
        -- then the one that began first; what it leaves out, the next one says
        FIRST_VALUE(event_id)        OVER (identity ORDER BY event_id        IS NULL, completion = 'root_ended' DESC, started_at, part) AS run_event_id,
        FIRST_VALUE(customer_id)     OVER (identity ORDER BY customer_id     IS NULL, completion = 'root_ended' DESC, started_at, part) AS run_customer_id,
        FIRST_VALUE(workflow)        OVER (identity ORDER BY workflow        IS NULL, completion = 'root_ended' DESC, started_at, part) AS run_workflow,
        FIRST_VALUE(environment)     OVER (identity ORDER BY environment     IS NULL, completion = 'root_ended' DESC, started_at, part) AS run_environment,
        FIRST_VALUE(attempt)         OVER (identity ORDER BY attempt         IS NULL, completion = 'root_ended' DESC, started_at, part) AS run_attempt,
        FIRST_VALUE(parent_run_id)   OVER (identity ORDER BY parent_run_id   IS NULL, completion = 'root_ended' DESC, started_at, part) AS run_parent_run_id,
        FIRST_VALUE(root_run_id)     OVER (identity ORDER BY root_run_id     IS NULL, completion = 'root_ended' DESC, started_at, part) AS run_root_run_id,
        FIRST_VALUE(retry_of_run_id) OVER (identity ORDER BY retry_of_run_id IS NULL, completion = 'root_ended' DESC, started_at, part) AS run_retry_of_run_id,
        COALESCE(cost_accuracy, 'unknown') AS accuracy
    FROM parts
    WINDOW identity AS (PARTITION BY run_id)
), added AS (
    SELECT
        run_id,
        MAX(run_event_id)        AS event_id,
        MAX(run_customer_id)     AS customer_id,
        MAX(run_workflow)        AS workflow,
        MAX(run_environment)     AS environment,
        MAX(run_attempt)         AS attempt,
        MAX(run_parent_run_id)   AS parent_run_id,
        MAX(run_root_run_id)     AS root_run_id,
        MAX(run_retry_of_run_id) AS retry_of_run_id,
        MAX(outcome_status)       FILTER (WHERE believed = 1) AS outcome_status,
        MAX(outcome_value_type)   FILTER (WHERE believed = 1) AS outcome_value_type,
        MAX(outcome_value_amount) FILTER (WHERE believed = 1) AS outcome_value_amount,
        MAX(value_per_unit)       FILTER (WHERE believed = 1) AS value_per_unit,
        -- Calls without a single price have no total, even beside a part that
        -- made no call and so cost nothing.
        CASE WHEN SUM(llm_calls) = 0 OR MAX(llm_calls > 0 AND total_cost_pico IS NOT NULL) THEN SUM(total_cost_pico) END AS total_cost_pico,
        MAX(accuracy NOT IN ('exact', 'lower_bound', 'upper_bound', 'estimate')) AS unknown,
        MAX(accuracy NOT IN ('exact', 'upper_bound')) AS may_be_higher,
        MAX(accuracy IN ('upper_bound', 'estimate')) AS may_be_lower,
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
    run_id, event_id, customer_id, workflow, environment,
    attempt, parent_run_id, root_run_id, retry_of_run_id,
    outcome_status, outcome_value_type, outcome_value_amount, value_per_unit,
    total_cost_pico / 1e12 AS total_cost,  -- USD, for reading; SQLite has no decimals
    total_cost_pico,                       -- exact, for adding up
    CASE                                   -- the weakest of its parts
        WHEN unknown THEN 'unknown'
        WHEN may_be_higher AND may_be_lower THEN 'estimate'
        WHEN may_be_lower THEN 'upper_bound'
        WHEN may_be_higher THEN 'lower_bound'
        ELSE 'exact'
    END AS cost_accuracy,
    llm_calls, input_tokens, output_tokens, started_at, ended_at, parts, revision,
    may_be_higher, may_be_lower            -- which way the invoice may differ
FROM added;

-- One row an event: what all the runs that were made for it come to, attempts
-- that failed and runs nested in others among them, each once. Two customers'
-- events of one ID are two events; a run without an event ID is of none. The
-- rule is that of internal/event/lineage.go, by which the collector writes its
-- own event summaries; this view needs none of them, and is right where an
-- event's runs went to several collectors. It is written to be read, for the
-- size of a demo: 5,000 runs take a second, 100,000 some minutes.
CREATE VIEW events AS
WITH RECURSIVE run AS MATERIALIZED (
    SELECT *,
        DENSE_RANK() OVER (ORDER BY customer_id, event_id) AS event, -- one number for the two, which may be NULL
        ROW_NUMBER() OVER (PARTITION BY customer_id, event_id ORDER BY started_at, run_id) AS place,
        COUNT(*)     OVER (PARTITION BY customer_id, event_id) AS siblings
    FROM runs WHERE event_id IS NOT NULL

-- 1. Which runs are top-level. A parent counts where it is of the event.
), nested AS MATERIALIZED (
    SELECT run.run_id, parent.run_id AS parent
    FROM run JOIN run AS parent ON parent.event = run.event AND parent.run_id = run.parent_run_id
), climb AS (
    -- each run with its parent, its parent's parent and so on; UNION ends a circle
    SELECT run_id, parent AS ancestor FROM nested
    UNION
    SELECT climb.run_id, nested.parent FROM climb JOIN nested ON nested.run_id = climb.ancestor
), top AS MATERIALIZED (
    SELECT *, COALESCE(root_run_id, run_id) AS root FROM run
    WHERE run_id NOT IN (SELECT run_id FROM nested)
       -- parents in a circle (or a run that is its own): the one that finds
       -- itself among its ancestors, and none before it
       OR run_id IN (SELECT run_id FROM climb GROUP BY run_id HAVING MIN(ancestor) = run_id)
), made_for AS MATERIALIZED ( -- the top-level run that each was made for: one
    SELECT run_id, run_id AS top_run_id, outcome_status AS top_status FROM top
    UNION ALL
    SELECT climb.run_id, top.run_id, top.outcome_status FROM climb JOIN top ON top.run_id = climb.ancestor
    WHERE climb.run_id <> top.run_id

-- 2. Which of the top-level runs are attempts at what the event is about: the
-- one that began first, and whatever is of one line with it. Runs are of one
-- line where their workflow is the same, where they name the same first run, or
-- where one is a retry of the other; and so on from those.
), line AS (
    SELECT event, run_id, workflow, root, retry_of_run_id
    FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY event ORDER BY place) AS began FROM top) WHERE began = 1
    UNION
    SELECT top.event, top.run_id, top.workflow, top.root, top.retry_of_run_id
    FROM line JOIN top ON top.event = line.event AND (
        top.workflow IS line.workflow OR top.root = line.root
        OR top.retry_of_run_id = line.run_id OR line.retry_of_run_id = top.run_id)

-- 3. Which attempt each is: as it says, else one more than the run that it
-- retries, which may be in another place or name another in turn. No chain is
-- longer than the event has runs; a circle tells nothing.
), chain AS (
    SELECT event, siblings, run_id, 0 AS steps, attempt, retry_of_run_id AS next
    FROM run WHERE run_id IN (SELECT run_id FROM line)
    UNION ALL
    SELECT chain.event, chain.siblings, chain.run_id, chain.steps + 1, run.attempt, run.retry_of_run_id
    FROM chain LEFT JOIN run ON run.event = chain.event AND run.run_id = chain.next
    WHERE COALESCE(chain.attempt, 0) <= 0 AND chain.next IS NOT NULL AND chain.steps < chain.siblings
), numbered AS (
    SELECT event, run_id,
        CASE WHEN attempt > 0 THEN attempt + steps WHEN next IS NULL AND steps > 0 THEN steps + 1 END AS number
    FROM chain WHERE attempt > 0 OR next IS NULL OR steps = siblings -- where it ended
), tries AS (
    -- in order of number where all have one, else of start
    SELECT run_id, number,
        COUNT(*) OVER (PARTITION BY event) AS known,
        ROW_NUMBER() OVER (PARTITION BY event ORDER BY CASE WHEN all_numbered THEN number END DESC, place DESC) AS from_last
    FROM (SELECT *, MIN(number IS NOT NULL) OVER (PARTITION BY event) AS all_numbered FROM numbered)
    JOIN run USING (event, run_id)

-- 4. What they come to.
), said AS (
    SELECT run.*, known, number, from_last, top_status,
        -- as the last attempt says, else an earlier one, else any run of the event
        FIRST_VALUE(workflow)    OVER (PARTITION BY event ORDER BY workflow    IS NULL, from_last IS NULL, from_last, place) AS event_workflow,
        FIRST_VALUE(environment) OVER (PARTITION BY event ORDER BY environment IS NULL, from_last IS NULL, from_last, place) AS event_environment
    FROM run LEFT JOIN made_for USING (run_id) LEFT JOIN tries USING (run_id)
), added AS (
    SELECT
        event_id, customer_id, event_workflow AS workflow, event_environment AS environment,
        MAX(outcome_status)       FILTER (WHERE from_last = 1) AS outcome_status,
        MAX(outcome_value_type)   FILTER (WHERE from_last = 1) AS outcome_value_type,
        MAX(outcome_value_amount) FILTER (WHERE from_last = 1) AS outcome_value_amount,
        MAX(value_per_unit)       FILTER (WHERE from_last = 1) AS value_per_unit,
        -- where earlier attempts were seen elsewhere, the last one still knows
        MAX(CASE WHEN from_last = 1 THEN MAX(known, COALESCE(number, 0)) END) AS attempts,
        COUNT(*) AS runs,
        -- Unknown where there are calls and none has a price; else what is known.
        -- A run without a call may have cost something, too: metered work.
        SUM(llm_calls) = 0 OR MAX((llm_calls > 0 OR total_cost_pico > 0) AND total_cost_pico IS NOT NULL) AS has_total,
        SUM(total_cost_pico) AS total_cost_pico,
        COALESCE(SUM(total_cost_pico) FILTER (WHERE top_status IN ('failed', 'timeout', 'canceled', 'abandoned')), 0)
            AS unsuccessful_cost_pico,
        MAX(may_be_higher) AS may_be_higher, -- a run of unknown cost among them
        MAX(may_be_lower) AS may_be_lower,
        SUM(llm_calls) AS llm_calls,
        SUM(input_tokens) AS input_tokens,
        SUM(output_tokens) AS output_tokens,
        MIN(started_at) AS started_at,
        MAX(ended_at) AS ended_at
    FROM said
    GROUP BY event
)
SELECT
    event_id, customer_id, workflow, environment,
    outcome_status, outcome_value_type, outcome_value_amount, value_per_unit, -- of the last attempt
    attempts, runs,
    CASE WHEN has_total THEN total_cost_pico / 1e12 END AS total_cost,        -- USD, for reading
    CASE WHEN has_total THEN total_cost_pico END AS total_cost_pico,          -- exact, for adding up
    -- of it, what went into top-level runs that did not succeed, nested runs with them
    CASE WHEN has_total THEN unsuccessful_cost_pico / 1e12 END AS unsuccessful_cost,
    CASE WHEN has_total THEN unsuccessful_cost_pico END AS unsuccessful_cost_pico,
    CASE
        WHEN NOT has_total THEN 'unknown'
        WHEN may_be_higher AND may_be_lower THEN 'estimate'
        WHEN may_be_lower THEN 'upper_bound'
        WHEN may_be_higher THEN 'lower_bound'
        ELSE 'exact'
    END AS cost_accuracy,
    llm_calls, input_tokens, output_tokens, started_at, ended_at
FROM added;
