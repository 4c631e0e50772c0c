-- What one success costs, the runs that failed paid for by those that did not.
-- Runs of unknown cost are left out on both sides, and counted.
SELECT workflow, COUNT(*) AS runs, COUNT(*) FILTER (WHERE outcome_status = 'success') AS successes,
   SUM(total_cost) AS total_cost, COUNT(*) - COUNT(total_cost) AS unknown_cost,
   (SUM(total_cost) / NULLIF(COUNT(total_cost) FILTER (WHERE outcome_status = 'success'), 0))::DECIMAL(38, 12) AS cost_per_success
FROM runs GROUP BY workflow ORDER BY workflow;
