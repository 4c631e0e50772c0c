-- Which models' calls have no price: what to put into the rate card first.
SELECT u.provider AS provider, u.model AS model, sum(u.calls) AS calls, sum(u.unpriced_calls) AS unpriced_calls,
   sum(u.unpriced_calls) / sum(u.calls) AS share,
   sum(u.input_uncached + u.cache_read + u.cache_write + u.output) AS tokens
FROM model_usage AS u GROUP BY u.provider, u.model HAVING sum(u.unpriced_calls) > 0
ORDER BY sum(u.unpriced_calls) DESC, u.provider, u.model;
