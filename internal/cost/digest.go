package cost

import "github.com/runrollup/runrollupprocessor/internal/digest"

// Digest writes all that b says.
func (b *Bill) Digest(w *digest.Writer) {
	b.Account.Digest(w)
	w.Text(string(b.Source))
	w.Texts(b.Cards)
	w.Number(int64(len(b.Models)))
	for i := range b.Models {
		w.Text(b.Models[i].Provider)
		w.Text(b.Models[i].Name)
		b.Models[i].Account.Digest(w)
	}
	w.Numbers(int64(b.Discarded), int64(b.Accuracy))
	w.Texts(b.Caveats)
}

// Digest writes all that a says.
func (a *Account) Digest(w *digest.Writer) {
	p := &a.Parts
	w.Numbers(int64(a.Calls), int64(a.Errors), int64(a.Unpriced), int64(a.Total))
	a.Tokens.Digest(w)
	w.Numbers(int64(p.Input), int64(p.Output), int64(p.CacheRead), int64(p.CacheWrite), int64(p.Metered), int64(p.Unsplit))
	w.Bool(a.Known)
	w.Bool(a.Overflow)
}
