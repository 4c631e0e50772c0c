SELECT workflow, COUNT(*) AS events, COUNT(*) FILTER (WHERE outcome_status = 'success') AS successes,
   SUM(total_cost_pico) / 1e12 AS total_cost, COUNT(*) - COUNT(total_cost_pico) AS unknown_cost,
   SUM(total_cost_pico) / 1e12 / COUNT(total_cost_pico) FILTER (WHERE outcome_status = 'success') AS cost_per_success
FROM events GROUP BY workflow ORDER BY workflow;
