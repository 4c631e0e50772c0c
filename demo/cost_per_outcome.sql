SELECT workflow, COALESCE(outcome_status, 'unset') AS outcome, COUNT(*) AS runs, SUM(llm_calls) AS calls,
   SUM(total_cost_pico) / 1e12 AS total_cost, SUM(total_cost_pico) / 1e12 / COUNT(total_cost_pico) AS cost_per_outcome,
   COUNT(*) FILTER (WHERE cost_accuracy = 'exact') AS exact_runs, COUNT(*) - COUNT(total_cost_pico) AS unknown_cost
FROM runs GROUP BY workflow, outcome ORDER BY workflow, outcome;
