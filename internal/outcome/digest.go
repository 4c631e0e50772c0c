package outcome

import "github.com/runrollup/runrollupprocessor/internal/digest"

// Digest writes all that o says.
func (o *Outcome) Digest(w *digest.Writer) {
	w.Numbers(int64(o.Status), int64(o.Source), o.Time, int64(o.Emissions), int64(o.BadStatus))
	w.Bool(o.Conflict)
	for _, s := range [...]string{o.StatusRaw, o.ValueType, o.Reason, o.ErrorType} {
		w.Text(s)
	}
	for _, a := range [...]Amount{o.Amount, o.Confidence} {
		w.Bool(a.OK)
		w.Float(a.N)
	}
	w.Number(int64(len(o.Metadata)))
	for _, m := range o.Metadata {
		w.Text(m.Key)
		w.Text(m.Value)
	}
}
