-- Which models' calls have no price: what to put into the rate card first.
SELECT provider, model, SUM(calls) AS calls, SUM(unpriced_calls) AS unpriced_calls,
   SUM(unpriced_calls) / SUM(calls) AS share,
   SUM(input_uncached + cache_read + cache_write + output) AS tokens
FROM model_usage GROUP BY ALL HAVING SUM(unpriced_calls) > 0 ORDER BY unpriced_calls DESC, provider, model;
