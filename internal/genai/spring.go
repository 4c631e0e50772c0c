package genai

// springAI is Spring AI, by way of Micrometer.
//
// github.com/spring-projects/spring-ai,
// DefaultChatModelObservationConvention.java (every number is a text) and
// AnthropicChatModel.java (Anthropic's own input; the total is input + output).
// Spans of the ChatClient around a call have the operation "framework".
var springAI = Dialect{
	Name:  "spring-ai",
	Doc:   "Spring AI",
	Marks: []string{"spring.ai.kind"},
	Emitters: []emitter{
		{Scope: "org.springframework*", Input: asAPI, SumTotal: true},
		{Input: asAPI, SumTotal: true},
	},
}
