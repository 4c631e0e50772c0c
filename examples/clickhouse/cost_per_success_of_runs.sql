-- What one success costs, the runs that failed paid for by those that did not.
-- Runs of unknown cost are left out on both sides, and counted.
SELECT r.workflow AS workflow, count() AS runs, countIf(r.outcome_status = 'success') AS successes,
   sum(r.total_cost) AS total_cost, count() - count(r.total_cost) AS unknown_cost,
   -- a decimal, to the picodollar; what is left over is dropped
   sum(r.total_cost) / nullIf(countIf(r.outcome_status = 'success' AND r.total_cost IS NOT NULL), 0) AS cost_per_success
FROM runs AS r GROUP BY r.workflow ORDER BY r.workflow;
