package ratecard

import (
	"strings"
)

// standing is what a provider's name on a span says about who billed the call.
type standing uint8

const (
	nameless  standing = iota // no name, or that of a framework
	named                     // a provider that a card knows
	nameOther                 // a name that no card knows
)

// providerNames maps names on spans to the ids of genai-prices. Names are
// squashed first: see squash. The left side is what semantic conventions,
// SDKs and gateways write; a name is here only if it cannot mean a service
// with prices of its own, so "openai_compatible" is not.
//
// The provider_match rules of genai-prices were rejected: they take any name
// that contains "openai" for OpenAI.
var providerNames = map[string]string{
	"openai": "openai", "openaichat": "openai", "openairesponses": "openai", "openaichatcompletions": "openai", "chatopenai": "openai",
	"anthropic": "anthropic", "chatanthropic": "anthropic", "claude": "anthropic", "firstparty": "anthropic", "anthropicmessages": "anthropic",

	"azure": "azure", "azureopenai": "azure", "azureaiopenai": "azure", "azaiopenai": "azure", "azureopenairesponses": "azure",
	"azureaiinference": "azure", "azaiinference": "azure", "azureai": "azure", "azureaifoundry": "azure", "azurechatopenai": "azure",
	"microsoftazureopenai": "azure", "foundry": "azure", "azurecognitiveservices": "azure",

	"aws": "aws", "awsbedrock": "aws", "bedrock": "aws", "bedrockconverse": "aws", "amazonbedrock": "aws", "amazon": "aws",
	"anthropicbedrock": "aws", "chatbedrock": "aws", "chatbedrockconverse": "aws", "bedrockruntime": "aws",

	"google": "google", "gcp": "google", "gcpgemini": "google", "gcpvertexai": "google", "gcpgenai": "google", "gcpvertexagent": "google",
	"gemini": "google", "googlegemini": "google", "googlegenai": "google", "googleai": "google", "googleaistudio": "google",
	"googlegenerativeai": "google", "googlegla": "google", "googlevertex": "google", "googlevertexai": "google",
	"vertex": "google", "vertexai": "google", "vertexaibeta": "google", "anthropicvertex": "google", "vertexaianthropic": "google",
	"vertexanthropic": "google", "googlevertexanthropic": "google", "googlevertexchat": "google", "vertexaianthropicmodels": "google", "chatvertexai": "google", "chatgooglegenerativeai": "google",

	"cohere": "cohere", "coherechat": "cohere",
	"deepseek": "deepseek", "chatdeepseek": "deepseek",
	"fireworks": "fireworks", "fireworksai": "fireworks",
	"groq": "groq", "chatgroq": "groq",
	"mistral": "mistral", "mistralai": "mistral", "chatmistralai": "mistral",
	"moonshot": "moonshotai", "moonshotai": "moonshotai",
	"openrouter": "openrouter", "openrouterai": "openrouter",
	"perplexity": "perplexity", "perplexityai": "perplexity",
	"together": "together", "togetherai": "together",
	"xai": "x-ai", "chatxai": "x-ai",

	"cerebras": "cerebras", "cerebrasai": "cerebras",
	"cloudflare": "cloudflare", "cloudflareworkersai": "cloudflare", "workersai": "cloudflare",
	"cursor": "cursor", "baseten": "baseten", "avian": "avian", "arcee": "arcee", "arceeai": "arcee",
	"doubleword": "doubleword", "githubcopilot": "github-copilot", "copilot": "github-copilot",
	"minimax": "minimax", "minimaxai": "minimax", "modal": "modal", "novita": "novita", "novitaai": "novita",
	"ovh": "ovhcloud", "ovhcloud": "ovhcloud", "quicksilverpro": "quicksilverpro", "typesafe": "typesafe",
	"ibmwatsonxai": "ibm.watsonx.ai", "ibmwatsonai": "ibm.watsonx.ai", "watsonx": "ibm.watsonx.ai",
	"voyage": "voyageai", "voyageai": "voyageai",
	"zai": "zai", "zhipu": "zhipuai", "zhipuai": "zhipuai", "bigmodel": "zhipuai",
}

// frameworks are names that instrumentations write where a provider belongs.
// They say who made the request, not who billed it, and count as no name.
var frameworks = map[string]bool{
	"": true, "unknown": true, "other": true, "custom": true, "none": true, "null": true,
	"langchain": true, "langgraph": true, "langsmith": true, "llamaindex": true, "litellm": true, "litellmproxy": true,
	"crewai": true, "springai": true, "autogen": true, "ag2": true, "semantickernel": true, "dspy": true, "haystack": true,
	"vercel": true, "vercelai": true, "vercelaisdk": true, "aisdk": true, "pydanticai": true, "agno": true, "smolagents": true,
	"mastra": true, "instructor": true, "openaiagents": true, "strands": true, "strandsagents": true, "googleadk": true,
	"traceloop": true, "openllmetry": true, "openlit": true, "openinference": true, "logfire": true, "langfuse": true,
	"mcp": true, "fastmcp": true, "guardrails": true, "browseruse": true, "claudeagentsdk": true, "langchain4j": true, "genkit": true,
	"microsoftagentframework": true, "agentframework": true, "portkey": true, "helicone": true, "botanu": true,
}

// squash makes one of the spellings of a name: "x_ai", "x-ai" and "X.AI" are
// the same.
func squash(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '_', '-', '.', ' ', '/':
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(s)))
}

// provider is the id under which cards know a name, and what the name says.
// A user's alias comes first, then an id of a card, then the built-in table;
// last, what stands before the first dot, because SDKs append the API they
// called: "openai.responses".
func (c *Card) provider(name string) (id string, _ standing) {
	id, s := c.providerExactly(name)
	if s != nameOther {
		return id, s
	}
	if head, _, ok := strings.Cut(id, "."); ok {
		squashed := squash(head)
		if known, ok := providerNames[squashed]; ok {
			return known, named
		}
		if frameworks[squashed] {
			return "", nameless
		}
	}
	return id, nameOther
}

// providerExactly is provider for the whole name: the prefix of a model such
// as "anthropic.claude-v2:1" is no provider because of how it begins.
func (c *Card) providerExactly(name string) (id string, _ standing) {
	name = strings.ToLower(strings.TrimSpace(name))
	if id, ok := c.providerAliases[name]; ok {
		return id, named
	}
	if c.sells(name) {
		return name, named
	}
	squashed := squash(name)
	if id, ok := providerNames[squashed]; ok {
		return id, named
	}
	if frameworks[squashed] {
		return "", nameless
	}
	return name, nameOther
}

// sells reports whether a card has prices of the provider.
func (c *Card) sells(id string) bool {
	for _, l := range c.layers {
		if l.catalog != nil && l.catalog.byID[id] != nil {
			return true
		}
		for i := range l.rules {
			if id != "" && l.rules[i].provider == id {
				return true
			}
		}
	}
	return false
}

// providerAt is the provider whose API is at an address, such as
// "api.openai.com"; "" where no card knows it.
func (c *Card) providerAt(address string) string {
	address = strings.ToLower(strings.TrimSpace(address))
	if address == "" || len(address) > memoName {
		return ""
	}
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	for _, l := range c.layers {
		if l.catalog == nil {
			continue
		}
		for _, p := range l.catalog.providers {
			if p.api != nil && p.api.MatchString(address) {
				return p.id
			}
		}
	}
	return ""
}

// maker is a provider that sells models of its own making. Only these can be
// meant by a model's bare name: "gpt-4o" is OpenAI's, whoever else sells it.
type maker struct {
	others []string // how the names of those models begin that are others' makes
}

func (m maker) makes(model string) bool {
	for _, o := range m.others {
		if strings.HasPrefix(model, o) {
			return false
		}
	}
	return true
}

var makers = map[string]maker{
	"openai": {}, "anthropic": {}, "mistral": {}, "cohere": {}, "deepseek": {}, "x-ai": {}, "moonshotai": {},
	"minimax": {}, "perplexity": {others: []string{"llama"}}, "voyageai": {}, "zai": {}, "zhipuai": {}, "typesafe": {},
	"google": {others: []string{"claude"}},
	"cursor": {others: []string{"grok"}},
	"arcee":  {others: []string{"deepseek", "moonshotai", "thinkingmachines", "zai-org"}},
}
