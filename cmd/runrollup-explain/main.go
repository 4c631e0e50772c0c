// Command runrollup-explain says of recorded spans what each run cost and why:
// which spans were billed as calls, which were not, and where the outcome came
// from. It decides as the processor does by default, without a collector; what
// the flags do not say, such as cost::attributes and cost::prefer, it does not know.
//
//	runrollup-explain [-run ID] [-rate-card FILE] [-run-key ATTRIBUTE] [file ...]
//
// Files hold the JSON body of one OTLP request a line, as the Collector's file
// exporter writes them; without a file it reads standard input.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/extract"
	"github.com/runrollup/runrollupprocessor/internal/offline"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

func main() {
	if err := explain(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "runrollup-explain:", err)
		}
		os.Exit(1)
	}
}

func explain(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("runrollup-explain", flag.ContinueOnError)
	only := flags.String("run", "", "explain the run with this `ID` alone")
	own := flags.String("rate-card", "", "price by this `file`, as cost::rate_card::file does")
	key := flags.String("run-key", botanu.RunID, "take the run ID from this `attribute`, as attributes::run_id does")
	if err := flags.Parse(args); err != nil {
		return err
	}
	card, err := readCard(*own)
	if err != nil {
		return err
	}
	config := offline.Config(card)
	config.RunIDKey = *key
	x := extract.New(config)
	var spans []extract.Owned
	if flags.NArg() == 0 {
		if spans, err = offline.Read(in, x); err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
	}
	for _, name := range flags.Args() {
		if name == "-" {
			name = os.Stdin.Name()
		}
		more, err := readFile(name, x)
		if err != nil {
			return err
		}
		spans = append(spans, more...)
	}
	offline.Assign(spans)
	runs := offline.Runs(spans)
	shown := 0
	for i := range runs {
		if *only == "" || runs[i].ID == *only {
			writeRun(out, &runs[i])
			shown++
		}
	}
	if *only != "" && shown == 0 {
		return fmt.Errorf("no span belongs to run %q; the spans name %d other runs", *only, len(runs))
	}
	writeRest(out, spans, len(runs))
	return nil
}

// readCard is the card of a file, over the embedded one or in its place as the
// file says; the embedded one where no file is named.
func readCard(name string) (*ratecard.Card, error) {
	card, err := ratecard.Embedded()
	if err != nil || name == "" {
		return card, err
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("rate card: %w", err)
	}
	file, err := ratecard.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("rate card: %s: %w", name, err)
	}
	if card, err = ratecard.New(file, card); err != nil {
		return nil, fmt.Errorf("rate card: %s: %w", name, err)
	}
	return card, nil
}

func readFile(name string, x *extract.Extractor) ([]extract.Owned, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	spans, err := offline.Read(f, x)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return spans, nil
}
