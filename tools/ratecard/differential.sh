#!/bin/sh
# Prices random calls with the npm package of genai-prices and with this
# program, and compares.
#
#   tools/ratecard/differential.sh [count] [seed]
#
# Needs npm and node, and takes the version that the built-in card is of.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
count=${1:-100000}
seed=${2:-1}
meta=$root/internal/ratecard/data/embedded.meta.json
version=$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).version' "$meta")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack "@pydantic/genai-prices@$version" --silent >packed 2>/dev/null
tar -xzf "$(cat packed)"
node "$root/tools/ratecard/cases.mjs" "$work/package" "$count" "$seed" >cases.jsonl
cd "$root"
RATECARD_CASES="$work/cases.jsonl" go test -count=1 -v -run '^TestDifferential$' ./internal/ratecard
