// Package sql runs the SQL of the examples in the engines that it is for, and
// holds its views against [ledgertest], which says what they must answer. The
// engines run within one node process; `make e2e-sql` installs them, and runs
// these tests, which are behind the build tag sql.
package sql
