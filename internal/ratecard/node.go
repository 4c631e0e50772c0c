package ratecard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is the one document in the data. Nodes are read by hand, not into
// structs: prices must stay the digits that were written, and every message
// has to tell the line.
func document(data []byte) (*yaml.Node, error) {
	if json.Valid(data) {
		// The YAML parser takes JSON, but no tabs. In JSON they are only ever
		// between tokens.
		data = bytes.ReplaceAll(data, []byte("\t"), []byte(" "))
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, &Error{Problem: "the card is empty", Fix: "begin it with schema: " + Schema}
		}
		return nil, fmt.Errorf("neither YAML nor JSON: %w", err)
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &Error{Line: more.Line, Problem: "a second document begins", Fix: "write one card to a file"}
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, &Error{Problem: "the card is empty", Fix: "begin it with schema: " + Schema}
	}
	return doc.Content[0], nil
}

func has(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

// fields is a mapping with its place in the file.
type fields struct {
	path   string // with a dot at its end where it is not empty
	line   int
	keys   []string // in file order
	values map[string]*yaml.Node
}

// mapping reads a mapping that has no other keys than the ones allowed; any
// key where none are named.
func mapping(n *yaml.Node, path string, allowed ...string) (fields, error) {
	if n == nil {
		return fields{}, &Error{Field: path, Problem: "is missing", Fix: "state it"}
	}
	if n.Kind != yaml.MappingNode {
		return fields{}, &Error{Line: n.Line, Field: path, Value: n.Value, Problem: "is " + kindName(n) + ", not keys with values", Fix: "see the example of a rate card"}
	}
	f := fields{path: path, line: n.Line, values: make(map[string]*yaml.Node, len(n.Content)/2)}
	if path != "" {
		f.path += "."
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			return fields{}, &Error{Line: key.Line, Field: path, Problem: "has a key that is " + kindName(key), Fix: "keys are plain text"}
		}
		if len(allowed) > 0 && !slices.Contains(allowed, key.Value) {
			return fields{}, &Error{Line: key.Line, Field: f.path + key.Value, Problem: "is not a key of this card", Fix: "the keys here are " + strings.Join(allowed, ", ")}
		}
		if f.values[key.Value] != nil {
			return fields{}, &Error{Line: key.Line, Field: f.path + key.Value, Problem: "is given twice", Fix: "remove one"}
		}
		f.keys = append(f.keys, key.Value)
		f.values[key.Value] = n.Content[i+1]
	}
	return f, nil
}

func (m fields) has(key string) bool { return m.values[key] != nil }

// wrong is a mistake in the value of a key.
func (m fields) wrong(key, problem, fix string) error {
	return Error{Line: m.line, Field: m.path + key, Problem: problem, Fix: fix}.at(m, key)
}

// at adds line and value of a key, where it has them.
func (e Error) at(m fields, key string) error {
	if n := m.values[key]; n != nil {
		e.Line = n.Line
		if n.Kind == yaml.ScalarNode {
			e.Value = n.Value
		}
	}
	return &e
}

// text is the value of a key, as it was written.
func (m fields) text(key string) (string, error) {
	n := m.values[key]
	if n == nil {
		return "", &Error{Line: m.line, Field: m.path + key, Problem: "is missing", Fix: "state it"}
	}
	return m.scalar(key, n)
}

func (m fields) scalar(key string, n *yaml.Node) (string, error) {
	s := strings.TrimSpace(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || s == "" {
		return "", &Error{Line: n.Line, Field: m.path + key, Problem: "is " + kindName(n) + ", not one value", Fix: "write one value"}
	}
	return s, nil
}

// texts is one value or a list of values, never empty.
func (m fields) texts(key string) ([]string, error) {
	n := m.values[key]
	if n == nil || n.Kind != yaml.SequenceNode {
		s, err := m.text(key)
		return []string{s}, err
	}
	if len(n.Content) == 0 {
		return nil, m.wrong(key, "is an empty list", "write at least one value")
	}
	out := make([]string, 0, len(n.Content))
	for _, item := range n.Content {
		s, err := m.scalar(key, item)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// each calls entry with each element of a list.
func (m fields) each(key string, entry func(n *yaml.Node, path string) error) error {
	n := m.values[key]
	if n.Kind != yaml.SequenceNode {
		return &Error{Line: n.Line, Field: m.path + key, Value: n.Value, Problem: "is " + kindName(n) + ", not a list", Fix: "begin each entry with a dash"}
	}
	for i, item := range n.Content {
		if err := entry(item, fmt.Sprintf("%s%s[%d]", m.path, key, i)); err != nil {
			return err
		}
	}
	return nil
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "a YAML alias, which is not read here"
	}
	if n.Tag == "!!null" || n.Value == "" {
		return "empty"
	}
	return "a single value"
}
