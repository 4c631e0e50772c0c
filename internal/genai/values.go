package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// finishReasons reports whether any reason is stated, and whether one of them
// is an error. They come as an array, as a text, as several in a text with
// commas, and as JSON.
func finishReasons(v pcommon.Value) (any, isError bool) {
	switch v.Type() {
	case pcommon.ValueTypeSlice:
		s := v.Slice()
		for i := range s.Len() {
			if s.At(i).Type() == pcommon.ValueTypeStr {
				a, e := finishReason(s.At(i).Str())
				any, isError = any || a, isError || e
			}
		}
	case pcommon.ValueTypeStr:
		rest := v.Str()
		for rest != "" {
			var one string
			one, rest, _ = strings.Cut(rest, ",")
			a, e := finishReason(one)
			any, isError = any || a, isError || e
		}
	}
	return any, isError
}

func finishReason(s string) (any, isError bool) {
	s = strings.Trim(s, "[]\"' \t")
	switch {
	case s == "" || s == "None" || s == "null":
		return false, false
	case strings.EqualFold(s, "error"):
		return false, true
	}
	return true, false
}

// localErrors arise in the program that made the call. The provider may have
// answered, and billed, before they did; so may one who was hung up on.
var localErrors = set(
	"typeerror", "valueerror", "keyerror", "indexerror", "attributeerror", "nameerror", "assertionerror", "runtimeerror",
	"syntaxerror", "rangeerror", "referenceerror", "zoderror", "validationerror", "jsondecodeerror", "pydanticvalidationerror",
	"outputparserexception", "outputparsererror", "parseerror", "jsonparseerror", "unicodedecodeerror", "lengthfinishreasonerror",
	"contentfilterfinishreasonerror", "ai_typevalidationerror", "ai_jsonparseerror", "ai_noobjectgeneratederror", "ai_nooutputgeneratederror",
	"unexpectedmodelbehavior", "jsonexception", "jsonmappingexception", "nullpointerexception", "classcastexception",
	"nullreferenceexception", "invalidoperationexception", "formatexception",
	"aborterror", "apiuseraborterror", "cancellederror", "canceled", "cancelled", "cancelederror", "taskcanceledexception",
	"operationcanceledexception", "cancellationexception", "generatorexit", "keyboardinterrupt", "interruptedexception",
	"timeout", "timeouterror", "apitimeouterror", "apiconnectiontimeouterror", "readtimeout", "readtimeouterror", "requesttimeout",
	"sockettimeoutexception", "httptimeoutexception", "deadline_exceeded", "deadlineexceeded", "context.deadlineexceeded",
	"remoteprotocolerror", "incompleteread", "incompletereaderror", "clientpayloaderror", "readerror",
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

func isLocalError(errType string) bool {
	if i := strings.LastIndexAny(errType, ".:/"); i >= 0 {
		errType = errType[i+1:]
	}
	var buf [64]byte
	return localErrors[string(lower(buf[:], errType))]
}
