-- The same of events: an event that is retried until it succeeds is one success,
-- with the cost of all its attempts and of the runs nested in them.
SELECT e.workflow AS workflow, count() AS events, countIf(e.outcome_status = 'success') AS successes,
   sum(e.total_cost) AS total_cost, sum(e.unsuccessful_cost) AS unsuccessful_cost, count() - count(e.total_cost) AS unknown_cost,
   -- a decimal, to the picodollar; what is left over is dropped
   sum(e.total_cost) / nullIf(countIf(e.outcome_status = 'success' AND e.total_cost IS NOT NULL), 0) AS cost_per_success
FROM events AS e GROUP BY e.workflow ORDER BY e.workflow;
