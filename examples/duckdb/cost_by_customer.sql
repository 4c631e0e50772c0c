-- What each customer cost in each month, and how far that is known.
SELECT date_trunc('month', started_at)::DATE AS month, customer_id, COUNT(*) AS runs,
   SUM(total_cost) AS total_cost, COUNT(*) FILTER (WHERE cost_accuracy = 'exact') AS exact_runs,
   COUNT(*) - COUNT(total_cost) AS unknown_cost
FROM runs GROUP BY ALL ORDER BY month, total_cost DESC NULLS LAST, customer_id;
