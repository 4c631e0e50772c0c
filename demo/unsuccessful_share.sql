SELECT workflow, SUM(total_cost_pico) / 1e12 AS total_cost, SUM(unsuccessful_cost_pico) / 1e12 AS unsuccessful_cost,
   1.0 * SUM(unsuccessful_cost_pico) / SUM(total_cost_pico) AS share
FROM events GROUP BY workflow HAVING SUM(unsuccessful_cost_pico) > 0 ORDER BY share DESC;
