package ratecard

// unit is what a price is for, named by the key that states the price in a
// card. The keys and the amounts they are for are those of genai-prices
// (prices/units.yml), so that entries can be copied in both directions.
type unit string

const (
	inputTokens      unit = "input_mtok"
	cacheReadTokens  unit = "cache_read_mtok"
	cacheWriteTokens unit = "cache_write_mtok"
	cacheWrite5m     unit = "cache_write_5m_mtok"
	cacheWrite1h     unit = "cache_write_1h_mtok"
	inputAudioTokens unit = "input_audio_mtok"
	cacheAudioRead   unit = "cache_audio_read_mtok"
	outputTokens     unit = "output_mtok"
	reasoningTokens  unit = "output_reasoning_mtok"
	outputAudio      unit = "output_audio_mtok"
	requests         unit = "requests_kcount"
)

// unitPer is how many of a unit its price is for.
//
// Units that no count of a call ever reaches, images and pages for example,
// are listed too: a card may state them, and they can be had as a
// [Quote.Fee] by whoever knows the count.
var unitPer = map[unit]int64{
	inputTokens:      1e6,
	cacheReadTokens:  1e6,
	cacheWriteTokens: 1e6,
	cacheWrite5m:     1e6,
	cacheWrite1h:     1e6,
	inputAudioTokens: 1e6,
	cacheAudioRead:   1e6,
	outputTokens:     1e6,
	reasoningTokens:  1e6,
	outputAudio:      1e6,
	requests:         1e3,

	"input_image_mtok":                1e6,
	"input_video_mtok":                1e6,
	"cache_image_read_mtok":           1e6,
	"cache_video_read_mtok":           1e6,
	"output_image_mtok":               1e6,
	"output_video_mtok":               1e6,
	"output_citation_mtok":            1e6,
	"web_searches_kcount":             1e3,
	"storage_searches_kcount":         1e3,
	"social_searches_kcount":          1e3,
	"rerank_searches_kcount":          1e3,
	"code_executions_kcount":          1e3,
	"input_text_messages_kcount":      1e3,
	"input_document_kpages":           1e3,
	"input_annotated_document_kpages": 1e3,
	"audio_hours":                     3600,
	"input_audio_hours":               3600,
	"output_audio_hours":              3600,
	"input_mchars":                    1e6,
	"input_gpixels":                   1e9,
}

// unitAncestor is the unit that contains another one: cached input is input.
// A price for the part demands one for the whole, because what is not in any
// priced part is billed at the rate of the whole (genai-prices engine:
// "Missing ancestor price key").
var unitAncestor = map[unit]unit{
	cacheReadTokens:         inputTokens,
	cacheWriteTokens:        inputTokens,
	cacheWrite5m:            cacheWriteTokens,
	cacheWrite1h:            cacheWriteTokens,
	inputAudioTokens:        inputTokens,
	cacheAudioRead:          cacheReadTokens,
	"input_image_mtok":      inputTokens,
	"input_video_mtok":      inputTokens,
	"cache_image_read_mtok": cacheReadTokens,
	"cache_video_read_mtok": cacheReadTokens,
	reasoningTokens:         outputTokens,
	outputAudio:             outputTokens,
	"output_image_mtok":     outputTokens,
	"output_video_mtok":     outputTokens,
	"output_citation_mtok":  outputTokens,
}
