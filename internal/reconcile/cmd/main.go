// Command cmd prints how the recorded runs compare with their invoices.
//
//	go run ./internal/reconcile/cmd [-doc FILE] [DIR]
//
// With -doc it writes the tables into the file, between its marks.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"github.com/runrollup/runrollupprocessor/internal/reconcile"
)

func main() {
	doc := flag.String("doc", "", "write the tables into this `file`")
	flag.Parse()
	root := "testdata/captures"
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	wrong, err := report(root, *doc)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || wrong > 0 {
		os.Exit(1)
	}
}

// report prints the tables and gives the number of runs that claim to be exact
// and are not.
func report(root, doc string) (wrong int, err error) {
	setups, err := reconcile.LoadAll(root)
	if err != nil {
		return 0, err
	}
	var out bytes.Buffer
	score := reconcile.Report(&out, setups)
	if _, err := os.Stdout.Write(out.Bytes()); err != nil || doc == "" {
		return score.Wrong, err
	}
	page, err := os.ReadFile(doc)
	if err != nil {
		return score.Wrong, err
	}
	if page, err = reconcile.Insert(page, out.Bytes()); err != nil {
		return score.Wrong, fmt.Errorf("%s: %w", doc, err)
	}
	return score.Wrong, os.WriteFile(doc, page, 0o644)
}
