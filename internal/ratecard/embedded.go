package ratecard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // the data
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

//go:generate ../../tools/ratecard/refresh.sh

//go:embed data/embedded.json.gz
var embeddedGzip []byte

//go:embed data/embedded.meta.json
var embeddedMeta []byte

// Meta says where the built-in data comes from.
type Meta struct {
	Source      string   `json:"source"`       // name of the project
	Package     string   `json:"package"`      // name of its package
	Version     string   `json:"version"`      // of the package
	Integrity   string   `json:"integrity"`    // of the package, as its registry states it
	License     string   `json:"license"`      // SPDX identifier
	Published   string   `json:"published"`    // when the version was published, RFC 3339
	GeneratedAt string   `json:"generated_at"` // when the data was condensed, a date
	SHA256      string   `json:"sha256"`       // of the condensed JSON before compression, in hex
	Providers   int      `json:"providers"`    // how many
	Models      int      `json:"models"`       // how many
	Values      int      `json:"values"`       // how many prices, tiers counted each
	Rounded     []string `json:"rounded"`      // prices that were no whole number of picodollars each
}

// EmbeddedMeta says where the built-in data comes from.
var EmbeddedMeta = sync.OnceValues(func() (Meta, error) {
	var m Meta
	err := json.Unmarshal(embeddedMeta, &m)
	return m, err
})

// Embedded is the card of the data that is built in. It is read once, and
// fails only if the program was built with damaged data.
var Embedded = sync.OnceValues(func() (*Card, error) {
	m, err := EmbeddedMeta()
	if err != nil {
		return nil, fmt.Errorf("built-in rate card: %w", err)
	}
	data, err := embeddedJSON()
	if err != nil {
		return nil, fmt.Errorf("built-in rate card: %w", err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != m.SHA256 {
		return nil, fmt.Errorf("built-in rate card: the data is not what its description says: SHA-256 %x, want %s", sum, m.SHA256)
	}
	published, err := time.Parse(time.RFC3339, m.Published)
	if err != nil {
		return nil, fmt.Errorf("built-in rate card: %w", err)
	}
	return fromCatalog(m.Source+"-"+m.Version, data, published)
})

func embeddedJSON() ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(embeddedGzip))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// fromCatalog is a card of genai-prices data alone.
func fromCatalog(id string, data []byte, published time.Time) (*Card, error) {
	raw, err := DecodeCatalog(data)
	if err != nil {
		return nil, err
	}
	digest := digestOf(data)
	c, err := raw.compile(ref(id, digest), makers)
	if err != nil {
		return nil, err
	}
	return &Card{id: id, digest: digest, dated: published, layers: []layer{{ref: ref(id, digest), catalog: c}}}, nil
}
