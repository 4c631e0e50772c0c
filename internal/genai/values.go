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

// localErrors arise in the program that made the call, once it has the answer.
var localErrors = set(
	"typeerror", "valueerror", "keyerror", "indexerror", "attributeerror", "nameerror", "assertionerror", "runtimeerror",
	"syntaxerror", "rangeerror", "referenceerror", "zoderror", "validationerror", "jsondecodeerror", "pydanticvalidationerror",
	"outputparserexception", "outputparsererror", "parseerror", "jsonparseerror", "unicodedecodeerror", "lengthfinishreasonerror",
	"contentfilterfinishreasonerror", "ai_typevalidationerror", "ai_jsonparseerror", "ai_noobjectgeneratederror", "ai_nooutputgeneratederror",
	"unexpectedmodelbehavior", "jsonexception", "jsonmappingexception", "nullpointerexception", "classcastexception",
	"nullreferenceexception", "invalidoperationexception", "formatexception", "generatorexit",
	"clientpayloaderror", "readerror", "oserror", "ioerror", "ioexception",
	// Answers of a gateway that waited for the provider, and of one whose client left.
	"408", "499", "504", "524", "598",
)

// unsent are words in the names of failures to reach the provider: there was no
// connection yet, and so no request. They come before those of [cutOff], which
// some contain.
var unsent = [...]string{
	"refused", "connecttimeout", "connect_timeout", "pooltimeout", "connecterror", "connectorerror", "newconnection", "endpointconnection",
	"certificate", "handshake", "enotfound", "eai_again", "gaierror", "unknownhost", "nameresolution", "unreach",
}

// cutOff are words in the names of failures after which nobody knows what the
// provider did: it was not waited for, the caller hung up, or the connection
// broke.
var cutOff = [...]string{
	"timeout", "timedout", "timed_out", "deadline", "cancel", "abort", "interrupt",
	"connection", "econn", "epipe", "brokenpipe", "socket", "disconnect", "hangup", "hang up", "prematureclose", "premature_close",
	"protocolerror", "unexpectedeof", "eoferror", "incomplete", "chunkedencoding",
}

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// isLocalError reports whether a failed request may have been billed all the
// same, by the name of the error: the provider may have answered before the
// program failed over the answer, and one who was hung up on has done the work.
// An error that the provider answered with, and a connection that never came
// about, cost nothing.
func isLocalError(errType string) bool {
	errType = strings.TrimRight(errType, ".:/ ")
	if i := strings.LastIndexAny(errType, ".:/"); i >= 0 {
		errType = errType[i+1:]
	}
	var buf [64]byte
	name := lower(buf[:], errType[max(0, len(errType)-len(buf)):]) // what kind of error it is stands at the end
	return localErrors[string(name)] || !containsAny(name, unsent[:]) && containsAny(name, cutOff[:])
}

func containsAny(name []byte, words []string) bool {
	for _, word := range words {
		for i := 0; i+len(word) <= len(name); i++ {
			if string(name[i:i+len(word)]) == word {
				return true
			}
		}
	}
	return false
}
