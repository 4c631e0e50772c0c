package billing

// Resolve decides what a run is billed for. The order of its steps matters
// and was tried: what one step merges still counts, for the next, as lying
// where each of its spans lies, so no aggregate loses the calls that keep it
// from being billed.
func Resolve(spans []Span) Bill {
	var r run
	r.open(spans)
	if len(r.records) == 0 {
		return Bill{}
	}
	r.gatherProofs()
	r.climb()
	r.markForeign()
	r.joinByID()
	r.pairByUsage()
	r.dropSums()
	r.joinQuarrels()
	r.pairSilent()
	r.pairGuessed()
	r.gatherPairProofs()
	r.suspect()
	r.leaveResiduals()
	r.doubtCosts()
	return r.bill()
}
