// Command ratecardgen condenses genai-prices data into the rate card that is
// built into the program, and says what changed against the one in place.
//
// It refuses data that the program could not price by: a regular expression
// that Go does not compile, a negative price, a part priced without its
// whole, a name given twice. See tools/ratecard/refresh.sh.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/runrollup/runrollupprocessor/internal/ratecard"
)

const (
	dataFile = "embedded.json.gz"
	metaFile = "embedded.meta.json"
)

func main() {
	var meta ratecard.Meta
	in := flag.String("in", "", "file with the providers as JSON, in any shape of genai-prices")
	out := flag.String("out", "internal/ratecard/data", "directory of the built-in card")
	flag.StringVar(&meta.Source, "source", "genai-prices", "name of the data's project")
	flag.StringVar(&meta.Package, "package", "", "package the data was taken from")
	flag.StringVar(&meta.Version, "version", "", "version of the package")
	flag.StringVar(&meta.Integrity, "integrity", "", "integrity of the package, as the registry states it")
	flag.StringVar(&meta.License, "license", "MIT", "SPDX identifier of the data's licence")
	flag.StringVar(&meta.Published, "published", "", "when the version was published, RFC 3339")
	flag.StringVar(&meta.GeneratedAt, "generated-at", "", "today, YYYY-MM-DD; stated and not read from a clock, so that the output is reproducible")
	flag.Parse()
	if err := run(*in, *out, meta, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ratecardgen:", err)
		os.Exit(1)
	}
}

func run(in, out string, meta ratecard.Meta, report io.Writer) error {
	for name, value := range map[string]string{
		"in": in, "package": meta.Package, "version": meta.Version, "integrity": meta.Integrity,
		"published": meta.Published, "generated-at": meta.GeneratedAt,
	} {
		if value == "" {
			return fmt.Errorf("-%s is empty; tools/ratecard/refresh.sh gives all of them", name)
		}
	}
	raw, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	next, data, err := condense(raw, &meta)
	if err != nil {
		return err
	}
	last, err := present(out)
	if err != nil {
		return err
	}
	for _, line := range compare(last, next) {
		fmt.Fprintln(report, line)
	}
	for _, r := range meta.Rounded {
		fmt.Fprintln(report, "rounded", r)
	}
	fmt.Fprintf(report, "%d providers, %d models, %d prices\n", meta.Providers, meta.Models, meta.Values)
	return write(out, data, meta)
}

// condense checks the data, and completes its description.
func condense(raw []byte, meta *ratecard.Meta) (*ratecard.Catalog, []byte, error) {
	c, err := ratecard.DecodeCatalog(raw)
	if err != nil {
		return nil, nil, err
	}
	c.Sort()
	if meta.Rounded, err = c.Check(); err != nil {
		return nil, nil, err
	}
	meta.Providers, meta.Models, meta.Values = c.Count()
	data, err := json.Marshal(c)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(data)
	meta.SHA256 = hex.EncodeToString(sum[:])
	return c, data, nil
}

// present is the card in place; an empty one where there is none.
func present(dir string) (*ratecard.Catalog, error) {
	packed, err := os.ReadFile(filepath.Join(dir, dataFile))
	if errors.Is(err, fs.ErrNotExist) {
		return &ratecard.Catalog{}, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return ratecard.DecodeCatalog(data)
}

// write puts both files in place. The gzip header has no time and no name, so
// that the same data is the same bytes.
func write(dir string, data []byte, meta ratecard.Meta) error {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	described, err := json.MarshalIndent(meta, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, dataFile), packed.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, metaFile), append(described, '\n'), 0o644)
}
