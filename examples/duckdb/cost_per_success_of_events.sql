-- The same of events: an event that is retried until it succeeds is one success,
-- with the cost of all its attempts and of the runs nested in them.
SELECT workflow, COUNT(*) AS events, COUNT(*) FILTER (WHERE outcome_status = 'success') AS successes,
   SUM(total_cost) AS total_cost, SUM(unsuccessful_cost) AS unsuccessful_cost, COUNT(*) - COUNT(total_cost) AS unknown_cost,
   -- divided in whole picodollars, and what is left over dropped: / would be a double
   (SUM(total_cost) * 1000000000000)::HUGEINT // NULLIF(COUNT(total_cost) FILTER (WHERE outcome_status = 'success'), 0)
      * 0.000000000001 AS cost_per_success
FROM events GROUP BY workflow ORDER BY workflow;
