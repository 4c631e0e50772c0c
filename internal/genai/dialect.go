package genai

// Dialect is the way one instrumentation, or one convention, writes down a
// request to a model: a table of attribute names, and what is known about the
// emitters that use them. All knowledge of names is in these tables; the code
// that reads them knows none.
//
// To add a dialect: a file with one Dialect, a line in [dialects], a fixture.
type Dialect struct {
	Name string
	Doc  string // who writes it, and where its rules come from

	// Bare says that the counts and texts are too plain ("model",
	// "input_tokens") to be believed on a span that is not known to come from
	// an emitter of this dialect.
	Bare bool

	// How a span of this dialect is recognised, beside the scopes of Emitters.
	Marks      []string // attributes that nothing else writes
	SpanPrefix string   // of the span's name
	IDPrefix   string   // of the response ID, on a span that has one of Costs
	// Borrows are attributes that it writes onto spans of others, once a call
	// and each time over the last. Its own are those of Emitters with a scope,
	// and those of these names, where the scope's name can be configured.
	Borrows  []string
	OwnSpans []string

	// Where the scope has no version: the attribute that tells it, and what
	// stands before it.
	VersionIn, VersionAfter string

	// For each of these the first name that is present and valid counts.
	Counts  map[part][]string
	Texts   map[text][]string
	Finish  []string          // finish reasons, in an array, a string or JSON
	Stream  []string          // whether the response was streamed
	Began   []string          // present once the first token came
	Hit     []string          // true where the application's own cache answered
	Failure map[string]string // attribute to the value that says the call failed

	Kinds    []kindNames
	Blobs    []blob
	Costs    []costNames
	Emitters []emitter
}

// dialects in order of belief. Where a span carries the same usage under the
// names of several dialects, the one its scope belongs to is read, else the
// first here that has a number; the others only fill in what it lacks. Usage
// of two dialects is never added: it is the same usage.
var dialects = []*Dialect{
	&otel,
	&openInference,
	&vercel,
	&openLLMetry,
	&openLIT,
	&pydanticAI,
	&anthropicSDK,
	&claudeCode,
	&liteLLM,
	&liteLLMRaw,
	&openRouter,
	&strands,
	&googleADK,
	&mastra,
	&springAI,
	&microsoft,
	&langSmith,
	&agentOps,
	&mlflow,
	&langfuse,
	&botanu,
	&contrib,
}

// part is one of the numbers that a span can state about tokens.
type part uint8

const (
	input part = iota
	output
	cacheRead
	cacheWrite
	cacheWrite5m
	cacheWrite1h
	reasoning
	inputAudio
	cacheReadAudio
	outputAudio
	total

	// The rest do not come out as counts of their own.

	uncached   // input that no cache took part in: beside the input it proves the reading
	apiInput   // the provider's own input field: the same as uncached where its API is exclusive
	moreInput  // billed input that no emitter has in its input
	moreOutput // billed output that no emitter has in its output
	// Shares of input and output that nothing tells apart later: that there are
	// some is all that is kept of them.
	inputImage
	outputImage
	video
	// Further shares of totals that are written in disjoint parts.
	splitInputAudio
	splitOutput
	splitOutputAudio
	parts
)

// text is one of the strings that a span can state.
type text uint8

const (
	provider text = iota
	requestModel
	responseModel
	responseID
	serverAddress
	tier // the response's first, then the request's
	texts
)

// kindNames tells calls from what wraps them, by the value of one attribute.
type kindNames struct {
	Attr string
	Own  bool // read only on spans that are recognised as this dialect's
	// Values by their lower-case spelling. "*" at an end, or at both, stands for
	// anything.
	Values    map[string]meaning
	Otherwise meaning // of a value that is not listed
}

// meaning is what a kind says about a span.
type meaning uint8

const (
	silent  meaning = iota
	calls           // one request that generates
	embeds          // one request for an embedding
	fetches         // reads a finished response again
	wraps           // repeats what lies beneath it
	tool            // wraps, and is a tool: what lies beneath is the tool's own
	agent           // wraps, and is an agent
)

// blob is an attribute that holds an object: JSON in a string, or a map. Paths
// into it are keys joined by dots.
type blob struct {
	Attr   string
	Leaf   bool // believed on calls alone: wrappers repeat that of their last call
	Spare  bool // holds no usage: not to be complained of
	Counts map[string]part
	Texts  map[string]text
	Costs  map[string]CostClass
}

// costNames is one way to state one cost.
type costNames struct {
	Class    CostClass
	Own      bool     // read only on spans that are recognised as this dialect's
	Total    []string // the first that is present
	Sum      []string // else these together
	Less     string   // what a gateway put on top
	Unless   []string // parts of a margin: where Less is absent and one of these is not 0, the cost is not read
	Plus     string   // a cost beside the total, where PlusIf is present and false
	PlusIf   string
	Currency string
	Source   string // "provider" makes it a provider's cost
}

// emitter is what is known about the spans of an instrumentation scope.
type emitter struct {
	// Scope is exact, or a prefix where it ends in "*". "" stands for every span
	// that is recognised as the dialect's: it comes after all that name a scope.
	Scope       string
	From, Below string // versions, "" for open
	For         family // the APIs it is known for; 0 for any
	Model       string // in the model's name
	Span        string // the span's name
	With        string // an attribute of the span
	When        when

	// The first emitter that matches and states a convention decides it; the
	// traits of all that match add up.
	Input, Output convention
	Traits        Traits
	SumTotal      bool // its total is input + output, computed, and so proves nothing
	OwnTotal      bool // its total is the provider's and holds everything: where it is input + output, input holds the cached tokens
	// Reports says that cached tokens are on the span whenever there were any, so
	// that its silence is a zero. The silence of all others says nothing.
	Reports bool
	// Finishes says that a whole response has its finish reason on the span, so
	// that usage without one is that of a stream that was broken off.
	Finishes bool
}

// when narrows an emitter to some of its spans.
type when uint8

const (
	always when = iota
	streamed
	maybeStreamed // does not say that it was not
	withID
	withoutID
	notResponse // has no ID of OpenAI's Responses API
)

// convention is what an emitter means by a total.
type convention uint8

const (
	unsaid convention = iota
	inclusive
	exclusive
	asAPI           // passes the provider's numbers on as they are
	likelyExclusive // does so as far as its documentation is followed: no more than an assumption
)
