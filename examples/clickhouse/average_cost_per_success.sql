SELECT AVG(total_cost) AS avg_cost_per_success FROM runs WHERE workflow = 'fulfill-order'
   AND outcome_status = 'success' AND outcome_value_type = 'orders_fulfilled';
