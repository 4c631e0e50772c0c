package genai

import "testing"

// TestFailureThatMayHaveBeenBilled tells by the name of an error whether the
// provider may have done the work.
func TestFailureThatMayHaveBeenBilled(t *testing.T) {
	for billed, names := range map[bool][]string{
		true: {
			// A connection that broke, in the words of many.
			"openai.APIConnectionError", "anthropic.APIConnectionError", "requests.exceptions.ConnectionError", "builtins.ConnectionResetError",
			"ECONNRESET", "EPIPE", "ECONNABORTED", "UND_ERR_SOCKET", "java.net.SocketException", "aiohttp.ServerDisconnectedError",
			"http.client.RemoteDisconnected", "botocore.exceptions.ConnectionClosedError", "httpx.RemoteProtocolError", "httpx.ReadError",
			"requests.exceptions.ChunkedEncodingError", "http.client.IncompleteRead", "ERR_STREAM_PREMATURE_CLOSE", "BrokenPipeError",
			"urllib3.exceptions.ProtocolError", "System.IO.IOException", "io.ErrUnexpectedEOF", "socket hang up",
			// Nobody waited for the answer.
			"TimeoutException", "System.TimeoutException", "TimeoutError", "asyncio.TimeoutError", "openai.APITimeoutError", "ETIMEDOUT",
			"APIConnectionTimeoutError", "httpx.ReadTimeout", "httpx.WriteTimeout", "java.net.SocketTimeoutException", "UND_ERR_HEADERS_TIMEOUT",
			"DEADLINE_EXCEEDED", "context.deadlineExceededError", "504", "408", "499", "GatewayTimeout", "timeout",
			"AbortError", "APIUserAbortError", "CancelledError", "System.Threading.Tasks.TaskCanceledException", "KeyboardInterrupt", "499",
			// The program failed over the answer.
			"Connection error.", "net.AVeryLongNameOfWhatAProgramOfMineHasToSayAboutAProviderThatItCalledTimeoutException",
			"builtins.TypeError", "pydantic_core._pydantic_core.ValidationError", "json.decoder.JSONDecodeError", "IncompleteOutputException",
		},
		false: {
			// There was no connection.
			"ECONNREFUSED", "builtins.ConnectionRefusedError", "httpx.ConnectTimeout", "httpx.ConnectError", "httpx.PoolTimeout",
			"UND_ERR_CONNECT_TIMEOUT", "urllib3.exceptions.NewConnectionError", "botocore.exceptions.EndpointConnectionError",
			"aiohttp.ClientConnectorError", "ENOTFOUND", "socket.gaierror", "java.net.UnknownHostException", "EHOSTUNREACH",
			"javax.net.ssl.SSLHandshakeException", "aiohttp.ClientConnectorCertificateError",
			// The provider answered with an error.
			"openai.RateLimitError", "openai.BadRequestError", "openai.AuthenticationError", "openai.InternalServerError", "APIStatusError",
			"400", "401", "429", "500", "502", "503", "529", "overloaded_error", "RESOURCE_EXHAUSTED", "ThrottlingException", "_OTHER", "", "Error",
		},
	} {
		for _, name := range names {
			if isLocalError(name) != billed {
				t.Errorf("%q: %v", name, !billed)
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { isLocalError("openai.InternalServerError") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
