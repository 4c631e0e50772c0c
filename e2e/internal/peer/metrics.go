package peer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Metrics are a collector's own, summed over their attributes.
type Metrics struct {
	Values map[string]float64
	Series int // lines
}

// Own is the prefix of the processor's metrics.
const Own = "otelcol_processor_run_rollup_"

// Scrape reads metrics in the text format of Prometheus.
func Scrape(ctx context.Context, url string) (Metrics, error) {
	var m Metrics
	err := get(ctx, url, func(body io.Reader) (err error) {
		m, err = parse(body)
		return err
	})
	return m, err
}

// Goroutines asks the extension pprof how many there are.
func Goroutines(ctx context.Context, url string) (int, error) {
	n := 0
	err := get(ctx, url+"goroutine?debug=1", func(body io.Reader) error {
		_, err := fmt.Fscanf(body, "goroutine profile: total %d", &n)
		return err
	})
	return n, err
}

func get(ctx context.Context, url string, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, answerLimit))
		return fmt.Errorf("get %s: %s: %q", url, res.Status, text)
	}
	if err := read(res.Body); err != nil {
		return fmt.Errorf("get %s: %w", url, err)
	}
	return nil
}

// parse reads lines of the form name{attributes} value. Of histograms it sums
// up the buckets, which nobody asks for.
func parse(r io.Reader) (Metrics, error) {
	m := Metrics{Values: map[string]float64{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		name := strings.IndexAny(line, "{ ")
		value := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || name < 0 {
			continue
		}
		v, err := strconv.ParseFloat(line[value+1:], 64)
		if err != nil {
			return m, fmt.Errorf("scrape: %q: %w", line, err)
		}
		m.Values[line[:name]] += v
		m.Series++
	}
	return m, lines.Err()
}
