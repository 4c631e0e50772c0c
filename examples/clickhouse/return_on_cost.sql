-- total_cost below is the column, not what it is named anew beside it.
SET prefer_column_name_to_alias = 1;
SELECT workflow, SUM(outcome_value_amount * value_per_unit) AS total_value, SUM(total_cost) AS total_cost,
   (SUM(outcome_value_amount * value_per_unit) - SUM(total_cost)) / SUM(total_cost) AS roi FROM runs GROUP BY workflow;
