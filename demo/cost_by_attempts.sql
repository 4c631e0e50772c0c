SELECT workflow, attempts, COUNT(*) AS successes, AVG(total_cost) AS cost_per_success, AVG(unsuccessful_cost) AS of_it_unsuccessful
FROM events WHERE outcome_status = 'success' AND workflow IN (SELECT workflow FROM events WHERE attempts > 1)
GROUP BY workflow, attempts ORDER BY workflow, attempts;
