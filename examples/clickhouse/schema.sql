-- The ledger: relations over what the collector delivered. Run from_spans.sql
-- or from_logs.sql first, which say where that is. All are views: they are
-- current with every row that arrives.
--
-- Amounts are Decimal(38, 12), USD to the picodollar, and add up exactly; NULL
-- is unknown and never zero. Times are UTC.

-- Every summary, each revision of each part of each run, as it came; the same
-- one may have come twice. The attributes that the views below read are taken
-- out here, so that their names stand in one place. A missing one is empty in
-- the exporter's tables, and NULL from here on.
CREATE OR REPLACE VIEW summaries AS
SELECT
    d.attributes['botanu.run_id']                                      AS run_id,
    d.attributes['botanu.run.part']                                    AS part,
    toInt64OrZero(d.attributes['botanu.run.revision'])                 AS revision,
    nullIf(d.attributes['botanu.run.completion'], '')                  AS completion,
    nullIf(d.attributes['botanu.event_id'], '')                        AS event_id,
    nullIf(d.attributes['botanu.customer_id'], '')                     AS customer_id,
    nullIf(d.attributes['botanu.workflow'], '')                        AS workflow,
    nullIf(d.attributes['botanu.workflow_version'], '')                AS workflow_version,
    nullIf(d.attributes['botanu.environment'], '')                     AS environment,
    nullIf(d.attributes['botanu.tenant_id'], '')                       AS tenant_id,
    nullIf(d.attributes['botanu.team'], '')                            AS team,
    nullIf(d.attributes['botanu.cost_center'], '')                     AS cost_center,
    nullIf(d.attributes['botanu.region'], '')                          AS region,
    toInt64OrNull(d.attributes['botanu.attempt'])                      AS attempt,
    nullIf(d.attributes['botanu.parent_run_id'], '')                   AS parent_run_id,
    nullIf(d.attributes['botanu.root_run_id'], '')                     AS root_run_id,
    nullIf(d.attributes['botanu.retry_of_run_id'], '')                 AS retry_of_run_id,
    nullIf(d.attributes['botanu.outcome.status'], '')                  AS outcome_status,
    nullIf(d.attributes['botanu.outcome.value_type'], '')              AS outcome_value_type,
    toFloat64OrNull(d.attributes['botanu.outcome.value_amount'])       AS outcome_value_amount,
    toDecimal128OrNull(d.attributes['botanu.outcome.value_per_unit'], 12) AS value_per_unit,
    toInt64OrZero(d.attributes['botanu.outcome.rank'])                 AS outcome_rank,
    d.attributes['botanu.outcome.time']                                AS outcome_time, -- RFC 3339, nine digits: sorts as text
    toDecimal128OrNull(d.attributes['botanu.run.cost.total_exact'], 12) AS total_cost,
    nullIf(d.attributes['botanu.run.cost.accuracy'], '')               AS cost_accuracy,
    JSONExtract(d.attributes['botanu.run.cost.caveats'], 'Array(String)') AS cost_caveats,
    toInt64OrNull(d.attributes['botanu.run.llm.calls'])                AS llm_calls,
    toInt64OrNull(d.attributes['botanu.run.llm.unpriced_calls'])       AS unpriced_calls,
    toInt64OrNull(d.attributes['botanu.run.tokens.input'])             AS input_tokens,
    toInt64OrNull(d.attributes['botanu.run.tokens.output'])            AS output_tokens,
    d.started_at AS started_at, d.ended_at AS ended_at, d.trace_id AS trace_id, d.root_span_id AS root_span_id,
    d.attributes AS attributes,                                        -- all of them, as text
    d.models AS models
FROM delivered AS d;

-- The newest revision of each part. A revision restates its part in full.
CREATE OR REPLACE VIEW parts AS
SELECT * FROM summaries
ORDER BY run_id, part, revision DESC
LIMIT 1 BY run_id, part;

-- One row a run: parts add up.
CREATE OR REPLACE VIEW runs AS
WITH ranked AS (
    SELECT p.*,
        -- the outcome that is believed most, then the latest, then the greater part
        (p.outcome_rank, p.outcome_time, p.part) AS belief,
        -- the part that saw the run's root span knows the run's identity best,
        -- then the one that began first
        (ifNull(p.completion, '') <> 'root_ended', p.started_at, p.part) AS informed,
        ifNull(p.cost_accuracy, 'unknown') AS accuracy
    FROM parts AS p
), added AS (
    SELECT
        r.run_id AS run_id,
        -- of each the first that is there: argMin passes over NULL
        argMin(r.event_id,         r.informed) AS event_id,
        argMin(r.customer_id,      r.informed) AS customer_id,
        argMin(r.workflow,         r.informed) AS workflow,
        argMin(r.workflow_version, r.informed) AS workflow_version,
        argMin(r.environment,      r.informed) AS environment,
        argMin(r.tenant_id,        r.informed) AS tenant_id,
        argMin(r.team,             r.informed) AS team,
        argMin(r.cost_center,      r.informed) AS cost_center,
        argMin(r.region,           r.informed) AS region,
        argMin(r.attempt,          r.informed) AS attempt,
        argMin(r.parent_run_id,    r.informed) AS parent_run_id,
        argMin(r.root_run_id,      r.informed) AS root_run_id,
        argMin(r.retry_of_run_id,  r.informed) AS retry_of_run_id,
        -- the outcome of one part, whole: a tuple is not passed over for a NULL in it
        argMax((r.outcome_status, r.outcome_value_type, r.outcome_value_amount, r.value_per_unit), r.belief) AS outcome,
        -- Calls without a single price have no total, even beside a part that
        -- made no call and so cost nothing. A part that does not say how many it
        -- made (drop_attributes) may have made some.
        if(sum(ifNull(r.llm_calls, 1)) = 0 OR min(r.total_cost IS NOT NULL)
                OR max(r.total_cost IS NOT NULL AND ifNull(r.llm_calls > 0, ifNull(r.total_cost > 0, 0))),
            sum(r.total_cost), NULL) AS total_cost,
        max(r.accuracy NOT IN ('exact', 'lower_bound', 'upper_bound', 'estimate')) AS is_unknown,
        max(r.accuracy NOT IN ('exact', 'upper_bound')) AS may_be_higher,
        max(r.accuracy IN ('upper_bound', 'estimate')) AS may_be_lower,
        arraySort(groupUniqArrayArray(r.cost_caveats)) AS cost_caveats,
        sum(r.llm_calls) AS llm_calls,
        sum(r.unpriced_calls) AS unpriced_calls,
        sum(r.input_tokens) AS input_tokens,
        sum(r.output_tokens) AS output_tokens,
        min(r.started_at) AS started_at,
        max(r.ended_at) AS ended_at,
        count() AS parts,
        max(r.revision) AS revision
    FROM ranked AS r
    GROUP BY r.run_id
)
SELECT
    a.run_id AS run_id, a.event_id AS event_id, a.customer_id AS customer_id,
    a.workflow AS workflow, a.environment AS environment, a.attempt AS attempt,
    a.outcome.1 AS outcome_status, a.outcome.2 AS outcome_value_type,
    a.outcome.3 AS outcome_value_amount, a.outcome.4 AS value_per_unit,
    a.total_cost AS total_cost,     -- USD; NULL where unknown
    CASE                            -- the weakest of its parts
        WHEN a.is_unknown THEN 'unknown'
        WHEN a.may_be_higher AND a.may_be_lower THEN 'estimate'
        WHEN a.may_be_lower THEN 'upper_bound'
        WHEN a.may_be_higher THEN 'lower_bound'
        ELSE 'exact'
    END AS cost_accuracy,
    a.llm_calls AS llm_calls, a.input_tokens AS input_tokens, a.output_tokens AS output_tokens,
    a.started_at AS started_at, a.ended_at AS ended_at, a.parts AS parts, a.revision AS revision,
    a.parent_run_id AS parent_run_id, a.root_run_id AS root_run_id, a.retry_of_run_id AS retry_of_run_id,
    a.unpriced_calls AS unpriced_calls,
    a.cost_caveats AS cost_caveats, -- why the cost may differ from the invoice
    a.may_be_higher::Bool AS may_be_higher, a.may_be_lower::Bool AS may_be_lower, -- which way
    a.workflow_version AS workflow_version, a.tenant_id AS tenant_id,
    a.team AS team, a.cost_center AS cost_center, a.region AS region
FROM added AS a;

-- One row for each provider and model of each part: what its calls came to. The
-- day is that on which the part's first span began, in UTC; a call of a run
-- that goes on past midnight may be of the next.
CREATE OR REPLACE VIEW model_usage AS
SELECT
    p.run_id AS run_id, p.part AS part, toDate(p.started_at) AS day,
    nullIf(m['gen_ai.provider.name'], '')             AS provider,
    nullIf(m['gen_ai.request.model'], '')             AS model,
    toInt64OrNull(m['botanu.usage.calls'])            AS calls,
    toInt64OrNull(m['botanu.usage.unpriced_calls'])   AS unpriced_calls,
    toInt64OrNull(m['botanu.usage.input_uncached'])   AS input_uncached,
    toInt64OrNull(m['botanu.usage.cache_read'])       AS cache_read,
    toInt64OrNull(m['botanu.usage.cache_write'])      AS cache_write,
    toInt64OrNull(m['botanu.usage.output'])           AS output,
    toDecimal128OrNull(m['botanu.usage.cost_exact'], 12) AS cost   -- USD; NULL where no call has a price
FROM parts AS p ARRAY JOIN p.models AS m;

-- One row an event: what all the runs that were made for it come to, attempts
-- that failed and runs nested in others among them, each once. Two customers'
-- events of one ID are two events; a run without an event ID is of none. The
-- rule is that by which the collector writes its own event summaries; this view
-- needs none of them, and is right where an event's runs went to several
-- collectors.
--
-- An event's runs are put into arrays, in order of start, and are known by their
-- place there from then on. Where one array holds places in another,
--
--     arrayReduceInRanges('any', arrayMap(i -> (i, 1), places), of)
--
-- takes what stands there: arrayMap(i -> of[i], places) says the same, and
-- copies the array once for each place.
CREATE OR REPLACE VIEW events AS
WITH gathered AS (
    SELECT
        r.customer_id AS customer_id, r.event_id AS event_id,
        arraySort(groupArray((
            r.started_at, r.run_id,
            ifNull(r.parent_run_id, ''), ifNull(r.root_run_id, r.run_id), ifNull(r.retry_of_run_id, ''),
            greatest(ifNull(r.attempt, 0), 0),
            ifNull(r.workflow, ''), ifNull(r.environment, ''),
            (r.outcome_status, r.outcome_value_type, r.outcome_value_amount, r.value_per_unit),
            ifNull(r.outcome_status, '') IN ('failed', 'timeout', 'canceled', 'abandoned'),
            ifNull(r.total_cost, toDecimal128(0, 12))
        ))) AS of,
        count() AS runs,
        -- Unknown where there are calls and none has a price; else what is known.
        -- A run without a call may have cost something, too: metered work. One that
        -- does not say how many it made (drop_attributes) may have made some.
        sum(ifNull(r.llm_calls, 1)) = 0 OR min(r.total_cost IS NOT NULL)
            OR max(r.total_cost IS NOT NULL AND (ifNull(r.llm_calls, 0) > 0 OR ifNull(r.total_cost, 0) > 0)) AS has_total,
        sum(r.total_cost) AS total_cost,
        max(r.may_be_higher) AS may_be_higher, -- a run of unknown cost among them
        max(r.may_be_lower) AS may_be_lower,
        sum(r.llm_calls) AS llm_calls,
        sum(r.unpriced_calls) AS unpriced_calls,
        sum(r.input_tokens) AS input_tokens,
        sum(r.output_tokens) AS output_tokens,
        min(r.started_at) AS started_at,
        max(r.ended_at) AS ended_at
    FROM runs AS r
    WHERE r.event_id IS NOT NULL
    GROUP BY r.customer_id, r.event_id
), numbered AS (
    -- Runs by number: the event's own are 1, 2, …, whatever else they name is more.
    SELECT g.*,
        arrayMap(x -> toUInt32(x), arrayEnumerate(g.of)) AS self,
        arrayEnumerateDense(arrayConcat(
            arrayMap(x -> x.2, g.of), arrayMap(x -> x.3, g.of), arrayMap(x -> x.5, g.of)
        )) AS number,
        arrayMap(x -> toInt64(x.6), g.of) AS attempt
    FROM gathered AS g
), pointed AS (
    SELECT n.*,
        -- A parent counts where it is of the event. A run without one points to itself.
        arrayMap((p, i) -> if(p <= n.runs, p, i), arraySlice(n.number, n.runs + 1, n.runs), n.self) AS parent,
        -- Which attempt a run is, where it can be told from the run alone: as it
        -- says; 2 where it retries one that is elsewhere; 1 where it retries none.
        -- 0 says: one more than the run that it retries.
        arrayMap(
            (attempt, retried, x) -> multiIf(attempt > 0, attempt, x.5 = '', 1, retried > n.runs, 2, 0)::Int64,
            n.attempt, arraySlice(n.number, 2 * n.runs + 1, n.runs), n.of
        ) AS told,
        arrayMap((t, retried, i) -> if(t = 0, retried, i), told, arraySlice(n.number, 2 * n.runs + 1, n.runs), n.self) AS retried
    FROM numbered AS n
), walked AS (
    -- Each step doubles the distance that a run looks ahead: from a run to its
    -- parent, its parent's parent, the fourth, the eighth, and so to the end; from
    -- a run to those that it retries likewise. Beside the parent stands the first
    -- run on the way to it, beside the retried run how far away it is.
    SELECT p.*,
        arrayFold(
            (ahead, step) -> (
                arrayReduceInRanges('any', arrayMap(i -> (i, 1), ahead.1), ahead.1),
                arrayMap((a, b) -> least(a, b), ahead.2, arrayReduceInRanges('any', arrayMap(i -> (i, 1), ahead.1), ahead.2)),
                arrayReduceInRanges('any', arrayMap(i -> (i, 1), ahead.3), ahead.3),
                arrayMap((a, b) -> a + b, ahead.4, arrayReduceInRanges('any', arrayMap(i -> (i, 1), ahead.3), ahead.4))
            ),
            range(toUInt8(log2(p.runs) + 1)),
            (p.parent, p.self, p.retried, arrayMap(t -> toInt64(t = 0), p.told))
        ) AS end
    FROM pointed AS p
), placed AS (
    SELECT w.*,
        -- 1. The top-level run that each run was made for: its last ancestor. Where
        -- parents run in a circle, the one of them that began first.
        arrayReduceInRanges('any', arrayMap(i -> (i, 1), w.end.1), w.end.2) AS top,
        -- 2. Which attempt each is; 0 where nothing tells: a run that says nothing,
        -- or one of a circle.
        arrayMap(
            (t, steps, attempt, x) -> if(t = 0 OR (attempt = 0 AND x.5 = ''), 0, t + steps),
            arrayReduceInRanges('any', arrayMap(i -> (i, 1), w.end.3), w.told), w.end.4, w.attempt, w.of
        ) AS which
    FROM walked AS w
), topped AS (
    -- 3. Which of the top-level runs are attempts at what the event is about: the
    -- one that began first, and whatever is of one line with it. Runs are of one
    -- line where their workflow is the same, where they name the same first run, or
    -- where one is a retry of the other; and so on from those.
    SELECT p.*,
        arrayFilter((i, t) -> i = t, p.self, p.top) AS tops,
        length(tops) AS top_runs,
        arrayFilter((x, i, t) -> i = t, p.of, p.self, p.top) AS top_of,
        -- places among the top-level runs: of those that have a workflow, or a first run, in common
        arrayEnumerateDense(arrayMap(x -> x.7, top_of)) AS workflow,
        arrayEnumerateDense(arrayMap(x -> x.4, top_of)) AS first_run,
        -- and of the one that each retries
        arraySlice(arrayEnumerateDense(arrayConcat(arrayMap(x -> x.2, top_of), arrayMap(x -> x.5, top_of))), top_runs + 1) AS top_retried,
        arrayMap(x -> toUInt32(x), arrayEnumerate(tops)) AS top_self
    FROM placed AS p
), tied AS (
    SELECT t.*,
        arrayFilter(
            tie -> tie.1 <> tie.2 AND tie.2 <= t.top_runs,
            arrayConcat(
                arrayZip(t.top_self, arrayReduceInRanges('any', arrayMap(i -> (i, 1), t.workflow),
                    arrayFilter((i, nth) -> nth = 1, t.top_self, arrayEnumerateUniq(t.workflow)))),
                arrayZip(t.top_self, arrayReduceInRanges('any', arrayMap(i -> (i, 1), t.first_run),
                    arrayFilter((i, nth) -> nth = 1, t.top_self, arrayEnumerateUniq(t.first_run)))),
                arrayZip(t.top_self, t.top_retried)
            )
        ) AS ties
    FROM topped AS t
), lined AS (
    -- Each tie makes two lines one; a line bears the number of its first run.
    SELECT t.*,
        arrayFold(
            (line, tie) -> arrayMap(
                (l, a, b) -> if(l = greatest(a, b), least(a, b), l),
                line, arrayWithConstant(length(line), line[tie.1]), arrayWithConstant(length(line), line[tie.2])
            ),
            t.ties, t.top_self
        ) AS line,
        -- its attempts: in order of number where all have one, else of start
        arrayFilter((i, l) -> l = 1, t.tops, line) AS members,
        arrayReduceInRanges('any', arrayMap(i -> (i, 1), members), t.which) AS member_which,
        has(member_which, 0) AS by_start,
        arraySort((i, nth) -> (if(by_start, 0, nth), i), members, member_which) AS tries
    FROM tied AS t
)
SELECT
    l.event_id AS event_id, l.customer_id AS customer_id,
    -- as the last attempt says, else an earlier one, else any run of the event
    nullIf(arrayFirst(w -> w <> '', arrayConcat(
        arrayReverse(arrayReduceInRanges('any', arrayMap(i -> (i, 1), l.tries), arrayMap(x -> x.7, l.of))), arrayMap(x -> x.7, l.of)
    )), '') AS workflow,
    nullIf(arrayFirst(e -> e <> '', arrayConcat(
        arrayReverse(arrayReduceInRanges('any', arrayMap(i -> (i, 1), l.tries), arrayMap(x -> x.8, l.of))), arrayMap(x -> x.8, l.of)
    )), '') AS environment,
    l.of[l.tries[-1]].9.1 AS outcome_status, l.of[l.tries[-1]].9.2 AS outcome_value_type, -- of the last attempt
    l.of[l.tries[-1]].9.3 AS outcome_value_amount, l.of[l.tries[-1]].9.4 AS value_per_unit,
    -- where earlier attempts were seen elsewhere, the last one still knows
    greatest(toInt64(length(l.tries)), l.which[l.tries[-1]]) AS attempts,
    l.runs AS runs,
    if(l.has_total, l.total_cost, NULL) AS total_cost,                        -- USD; NULL where unknown
    -- of it, what went into top-level runs that did not succeed, nested runs with them
    if(l.has_total, arraySum(
        (x, failed) -> if(failed, x.11, toDecimal128(0, 12)),
        l.of, arrayReduceInRanges('any', arrayMap(i -> (i, 1), l.top), arrayMap(x -> x.10, l.of))
    ), NULL) AS unsuccessful_cost,
    CASE
        WHEN NOT l.has_total THEN 'unknown'
        WHEN l.may_be_higher AND l.may_be_lower THEN 'estimate'
        WHEN l.may_be_lower THEN 'upper_bound'
        WHEN l.may_be_higher THEN 'lower_bound'
        ELSE 'exact'
    END AS cost_accuracy,
    l.llm_calls AS llm_calls, l.input_tokens AS input_tokens, l.output_tokens AS output_tokens,
    l.started_at AS started_at, l.ended_at AS ended_at, l.unpriced_calls AS unpriced_calls
FROM lined AS l;
