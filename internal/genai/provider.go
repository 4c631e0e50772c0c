package genai

import "strings"

// CanonicalProvider is the semantic-convention spelling of a provider's name,
// or "" where the name is that of a framework, which is not who sends the bill.
// A name that is not known is given back in lower case.
//
// The spellings are those of the registry of the OpenTelemetry GenAI
// conventions and what the instrumentations write instead of them.
func CanonicalProvider(name string) string {
	var buf [64]byte
	b := lower(buf[:], strings.TrimSpace(name))
	if b == nil {
		return ""
	}
	if p, ok := providerNames[string(b)]; ok {
		return p
	}
	// The AI SDK writes the provider and which of its APIs: "xai.chat".
	for _, api := range [...]string{".chat", ".responses", ".messages", ".completion", ".embedding", ".image", ".generative-ai", ".text-embedding"} {
		if n := len(b) - len(api); n > 0 && string(b[n:]) == api {
			if p, ok := providerNames[string(b[:n])]; ok {
				return p
			}
			return string(b[:n])
		}
	}
	return string(b)
}

var providerNames = invert(map[string][]string{
	"openai":             {"openai", "openai.chat", "openai.responses", "open_ai"},
	"azure.ai.openai":    {"azure.ai.openai", "az.ai.openai", "azure.openai", "azure", "azure-openai", "azure_openai", "azureopenai"},
	"azure.ai.inference": {"azure.ai.inference", "az.ai.inference", "azure_ai", "azure_ai_foundry", "foundry"},
	"anthropic":          {"anthropic", "claude", "anthropic.messages", "firstparty"},
	"aws.bedrock":        {"aws.bedrock", "aws", "bedrock", "amazon-bedrock", "amazon_bedrock", "aws_bedrock", "bedrock_converse", "aws-bedrock"},
	"gcp.vertex_ai":      {"gcp.vertex_ai", "vertex_ai", "vertexai", "vertex", "google.vertex", "google-vertex", "google_vertexai", "google.vertex.chat", "vertex.anthropic", "google-vertex-anthropic"},
	"gcp.gemini":         {"gcp.gemini", "gemini", "google.generative-ai", "google", "gcp.gen_ai", "google_genai", "google-genai", "google.gemini", "google_ai_studio"},
	"mistral_ai":         {"mistral_ai", "mistral", "mistralai", "mistral-ai"},
	"x_ai":               {"x_ai", "xai", "x-ai"},
	"ibm.watsonx.ai":     {"ibm.watsonx.ai", "ibm.watson.ai", "watsonx"},
	"openrouter":         {"openrouter", "open_router"},
	"deepseek":           {"deepseek"},
	"cohere":             {"cohere", "cohere_chat"},
	"groq":               {"groq"},
	"perplexity":         {"perplexity"},

	// Frameworks and gateways that put themselves where the provider belongs.
	"": {
		"", "langchain", "langgraph", "crewai", "llama_index", "llamaindex", "llama-index", "haystack",
		"strands-agents", "strands", "gcp.vertex.agent", "google_adk", "google-adk", "pydantic_ai", "pydantic-ai", "pydanticai",
		"agno", "claude_agent_sdk", "claude-agent-sdk", "openai_agents", "openai-agents", "smolagents", "agent_framework",
		"microsoft.agent_framework", "semantic_kernel", "autogen", "mastra", "mcp", "dspy", "litellm", "portkey", "gateway",
		"unknown", "none", "null", "_other", "_other_", "traceloop",
	},
})

func invert(canonical map[string][]string) map[string]string {
	names := map[string]string{}
	for p, all := range canonical {
		for _, name := range all {
			names[name] = p
		}
	}
	return names
}

// family is the kind of API behind a call, as far as it decides what its token
// counts mean. Families are bits, so that a table can name several.
type family uint8

const (
	openAIAPI    family = 1 << iota // and the many who speak its protocol
	anthropicAPI                    // Claude, whoever hosts it
	bedrockAPI
	googleAPI
	otherAPI // known to be none of these
	noFamily // neither the provider nor the model tells

	// xAIAPI comes beside openAIAPI, whose protocol it is but for one thing:
	// reasoning is counted beside completion_tokens, and total_tokens holds both
	// (docs.x.ai, consumption and rate limits). Some SDKs add it to the output,
	// most pass the numbers on, and others did so until early 2026: AI SDK
	// (vercel/ai #12425), LangChain (langchain-ai/langchain #34603).
	xAIAPI
)

// familyOf decides by provider first: an OpenAI-shaped gateway answers in
// OpenAI's terms, whatever the model.
func familyOf(provider, model string) family {
	claude := containsFold(model, "claude")
	switch provider {
	case "x_ai":
		return openAIAPI | xAIAPI
	case "openrouter": // counts alike for all whom it serves
		return openAIAPI
	case "openai", "deepseek", "groq", "perplexity":
		return openAIAPI | grok(model)
	case "anthropic":
		return anthropicAPI
	case "aws.bedrock":
		return bedrockAPI
	case "azure.ai.openai", "azure.ai.inference":
		if claude {
			return anthropicAPI
		}
		return openAIAPI | grok(model)
	case "gcp.vertex_ai":
		if claude {
			return anthropicAPI
		}
		return googleAPI
	case "gcp.gemini":
		return googleAPI
	case "":
		return familyOfModel(model, claude)
	}
	return otherAPI
}

// grok is xAIAPI where the model is xAI's: its clients are OpenAI's, which name
// OpenAI whomever they call.
func grok(model string) family {
	if containsFold(model, "grok") {
		return xAIAPI
	}
	return 0
}

// familyOfModel goes by the model's name alone. It must not be wrong, so a
// name with a path in front ("anthropic/claude-…", a gateway's way of writing)
// is left open.
func familyOfModel(model string, claude bool) family {
	for _, vendor := range [...]string{"anthropic.claude", "amazon.nova", "amazon.titan", "meta.llama", "arn:aws:bedrock"} {
		if containsFold(model, vendor) {
			return bedrockAPI
		}
	}
	switch {
	case strings.Contains(model, "/"):
		return noFamily
	case claude:
		return anthropicAPI
	}
	for _, start := range [...]string{"gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-3", "text-embedding-ada"} {
		if strings.HasPrefix(model, start) {
			return openAIAPI
		}
	}
	if strings.HasPrefix(model, "gemini-") {
		return googleAPI
	}
	return noFamily
}

// APIExclusive reports whether a provider's own API counts cached tokens beside
// its input tokens and not within them. The provider is in canonical spelling;
// "" leaves it to the model.
//
// Anthropic's Messages API and Amazon Bedrock's Converse do so; OpenAI, Google
// and all who follow OpenAI do not. Such an API is the only one of which "more
// cached than input" proves anything: of any other it says that the input was
// estimated.
func APIExclusive(provider, model string) bool {
	return familyOf(provider, model).exclusive()
}

// exclusive is [APIExclusive] of a family that is known already.
func (f family) exclusive() bool { return f&(anthropicAPI|bedrockAPI) != 0 }

// APIChargesWrites reports whether this provider charges more for what is
// written to its cache than for other input, so that writes that nobody
// reports are priced too low. OpenAI does from GPT-5.6 on, by the
// cache_write_tokens of its API; a provider that is not known may.
func APIChargesWrites(provider, model string) bool {
	switch f := familyOf(provider, model); f {
	case anthropicAPI, bedrockAPI, noFamily:
		return true
	case openAIAPI:
		version, ok := strings.CutPrefix(model[strings.LastIndexByte(model, '/')+1:], "gpt-")
		major, rest := leadingNumber(version)
		minor, _ := leadingNumber(rest)
		return ok && (major > 5 && major < 30 || major == 5 && minor >= 6)
	}
	return false
}

func containsFold(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(part)], part) {
			return true
		}
	}
	return false
}
