package reconcile

import (
	"fmt"
	"io"
	"strings"
)

// Score counts the runs of a setup that cost money, and how many of them are
// right by each yardstick.
type Score struct {
	Runs, Visible, Invoiced, Parts, Calls int
	Exact                                 int // claimed exact
	Wrong                                 int // claimed exact, and not what the spans show
	Hidden                                int // claimed exact, and not the invoice: no span shows the difference
	Got, Naive, Billed                    Totals
}

func (s *Score) add(r *Run) {
	if r.Claim() == 0 && !r.VisibleParts() {
		s.Wrong++
	}
	if r.Billed.Calls == 0 {
		return
	}
	one := func(ok bool) int {
		if ok {
			return 1
		}
		return 0
	}
	s.Runs++
	s.Visible += one(r.Visible())
	s.Invoiced += one(r.Invoiced())
	s.Parts += one(r.VisibleParts())
	s.Calls += one(r.SameCalls())
	s.Exact += one(r.Claim() == 0)
	s.Hidden += one(r.Claim() == 0 && !r.Got.SameParts(r.Billed))
	s.Got, s.Naive, s.Billed = s.Got.plus(r.Got), s.Naive.plus(r.Naive), s.Billed.plus(r.Billed)
}

// Scored is the score of a setup.
func (s *Setup) Scored() Score {
	var score Score
	for i := range s.Runs {
		score.add(&s.Runs[i])
	}
	return score
}

func (s *Score) merge(o Score) {
	s.Runs += o.Runs
	s.Visible += o.Visible
	s.Invoiced += o.Invoiced
	s.Parts += o.Parts
	s.Calls += o.Calls
	s.Exact += o.Exact
	s.Wrong += o.Wrong
	s.Hidden += o.Hidden
	s.Got, s.Naive, s.Billed = s.Got.plus(o.Got), s.Naive.plus(o.Naive), s.Billed.plus(o.Billed)
}

// Report writes the table of all setups, and each run that is not right.
func Report(w io.Writer, setups []Setup) Score {
	fmt.Fprint(w, "Runs that cost money. visible: input and output equal what the spans show, or the invoice; parts: so does each\n"+
		"part; ratios: to the invoice; naive: every record added up as written.\n\n"+
		"| setup | runs | visible | invoice | parts | calls | claimed exact | in / out | naive in / out |\n|---|---|---|---|---|---|---|---|---|\n")
	var all Score
	for i := range setups {
		score := setups[i].Scored()
		all.merge(score)
		row(w, setups[i].Name, score)
	}
	row(w, "all", all)
	fmt.Fprintf(w, "\nClaimed exact and not what the spans show: %d. Claimed exact and not the invoice, with no sign in any span: %d.\n",
		all.Wrong, all.Hidden)
	for i := range setups {
		differences(w, &setups[i])
	}
	return all
}

func row(w io.Writer, name string, s Score) {
	fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %d | %s | %s |\n", name, s.Runs, s.Visible, s.Invoiced, s.Parts, s.Calls, s.Exact,
		ratio(s.Got, s.Billed), ratio(s.Naive, s.Billed))
}

func ratio(a, b Totals) string {
	of := func(x, y int64) string {
		if y == 0 {
			return "–"
		}
		return fmt.Sprintf("%.3f", float64(x)/float64(y))
	}
	return of(a.Input, b.Input) + " / " + of(a.Output, b.Output)
}

func differences(w io.Writer, s *Setup) {
	headed := false
	for i := range s.Runs {
		r := &s.Runs[i]
		if r.VisibleParts() && r.SameCalls() && r.Got.SameParts(r.Billed) {
			continue
		}
		if !headed {
			fmt.Fprintf(w, "\n### %s\n\n| scenario | run | differs in | got | visible | invoice | claim | caveats | why |\n|---|---|---|---|---|---|---|---|---|\n", s.Name)
			headed = true
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.Scenario, short(r.RunID), r.difference(), r.Got, r.Derived.Visible, r.Billed,
			r.Claim(), strings.Join(r.Summary.Cost.Caveats, " "), r.Reason(s.Name))
	}
}

func short(id string) string { return id[max(0, len(id)-8):] }

func (r *Run) difference() string {
	switch {
	case !r.Visible():
		return "**tokens**"
	case !r.VisibleParts():
		return "**parts**"
	case !r.SameCalls():
		return "calls"
	}
	return "invoice only"
}
