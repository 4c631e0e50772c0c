// Command cmd prints how the recorded runs compare with their invoices.
package main

import (
	"fmt"
	"os"

	"github.com/runrollup/runrollupprocessor/internal/reconcile"
)

func main() {
	root := "testdata/captures"
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	setups, err := reconcile.LoadAll(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if score := reconcile.Report(os.Stdout, setups); score.Wrong > 0 {
		os.Exit(1)
	}
}
