// Demo plays recorded traces of real applications into a collector with
// run_rollup, and answers from the summaries what an outcome costs.
package main

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/runrollup/runrollupprocessor/internal/replay"
)

// The first two are the statements that the documentation promises. The last
// three ask the view events.
var (
	//go:embed cost_per_success.sql
	costPerSuccess string
	//go:embed return_on_cost.sql
	returnOnCost string
	//go:embed cost_per_outcome.sql
	costPerOutcome string
	//go:embed cost_per_success_of_events.sql
	costPerSuccessOfEvents string
	//go:embed unsuccessful_share.sql
	unsuccessfulShare string
	//go:embed cost_by_attempts.sql
	costByAttempts string
)

// options are the flags.
type options struct {
	collector, config, captures, out, query string
}

func main() {
	var o options
	flag.StringVar(&o.collector, "collector", "../bin/otelcol-runrollup", "the collector that `make build` left")
	flag.StringVar(&o.config, "config", "../examples/quickstart/collector.yaml", "its configuration")
	flag.StringVar(&o.captures, "captures", "../testdata/captures", "the folder of the recordings")
	flag.StringVar(&o.out, "out", "out", "where to leave the spans and the database")
	flag.StringVar(&o.query, "query", "", "ask the database of an earlier demo one SQL statement, and do nothing else")
	flag.Parse()
	// An interrupt ends the demo in good order, and the collector with it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := o.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) error {
	path := filepath.Join(o.out, "runs.db")
	if o.query != "" {
		db, err := openDatabase(path)
		if err != nil {
			return err
		}
		return errors.Join(answer(ctx, db, o.query), db.Close())
	}
	began := time.Now()
	written, err := o.collect(ctx)
	if err != nil {
		return err
	}
	db, err := createDatabase(ctx, path, replay.Summaries(written))
	if err != nil {
		return err
	}
	if err := errors.Join(report(ctx, db, written), db.Close()); err != nil {
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	fmt.Printf(farewell, time.Since(began).Seconds(), path)
	return nil
}

const farewell = `
Done in %.0f s. The database %[2]s
holds the views runs and events, one row each, and the table summaries behind them. SQLite has no decimals:
total_cost is USD as a float, for reading; total_cost_pico beside it is exact, in 10^-12 USD. Ask more with

  go -C demo run . -query 'SELECT customer_id, COUNT(*) AS runs, SUM(total_cost) AS cost FROM runs GROUP BY customer_id'

or, where the sqlite3 command is installed,

  sqlite3 -header -column %[2]s 'SELECT * FROM runs LIMIT 5'
`

// question is a statement, and what it asks in words.
type question struct{ title, statement string }

var ofRuns = []question{
	{"What does a successful order cost?", costPerSuccess},
	{
		"What does each workflow return on its cost? (roi 1: its value is twice its cost. The recorded calls are tiny,\n" +
			"and what an outcome is worth is an example: outcome.values in the collector's configuration.)", returnOnCost,
	},
	{"What does each outcome cost, by workflow and status? (USD)", costPerOutcome},
}

var ofEvents = []question{
	{"What does a success cost, with the failures that were paid for on the way? (NULL: no success, or no known cost)", costPerSuccessOfEvents},
	{"How much of the cost went into attempts that did not succeed? (the workflows that had some)", unsuccessfulShare},
	{"What does a success cost at the first attempt, the second, the third? (the workflows that tried again)", costByAttempts},
}

const aboutEvents = `
An event is what runs are made for: a ticket, an order. It may take several: attempts that failed, runs nested in
others. The view events adds them up. Of %d events it says what the collector's own event summaries say.
`

// report prints what the summaries answer.
func report(ctx context.Context, db *sql.DB, written []ptrace.Traces) error {
	for _, q := range ofRuns {
		if err := q.ask(ctx, db); err != nil {
			return err
		}
	}
	n, err := agree(ctx, db, written)
	if err != nil {
		return err
	}
	fmt.Printf(aboutEvents, n)
	for _, q := range ofEvents {
		if err := q.ask(ctx, db); err != nil {
			return err
		}
	}
	return nil
}

func (q *question) ask(ctx context.Context, db *sql.DB) error {
	fmt.Printf("\n%s\n\n%s\n", q.title, indent(q.statement))
	return answer(ctx, db, q.statement)
}

func answer(ctx context.Context, db *sql.DB, statement string) error {
	t, err := ask(ctx, db, statement)
	if err != nil {
		return err
	}
	return t.write(os.Stdout)
}

func indent(statement string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(statement), "\n", "\n  ") + "\n"
}
