package prometheus

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/runrollup/runrollupprocessor/e2e/internal/edit"
)

// Example is what a test sets in its copy of examples/prometheus: everything
// else stays as users get it.
type Example struct {
	Folder   string // examples/prometheus
	Metrics  string // host and port of the collector's exporter prometheus; of nobody where metrics are pushed
	Own      string // host and port of the collector's own metrics
	Scrape   string // how often both are scraped, such as 200ms
	Evaluate string // how often rules are evaluated
}

// Write writes the copy into dir, and says where its prometheus.yml is.
func (e *Example) Write(dir string) (config string, err error) {
	rules, err := filepath.Glob(filepath.Join(e.Folder, "rules", "*.yaml"))
	if err != nil || len(rules) == 0 {
		return "", fmt.Errorf("there are no rules in %s (%w)", e.Folder, err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "rules"), 0o755); err != nil {
		return "", err
	}
	for _, path := range rules {
		err := edit.File(path, filepath.Join(dir, "rules", filepath.Base(path)), func(file map[string]any) error {
			groups, _ := file["groups"].([]any)
			for _, g := range groups {
				if group, ok := g.(map[string]any); ok {
					group["interval"] = e.Evaluate
				}
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	config = filepath.Join(dir, "prometheus.yml")
	return config, edit.File(filepath.Join(e.Folder, "prometheus.yml"), config, func(file map[string]any) error {
		targets := map[string]string{"run_rollup": e.Metrics, "collector": e.Own}
		jobs, _ := file["scrape_configs"].([]any)
		for _, j := range jobs {
			job, ok := j.(map[string]any)
			if !ok {
				return fmt.Errorf("%v is no job", j)
			}
			name, _ := job["job_name"].(string)
			target, known := targets[name]
			if !known {
				return fmt.Errorf("nobody says what to scrape for the job %q", name)
			}
			delete(targets, name)
			job["scrape_interval"], job["scrape_timeout"] = e.Scrape, e.Scrape
			job["static_configs"] = []any{map[string]any{"targets": []any{target}}}
		}
		if len(targets) > 0 {
			return fmt.Errorf("jobs %v are missing", targets)
		}
		return nil
	})
}
