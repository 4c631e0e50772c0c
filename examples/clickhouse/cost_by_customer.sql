-- What each customer cost in each month, and how far that is known.
SELECT toStartOfMonth(r.started_at) AS month, r.customer_id AS customer_id, count() AS runs,
   sum(r.total_cost) AS total_cost, countIf(r.cost_accuracy = 'exact') AS exact_runs,
   count() - count(r.total_cost) AS unknown_cost
FROM runs AS r GROUP BY month, r.customer_id ORDER BY month, sum(r.total_cost) DESC NULLS LAST, r.customer_id;
