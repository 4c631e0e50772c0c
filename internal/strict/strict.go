// Package strict reads the configuration of a component strictly. The
// Collector's own decoder does the work; where it refuses something it says
// neither which value was wrong nor what would be right, and that is found out
// here.
package strict

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"
)

// Unmarshal reads a configuration, which is a pointer to a struct.
func Unmarshal[T any](conf *confmap.Conf, config *T) error {
	err := conf.Unmarshal(config)
	if err == nil {
		return nil
	}
	// What the decoder takes is right, such as text that came through a variable
	// and looks like a number; only what it refuses is looked into.
	if better := misfits(conf.ToStringMap(), reflect.TypeFor[T](), ""); better != nil {
		return better
	}
	return err
}

// misfits says which keys a struct does not have, and which values do not fit
// their field, with the path to each.
func misfits(raw map[string]any, t reflect.Type, path string) error {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("mapstructure"); tag != "" {
			fields[tag] = t.Field(i).Type
		}
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		field, known := fields[key]
		if !known {
			names := slices.Sorted(maps.Keys(fields))
			errs = append(errs, fmt.Errorf("%s%s: there is no such key; did you mean %s? The keys are %s",
				path, key, nearest(key, names), strings.Join(names, ", ")))
			continue
		}
		errs = append(errs, misfit(raw[key], field, path+key))
	}
	return errors.Join(errs...)
}

// misfit says why a value does not fit a field, if it does not. An absent
// value stands for the default.
func misfit(v any, field reflect.Type, path string) error {
	if v == nil {
		return nil
	}
	switch field.Kind() {
	case reflect.Struct:
		if m, ok := v.(map[string]any); ok {
			return misfits(m, field, path+"::")
		}
		return fmt.Errorf("%s: %#v is no map of keys; give its keys on lines of their own, indented", path, v)
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s: %#v is no list; give one such as [a, b]", path, v)
		}
		var errs []error
		for i, item := range list {
			errs = append(errs, misfit(item, field.Elem(), fmt.Sprintf("%s::%d", path, i)))
		}
		return errors.Join(errs...)
	case reflect.String:
		if _, ok := v.(string); !ok {
			return fmt.Errorf("%s: %#v is no text; give it in quotes", path, v)
		}
	case reflect.Bool:
		if _, ok := v.(bool); !ok {
			return fmt.Errorf("%s: %#v is neither true nor false; give one of them, without quotes", path, v)
		}
	case reflect.Int:
		if !isWhole(v) {
			return fmt.Errorf("%s: %#v is no whole number; give one such as 100000", path, v)
		}
	case reflect.Float64:
		if _, ok := v.(float64); !ok && !isWhole(v) {
			return fmt.Errorf("%s: %#v is no number; give one such as 0.25", path, v)
		}
	case reflect.Int64: // the only fields of this kind are durations
		text, isText := v.(string)
		if _, err := time.ParseDuration(text); isText && err != nil || !isText && !isWhole(v) {
			return fmt.Errorf("%s: %#v is no duration; give one such as \"30s\" or \"5m\"", path, v)
		}
	}
	return nil
}

func isWhole(v any) bool {
	switch reflect.ValueOf(v).Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// nearest is the name that takes the fewest edits to get from key.
func nearest(key string, names []string) string {
	return slices.MinFunc(names, func(a, b string) int { return edits(key, a) - edits(key, b) })
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
