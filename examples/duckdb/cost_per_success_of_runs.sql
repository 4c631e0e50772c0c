-- What one success costs, the runs that failed paid for by those that did not.
-- Runs of unknown cost are left out on both sides, and counted.
SELECT workflow, COUNT(*) AS runs, COUNT(*) FILTER (WHERE outcome_status = 'success') AS successes,
   SUM(total_cost) AS total_cost, COUNT(*) - COUNT(total_cost) AS unknown_cost,
   -- divided in whole picodollars, and what is left over dropped: / would be a double
   (SUM(total_cost) * 1000000000000)::HUGEINT // NULLIF(COUNT(total_cost) FILTER (WHERE outcome_status = 'success'), 0)
      * 0.000000000001 AS cost_per_success
FROM runs GROUP BY workflow ORDER BY workflow;
