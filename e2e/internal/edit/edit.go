// Package edit makes a test's copy of a configuration that users have: what a
// test does not set stays as it is.
package edit

import (
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

// File copies a YAML file with what change makes of it.
func File(from, to string, change func(file map[string]any) error) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	file := map[string]any{}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if err := change(file); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if text, err = yaml.Marshal(file); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return os.WriteFile(to, text, 0o644)
}

// Set sets the value at a path of keys. A map that is missing or empty is made;
// anything else in the way is an error.
func Set(file map[string]any, value any, path ...string) error {
	for _, key := range path[:len(path)-1] {
		if file[key] == nil {
			file[key] = map[string]any{}
		}
		next, ok := file[key].(map[string]any)
		if !ok {
			return fmt.Errorf("%s in %v is no map", key, path)
		}
		file = next
	}
	file[path[len(path)-1]] = value
	return nil
}
