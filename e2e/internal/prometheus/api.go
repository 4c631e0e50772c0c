package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// API asks a Prometheus by its HTTP interface.
type API struct {
	URL  string // such as http://127.0.0.1:9090
	HTTP *http.Client
}

// Sample is one value of an instant vector.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Ready reports whether the server answers queries.
func (a *API) Ready(ctx context.Context) bool {
	res, err := a.get(ctx, "/-/ready", nil)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// Query evaluates an expression that yields an instant vector, now.
func (a *API) Query(ctx context.Context, expression string) ([]Sample, error) {
	var data struct {
		Result []struct {
			Metric map[string]string `json:"metric"`
			Value  [2]any            `json:"value"` // seconds, and the number as a text
		} `json:"result"`
	}
	if err := a.ask(ctx, "/api/v1/query", url.Values{"query": {expression}}, &data); err != nil {
		return nil, err
	}
	samples := make([]Sample, 0, len(data.Result))
	for _, r := range data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("query %s: %w", expression, err)
		}
		samples = append(samples, Sample{r.Metric, v})
	}
	return samples, nil
}

// Labels are the names of all labels of all series.
func (a *API) Labels(ctx context.Context) (names []string, err error) {
	return names, a.ask(ctx, "/api/v1/labels", nil, &names)
}

// Series are the labels of all series that match.
func (a *API) Series(ctx context.Context, match string) (series []map[string]string, err error) {
	return series, a.ask(ctx, "/api/v1/series", url.Values{"match[]": {match}}, &series)
}

// Exemplar points from a series at a span.
type Exemplar struct {
	Series map[string]string
	Labels map[string]string
	Value  float64
}

// Exemplars are those of the series that an expression reads, of the last hour.
func (a *API) Exemplars(ctx context.Context, expression string) ([]Exemplar, error) {
	now := time.Now()
	var data []struct {
		Series    map[string]string `json:"seriesLabels"`
		Exemplars []struct {
			Labels map[string]string `json:"labels"`
			Value  string            `json:"value"`
		} `json:"exemplars"`
	}
	if err := a.ask(ctx, "/api/v1/query_exemplars", url.Values{
		"query": {expression},
		"start": {strconv.FormatInt(now.Add(-time.Hour).Unix(), 10)},
		"end":   {strconv.FormatInt(now.Add(time.Minute).Unix(), 10)},
	}, &data); err != nil {
		return nil, err
	}
	var all []Exemplar
	for _, s := range data {
		for _, e := range s.Exemplars {
			v, err := strconv.ParseFloat(e.Value, 64)
			if err != nil {
				return nil, fmt.Errorf("exemplars of %s: %w", expression, err)
			}
			all = append(all, Exemplar{s.Series, e.Labels, v})
		}
	}
	return all, nil
}

// RuleErrors says of each rule that could not be evaluated why, and how many
// rules there are.
func (a *API) RuleErrors(ctx context.Context) (errs []string, rules int, err error) {
	var data struct {
		Groups []struct {
			Rules []struct {
				Name      string `json:"name"`
				LastError string `json:"lastError"`
			} `json:"rules"`
		} `json:"groups"`
	}
	if err := a.ask(ctx, "/api/v1/rules", nil, &data); err != nil {
		return nil, 0, err
	}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			rules++
			if r.LastError != "" {
				errs = append(errs, r.Name+": "+r.LastError)
			}
		}
	}
	return errs, rules, nil
}

// answerLimit bounds what is read of an answer.
const answerLimit = 64 << 20

// ask reads the data of an answer.
func (a *API) ask(ctx context.Context, path string, query url.Values, data any) error {
	res, err := a.get(ctx, path, query)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer := struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   any    `json:"data"`
	}{Data: data}
	if err := json.NewDecoder(io.LimitReader(res.Body, answerLimit)).Decode(&answer); err != nil {
		return fmt.Errorf("get %s: %s: %w", path, res.Status, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("get %s: %s", path, answer.Error)
	}
	return nil
}

func (a *API) get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	return a.HTTP.Do(req)
}
