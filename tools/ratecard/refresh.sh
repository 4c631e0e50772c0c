#!/bin/sh
# Builds the built-in rate card anew from the npm package of genai-prices.
#
#   tools/ratecard/refresh.sh            the version in place
#   tools/ratecard/refresh.sh 0.1.8      that version
#
# Needs npm and node. Builds and tests of the program need neither.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
package=@pydantic/genai-prices
meta=$root/internal/ratecard/data/embedded.meta.json
version=${1:-$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).version' "$meta")}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# npm verifies what it packs against the registry's integrity; it is computed
# once more here, because it goes into the description.
npm view "$package@$version" dist.integrity time --json >view.json 2>/dev/null
npm pack "$package@$version" --silent >packed 2>/dev/null
tarball=$(cat packed)
node --input-type=module - "$version" "$tarball" <<'JS'
import crypto from 'node:crypto'
import fs from 'node:fs'
const [version, tarball] = process.argv.slice(2)
const view = JSON.parse(fs.readFileSync('view.json', 'utf8'))
const integrity = 'sha512-' + crypto.createHash('sha512').update(fs.readFileSync(tarball)).digest('base64')
if (integrity !== view['dist.integrity']) {
  console.error(`integrity of ${tarball} is ${integrity}, the registry says ${view['dist.integrity']}`)
  process.exit(1)
}
fs.writeFileSync('integrity', integrity)
fs.writeFileSync('published', new Date(view.time[version]).toISOString())
JS
tar -xzf "$tarball"

# The package gives its providers through its public API, with no network.
cat >dump.mjs <<'JS'
import fs from 'node:fs'
import { waitForUpdate } from './package/dist/index.js'
fs.writeFileSync('providers.json', JSON.stringify(await waitForUpdate()))
JS
node dump.mjs

cp package/LICENSE "$root/THIRD_PARTY/genai-prices-LICENSE"
cd "$root"
go run ./cmd/ratecardgen -in "$work/providers.json" -package "$package" -version "$version" \
	-integrity "$(cat "$work/integrity")" -published "$(cat "$work/published")" -generated-at "$(date -u +%Y-%m-%d)"
