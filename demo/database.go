package main

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	_ "modernc.org/sqlite" // SQLite in Go: nothing to install, no C compiler

	"github.com/runrollup/runrollupprocessor/internal/botanu"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/replay"
)

//go:embed schema.sql
var schema string

// stamp writes a time so that text sorts as time does.
const stamp = "2006-01-02T15:04:05.000000000Z"

// createDatabase makes a fresh database of summaries; what was there is gone.
func createDatabase(ctx context.Context, path string, summaries []replay.Summary) (*sql.DB, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("create database: %w", err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, fmt.Errorf("create database: %w", err)
	}
	if err := fill(ctx, db, summaries); err != nil {
		return nil, errors.Join(fmt.Errorf("create database %s: %w", path, err), db.Close())
	}
	return db, nil
}

func fill(ctx context.Context, db *sql.DB, summaries []replay.Summary) error {
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // of no effect after Commit
	insert, err := tx.PrepareContext(ctx,
		"INSERT INTO summaries (started_at, ended_at, total_cost_pico, attributes) VALUES (?, ?, ?, ?)")
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for i := range summaries {
		s := &summaries[i]
		total, err := picodollars(s)
		if err != nil {
			return err
		}
		attributes, err := json.Marshal(s.Attributes)
		if err != nil {
			return err
		}
		if _, err := insert.ExecContext(ctx, s.Start.Format(stamp), s.End.Format(stamp), total, string(attributes)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// picodollars is the exact total of a summary; not valid where it is unknown.
func picodollars(s *replay.Summary) (sql.NullInt64, error) {
	exact := s.Text(botanu.CostTotalExact)
	if exact == "" {
		return sql.NullInt64{}, nil
	}
	total, err := money.Parse(exact)
	if err != nil {
		return sql.NullInt64{}, fmt.Errorf("total cost of run %s: %w", s.RunID, err)
	}
	return sql.NullInt64{Int64: int64(total), Valid: true}, nil
}

// openDatabase opens what an earlier demo left, for reading.
func openDatabase(path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w; run the demo without -query first", err)
	}
	return sql.Open("sqlite", "file:"+path+"?mode=ro")
}
