// Writes calls and what the genai-prices package makes of them, one JSON
// object a line: node cases.mjs <package directory> <count> <seed>
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [dir, count, seed] = process.argv.slice(2)
const { calcPrice, waitForUpdate } = await import(pathToFileURL(path.join(dir, 'dist/index.js')))
const providers = await waitForUpdate()
console.warn = () => {}

// A small generator of our own, so that a seed means the same everywhere.
let state = Number(seed) >>> 0
function random() {
  state = (state + 0x6d2b79f5) >>> 0
  let t = Math.imul(state ^ (state >>> 15), state | 1)
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}
const below = (n) => Math.floor(random() * n)
const pick = (list) => list[below(list.length)]

function names(match) {
  const [[form, value]] = Object.entries(match)
  switch (form) {
    case 'or':
    case 'and':
      return value.flatMap(names)
    case 'equals':
      return [value, value.toUpperCase(), value + '-x']
    case 'starts_with':
      return [value, value + '-x', value + '-20250929', value + '-2025-09-29', 'x-' + value, value + '-preview-tts']
    case 'ends_with':
      return ['x.' + value, value]
    case 'contains':
      return ['us.' + value + '-v1:0', value, 'x' + value]
    default:
      return []
  }
}

function tokens() {
  const scale = pick([10, 1000, 100_000, 400_000])
  const some = (p) => (random() < p ? below(scale) : 0)
  return {
    Input: below(scale), CacheRead: some(0.5), CacheWrite5m: some(0.3), CacheWrite1h: some(0.2),
    InputAudio: some(0.2), CacheReadAudio: some(0.1),
    Output: below(scale), Reasoning: some(0.3), OutputAudio: some(0.1),
  }
}

for (let i = 0; i < Number(count); i++) {
  const provider = pick(providers)
  const model = provider.models.length ? pick(provider.models) : { id: 'none', match: { equals: 'none' } }
  const name = pick([model.id, ...names(model.match)])
  const at = new Date(Date.UTC(2025, 0, 1) + below(800 * 86400) * 1000)
  const t = tokens()
  const usage = {
    input_tokens: t.Input + t.CacheRead + t.CacheWrite5m + t.CacheWrite1h + t.InputAudio + t.CacheReadAudio,
    cache_read_tokens: t.CacheRead + t.CacheReadAudio,
    cache_write_tokens: t.CacheWrite5m + t.CacheWrite1h,
    cache_write_1h_tokens: t.CacheWrite1h,
    input_audio_tokens: t.InputAudio + t.CacheReadAudio,
    cache_audio_read_tokens: t.CacheReadAudio,
    output_tokens: t.Output + t.Reasoning + t.OutputAudio,
    output_reasoning_tokens: t.Reasoning,
    output_audio_tokens: t.OutputAudio,
  }
  const row = { provider: provider.id, model: name, at: at.toISOString(), tokens: t }
  try {
    const price = calcPrice(usage, name, { providerId: provider.id, timestamp: at })
    if (price) {
      row.match = price.provider.id + '/' + price.model.id
      row.usd = price.total_price
      row.empty = Object.keys(price.model_price).length === 0
    }
  } catch (e) {
    row.error = e.message
  }
  console.log(JSON.stringify(row))
}
