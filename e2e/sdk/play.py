"""Plays a fixed list of scenarios with the botanu SDK, each under an event ID
of its own, and exports them to OTEL_EXPORTER_OTLP_ENDPOINT.

expect.json says what a run summary of each must state. The old decorators
(botanu_workflow, run_botanu) and the newer botanu.event are played alike.

    python play.py              all scenarios, in this process and children of it
    python play.py GROUP ...    only the named groups: lean, full
    python play.py NAME ...     only the named scenarios
"""

import asyncio
import json
import os
import subprocess
import sys
import time
import warnings

import botanu
from botanu.models.run_context import RunContext, RunStatus
from botanu.tracking.data import (
    set_data_metrics,
    set_warehouse_metrics,
    track_db_operation,
    track_messaging_operation,
    track_storage_operation,
)
from botanu.tracking.llm import (
    ModelOperation,
    llm_instrumented,
    set_llm_attributes,
    track_llm_call,
    track_tool_call,
)
from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context, attach, detach

warnings.simplefilter("ignore", DeprecationWarning)

OLD = hasattr(botanu, "botanu_workflow")
CUSTOMER = "acme-corp"


# ── one spelling for both APIs ───────────────────────────────────────────


def workflow(name, event=None, customer=CUSTOMER, **kw):
    """Decorates a function as a run."""
    if OLD:
        return botanu.botanu_workflow(name, event_id=event or name, customer_id=customer, **kw)
    return botanu.event(workflow=name, event_id=event or name, customer_id=customer, **kw)


def block(name, event=None, customer=CUSTOMER, **kw):
    """A run as a context manager."""
    if OLD:
        return botanu.run_botanu(name, event_id=event or name, customer_id=customer, **kw)
    return botanu.event(workflow=name, event_id=event or name, customer_id=customer, **kw)


def emit(status, **kw):
    if OLD:
        botanu.emit_outcome(status, **kw)
    else:
        botanu.emit_outcome(**kw)


def call(vendor="openai", model="gpt-4o-mini", input_tokens=1000, output_tokens=100, **tokens):
    """One tracked LLM call."""
    with track_llm_call(vendor=vendor, model=model) as tracker:
        tracker.set_tokens(input_tokens=input_tokens, output_tokens=output_tokens, **tokens)


SCENARIOS = {}  # name: (groups, function)


def scenario(name, groups=("lean",), only=None):
    """Registers a scenario under the name that is its event ID."""

    def register(func):
        if only is None or only == ("old" if OLD else "new"):
            SCENARIOS[name] = (groups, func)
        return func

    return register


# ── outcomes ─────────────────────────────────────────────────────────────


def returning(name, *emissions, **kw):
    """A run that makes one call, emits, and returns."""

    @scenario(name)
    def play():
        @workflow(name, **kw)
        def work():
            call()
            for status, fields in emissions:
                emit(status, **fields)

        work()


returning("auto-success")
returning("emit-success", ("success", {}))
returning("emit-value", ("success", {"value_type": "orders_fulfilled", "value_amount": 1}))
returning("emit-revenue", ("success", {"value_type": "revenue_generated", "value_amount": 499.99}))
returning(
    "emit-partial",
    ("partial", {"value_type": "items_processed", "value_amount": 3, "reason": "processed_3_of_5"}),
)
returning("emit-failed-returns", ("failed", {"reason": "not_found", "error_type": "NotFound"}))
returning("emit-canceled", ("canceled", {"reason": "user_aborted"}))
returning("emit-abandoned", ("abandoned", {"reason": "no_response"}))
returning(
    "emit-confidence",
    ("success", {"value_type": "classifications_completed", "value_amount": 1, "confidence": 0.92}),
)
returning(
    "emit-metadata",
    (
        "success",
        {
            "value_type": "items_processed",
            "value_amount": 10,
            "metadata": {"batch_id": "abc-123", "retry_count": 2},
        },
    ),
)
returning("emit-twice", ("success", {}), ("failed", {"reason": "second_thoughts"}))
returning(
    "emit-value-twice",
    ("success", {"value_type": "item_processed", "value_amount": 1}),
    ("success", {"value_type": "item_processed", "value_amount": 2}),
)
returning("auto-outcome-off", auto_outcome_on_success=False)
returning("auto-outcome-off-emits", ("success", {}), auto_outcome_on_success=False)


def raising(name, error, *emissions):
    """A run that makes one call, emits, and raises."""

    @scenario(name)
    def play():
        @workflow(name)
        def work():
            call()
            for status, fields in emissions:
                emit(status, **fields)
            raise error

        try:
            work()
        except type(error):
            pass


class RateLimitError(Exception):
    pass


raising("exception", ValueError("bad input"))
raising(
    "emit-failed-raises",
    RateLimitError("slow down"),
    ("failed", {"reason": "rate_limit_exceeded", "error_type": "RateLimitError"}),
)
raising(
    "emit-timeout-raises",
    TimeoutError("too long"),
    ("timeout", {"reason": "analysis_timeout", "error_type": "TimeoutError"}),
)
raising("emit-success-raises", ValueError("after the work"), ("success", {"value_type": "x", "value_amount": 1}))


@scenario("emit-run-status", only="old")
def _():
    @workflow("emit-run-status")
    def work():
        botanu.emit_outcome(RunStatus.SUCCESS, value_type="task_completed", value_amount=1.0, confidence=0.95)

    work()


@scenario("emit-run-status-failure", only="old")
def _():
    @workflow("emit-run-status-failure")
    def work():
        botanu.emit_outcome(RunStatus.FAILURE, reason="documented constant")

    try:
        work()
    except ValueError:
        pass


@scenario("emit-in-call")
def _():
    @workflow("emit-in-call")
    def work():
        with track_llm_call(vendor="openai", model="gpt-4o-mini") as tracker:
            tracker.set_tokens(input_tokens=1000, output_tokens=100)
            emit("partial", value_type="drafts_written", value_amount=1, reason="inside_the_call")

    work()


@scenario("outcome-decorator", only="old")
def _():
    from botanu.sdk import botanu_outcome  # the documented `from botanu import` fails

    @botanu_outcome(success="data_extracted", failed="extraction_failed")
    def extract():
        call()

    @workflow("outcome-decorator")
    def work():
        extract()

    work()


@scenario("outcome-decorator-fails", only="old")
def _():
    from botanu.sdk import botanu_outcome

    @botanu_outcome()
    def extract():
        raise KeyError("column")

    @workflow("outcome-decorator-fails")
    def work():
        try:
            extract()
        except KeyError:
            pass

    work()


@scenario("context-manager")
def _():
    with block("context-manager"):
        call()
        emit("success", value_type="items_processed", value_amount=2)


@scenario("context-manager-raises")
def _():
    try:
        with block("context-manager-raises"):
            call()
            raise ValueError("bad input")
    except ValueError:
        pass


@scenario("async-gather")
def _():
    async def one():
        with track_llm_call(vendor="openai", model="gpt-4o-mini") as tracker:
            await asyncio.sleep(0.01)
            tracker.set_tokens(input_tokens=1000, output_tokens=100)

    @workflow("async-gather")
    async def work():
        await asyncio.gather(one(), one())
        emit("success", value_type="items_processed", value_amount=2)

    asyncio.run(work())


@scenario("async-context-manager", only="new")
def _():
    async def work():
        async with block("async-context-manager"):
            call()

    asyncio.run(work())


@scenario("async-cancelled")
def _():
    @workflow("async-cancelled")
    async def work():
        call()
        await asyncio.sleep(60)

    async def main():
        task = asyncio.create_task(work())
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


@scenario("async-block-cancelled")
def _():
    async def work():
        with block("async-block-cancelled"):
            call()
            await asyncio.sleep(60)

    async def main():
        task = asyncio.create_task(work())
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


@scenario("exit-then-next")
def _():
    @workflow("exit-then-next")
    def work(leave):
        call()
        if leave:
            sys.exit(0)

    try:
        work(True)
    except SystemExit:
        pass
    work(False)


# ── cancellation and deadlines ───────────────────────────────────────────


@scenario("cancel-request")
def _():
    with block("cancel-request") as run:
        call()
        run.request_cancellation(reason="user")


@scenario("complete-in-block")
def _():
    with block("complete-in-block", auto_outcome_on_success=False) as run:
        call()
        run.complete(RunStatus.PARTIAL, value_type="items_processed", value_amount=3)


class manual:
    """A run made by hand of a RunContext, as the documentation has it:
    to_span_attributes on a span, to_baggage_dict into the baggage."""

    def __init__(self, run, at_end=False):
        self.run, self.at_end = run, at_end

    def __enter__(self):
        tracer = trace.get_tracer("app")
        self.span = tracer.start_span(self.run.workflow)
        self.span.set_attributes(self.run.to_span_attributes())
        context = trace.set_span_in_context(self.span)
        for key, value in self.run.to_baggage_dict().items():
            context = baggage.set_baggage(key, value, context)
        self.token = attach(context)
        return self.run

    def __exit__(self, kind, error, _):
        detach(self.token)
        if error is not None:
            self.span.record_exception(error)
            self.span.set_status(trace.Status(trace.StatusCode.ERROR, str(error)))
        if self.at_end:
            self.span.set_attributes(self.run.to_span_attributes())
        self.span.end()


def created(name, **kw):
    return RunContext.create(workflow=name, event_id=name, customer_id=CUSTOMER, **kw)


@scenario("deadline-passed")
def _():
    with manual(created("deadline-passed", deadline_seconds=0.01)):
        call()
        time.sleep(0.03)


@scenario("deadline-kept")
def _():
    with manual(created("deadline-kept", deadline_seconds=60)):
        call()


@scenario("deadline-raises")
def _():
    try:
        with manual(created("deadline-raises", deadline_seconds=0.01)) as run:
            call()
            time.sleep(0.03)
            if run.is_past_deadline():
                raise TimeoutError("Deadline exceeded")
    except TimeoutError:
        pass


@scenario("cancelled-by-hand")
def _():
    with manual(created("cancelled-by-hand"), at_end=True) as run:
        call()
        run.request_cancellation(reason="user")


@scenario("completed-by-hand")
def _():
    with manual(created("completed-by-hand"), at_end=True) as run:
        call()
        run.complete(
            RunStatus.TIMEOUT,
            reason_code="upstream_slow",
            error_class="DeadlineExceeded",
            value_type="items_processed",
            value_amount=2,
            confidence=0.5,
        )


# ── lineage ──────────────────────────────────────────────────────────────


@scenario("nested")
def _():
    @workflow("nested-inner", event="nested")
    def inner():
        call(input_tokens=2000)
        emit("success", value_type="parts_made", value_amount=2)

    @workflow("nested-outer", event="nested")
    def outer():
        call()
        inner()
        emit("success", value_type="orders_fulfilled", value_amount=1)

    outer()


@scenario("nested-fails")
def _():
    @workflow("nested-fails-inner", event="nested-fails")
    def inner():
        call(input_tokens=2000)
        raise ValueError("inner")

    @workflow("nested-fails-outer", event="nested-fails")
    def outer():
        call()
        try:
            inner()
        except ValueError:
            pass

    outer()


@scenario("nested-three")
def _():
    @workflow("nested-three-c", event="nested-three")
    def c():
        call()

    @workflow("nested-three-b", event="nested-three")
    def b():
        c()

    @workflow("nested-three-a", event="nested-three")
    def a():
        b()

    a()


@scenario("retry-lineage")
def _():
    run = created("retry-lineage")
    for attempt in (1, 2, 3):
        try:
            with manual(run):
                call()
                if attempt < 3:
                    raise RateLimitError("slow down")
                emit("success", value_type="orders_fulfilled", value_amount=1)
            break
        except RateLimitError:
            run = RunContext.create_retry(run)


@scenario("retry-lineage-nested")
def _():
    @workflow("retry-lineage-nested-part", event="retry-lineage-nested")
    def part(fails):
        call()
        if fails:
            raise RateLimitError("slow down")

    run = created("retry-lineage-nested")
    for attempt in (1, 2):
        try:
            with manual(run):
                call()
                part(attempt == 1)
                emit("success", value_type="orders_fulfilled", value_amount=1)
            break
        except RateLimitError:
            run = RunContext.create_retry(run)


@scenario("retry-call-again")
def _():
    """The same decorated function once more: how most programs retry."""

    @workflow("retry-call-again")
    def work(fails):
        call()
        if fails:
            raise RateLimitError("slow down")
        emit("success", value_type="orders_fulfilled", value_amount=1)

    try:
        work(True)
    except RateLimitError:
        work(False)


@scenario("retry-all-fail")
def _():
    @workflow("retry-all-fail")
    def work():
        call()
        raise RateLimitError("slow down")

    for _ in range(2):
        try:
            work()
        except RateLimitError:
            pass


@scenario("retry-tenacity")
def _():
    """Retries of the call within one run: one run, two billed or failed calls."""
    from botanu.integrations.tenacity import botanu_after_all, botanu_before
    from tenacity import retry, stop_after_attempt

    tries = []

    @retry(stop=stop_after_attempt(3), before=botanu_before, after=botanu_after_all)
    def ask():
        with track_llm_call("openai", "gpt-4o-mini") as tracker:
            tries.append(1)
            if len(tries) == 1:
                raise RateLimitError("slow down")
            tracker.set_tokens(input_tokens=1000, output_tokens=100)

    @workflow("retry-tenacity")
    def work():
        ask()

    work()


@scenario("retry-set-attempt")
def _():
    @workflow("retry-set-attempt")
    def work():
        for attempt in (1, 2):
            with track_llm_call("openai", "gpt-4o-mini") as tracker:
                tracker.set_attempt(attempt)
                tracker.set_tokens(input_tokens=1000, output_tokens=100)

    work()


# ── LLM calls ────────────────────────────────────────────────────────────


@scenario("llm-openai")
def _():
    @workflow("llm-openai")
    def work():
        with track_llm_call(vendor="openai", model="gpt-4o-mini", client_request_id="client-1") as tracker:
            tracker.set_tokens(input_tokens=2000, output_tokens=300, cache_read_tokens=1024)
            tracker.set_request_id(vendor_request_id="chatcmpl-1")
            tracker.set_response_model("gpt-4o-mini-2024-07-18")
            tracker.set_finish_reason("stop")

    work()


@scenario("llm-anthropic")
def _():
    @workflow("llm-anthropic")
    def work():
        with track_llm_call(vendor="claude", model="claude-sonnet-4-5") as tracker:
            tracker.set_tokens(input_tokens=50, output_tokens=300, cache_read_tokens=2000, cache_write_tokens=1000)
            tracker.set_request_id(vendor_request_id="msg_1")

    work()


@scenario("llm-cached-tokens")
def _():
    @workflow("llm-cached-tokens")
    def work():
        call(input_tokens=2000, output_tokens=300, cached_tokens=1024)

    work()


@scenario("llm-vendors")
def _():
    """One run a vendor: the names that the SDK makes of them must find a price."""
    for vendor, model in (
        ("azure_openai", "gpt-4o-mini"),
        ("bedrock", "anthropic.claude-3-5-haiku-20241022-v1:0"),
        ("gemini", "gemini-2.5-flash"),
        ("mistralai", "mistral-large-latest"),
        ("groq", "llama-3.3-70b-versatile"),
        ("cohere", "command-r-plus"),
        ("anthropic", "claude-sonnet-4-5"),
    ):
        workflow(f"llm-vendors-{vendor}", event="llm-vendors")(lambda: call(vendor, model))()


@scenario("llm-unknown-model")
def _():
    @workflow("llm-unknown-model")
    def work():
        call()
        call("openai", "no-such-model")

    work()


@scenario("llm-no-tokens")
def _():
    @workflow("llm-no-tokens")
    def work():
        with track_llm_call(vendor="openai", model="gpt-4o-mini"):
            pass

    work()


@scenario("llm-error")
def _():
    @workflow("llm-error")
    def work():
        with track_llm_call(vendor="openai", model="gpt-4o-mini"):
            raise RateLimitError("slow down")

    try:
        work()
    except RateLimitError:
        pass


@scenario("llm-cache-hit")
def _():
    @workflow("llm-cache-hit")
    def work():
        with track_llm_call(vendor="openai", model="gpt-4o-mini") as tracker:
            tracker.set_cache_hit()
            tracker.set_tokens(input_tokens=1000, output_tokens=100)

    work()


@scenario("llm-embeddings-tools")
def _():
    @workflow("llm-embeddings-tools")
    def work():
        with track_llm_call("openai", "text-embedding-3-small", operation=ModelOperation.EMBEDDINGS) as tracker:
            tracker.set_tokens(input_tokens=5000)
        with track_tool_call(tool_name="search", vendor="tavily") as tool:
            tool.set_result(success=True, items_returned=10)
        call()

    work()


@scenario("llm-on-root")
def _():
    """set_llm_attributes writes on the current span, which is the run's."""

    @workflow("llm-on-root")
    def work():
        set_llm_attributes("openai", "gpt-4o-mini", input_tokens=1000, output_tokens=100)

    work()


@scenario("llm-on-root-and-below")
def _():
    """The same, with a tracked call beneath: two calls were made."""

    @workflow("llm-on-root-and-below")
    def work():
        set_llm_attributes("openai", "gpt-4o-mini", input_tokens=1000, output_tokens=100)
        call("anthropic", "claude-sonnet-4-5", input_tokens=500, output_tokens=50)

    work()


@scenario("llm-instrumented")
def _():
    class Usage:
        prompt_tokens, completion_tokens = 1000, 100

    class Response:
        usage = Usage()

    @llm_instrumented("openai")
    def create(model):
        return Response()

    @workflow("llm-instrumented")
    def work():
        create(model="gpt-4o-mini")

    work()


# ── other metered work ───────────────────────────────────────────────────


@scenario("data")
def _():
    @workflow("data")
    def work():
        with track_db_operation(system="snowflake", operation="SELECT") as db:
            db.set_query_id("01abc-def")
            db.set_bytes_scanned(2_000_000_000)
            db.set_result(rows_returned=100)
        with track_storage_operation(system="aws_s3", operation="PUT") as storage:
            storage.set_bucket("processed-data")
            storage.set_result(objects_count=1, bytes_written=3_000_000_000)
        with track_messaging_operation(system="aws_sqs", operation="publish", destination="done") as msg:
            msg.set_result(message_count=500_000, bytes_transferred=1000)
        with track_db_operation(system="pg", operation="INSERT") as db:
            db.set_result(rows_affected=5)
        call()

    work()


@scenario("data-helpers")
def _():
    @workflow("data-helpers")
    def work():
        set_warehouse_metrics(query_id="01abc", bytes_scanned=2_000_000_000, rows_returned=1000, partitions_scanned=5)
        set_data_metrics(rows_returned=100, bytes_written=2048)

    work()


# ── identity ─────────────────────────────────────────────────────────────


@scenario("identity", groups=("lean", "full"))
def _():
    name = "identity" if MODE == "lean" else "full-identity"

    @workflow(name, environment="staging", tenant_id="tenant-7")
    def work():
        botanu.set_business_context(team="support", cost_center="cc-42", region="eu-west-1")
        call()

    work()


@scenario("identity-callable")
def _():
    @workflow("identity-callable", event=lambda ticket, **_: ticket, customer=lambda ticket, customer: customer)
    def work(ticket, customer):
        call()

    work("identity-callable", customer="callable-customer")


@scenario("customer-differs")
def _():
    """The customer is set anew within: a conflict."""

    @workflow("customer-differs")
    def work():
        call()
        botanu.set_business_context(customer_id="other-corp")

    work()


@scenario("steps", only="new")
def _():
    with block("steps"):
        with botanu.step("retrieval"):
            call()
        with botanu.step("generation"):
            call()


# ── across processes ─────────────────────────────────────────────────────


def child(verb, argument, service="downstream"):
    env = dict(os.environ, OTEL_SERVICE_NAME=service)
    done = subprocess.run([sys.executable, __file__, "--child", verb, json.dumps(argument)], env=env, check=False)
    if verb != "die" and done.returncode != 0:
        raise RuntimeError(f"child {verb} failed")


def served(headers):
    """What an instrumented server does with a request: context from headers."""
    context = propagate.extract(headers, Context())
    token = attach(context)
    try:
        with trace.get_tracer("http").start_as_current_span("POST /orders", kind=trace.SpanKind.SERVER):
            call(input_tokens=3000)
    finally:
        detach(token)


def served_as_run(argument):
    """The same, where the handler is decorated too."""
    token = attach(propagate.extract(argument["headers"], Context()))
    try:

        @workflow("two-runs-downstream", event=argument["event"])
        def handler():
            call(input_tokens=3000)

        with trace.get_tracer("http").start_as_current_span("POST /orders", kind=trace.SpanKind.SERVER):
            handler()
    finally:
        detach(token)


def consumed(message):
    """A queue's consumer, as the documentation has it."""
    run = RunContext.from_baggage(message)
    with block(run.workflow, event=run.event_id, customer=run.customer_id):
        call(input_tokens=3000)


def die(name):
    """A process that is killed within its run, after one export."""

    @workflow(name)
    def work():
        call()
        trace.get_tracer_provider().force_flush()
        os._exit(1)

    work()


@scenario("two-services", groups=("lean", "full"))
def _():
    name = "two-services" if MODE == "lean" else "full-two-services"

    @workflow(name, environment="staging", tenant_id="tenant-7")
    def work():
        call()
        headers = {}
        propagate.inject(headers)
        child("serve", headers)

    work()


@scenario("two-runs", groups=("lean", "full"))
def _():
    name = "two-runs" if MODE == "lean" else "full-two-runs"

    @workflow(name, environment="staging", tenant_id="tenant-7")
    def work():
        call()
        headers = {}
        propagate.inject(headers)
        child("serve-run", {"headers": headers, "event": name})

    work()


@scenario("queue-headers")
def _():
    """A queue that carries the baggage but starts a new trace."""

    @workflow("queue-headers")
    def work():
        call()
        headers = {}
        propagate.inject(headers)
        child("serve", {"baggage": headers["baggage"]}, service="consumer")

    work()


@scenario("queue-documented")
def _():
    @workflow("queue-documented")
    def work():
        call()
        keys = ("run_id", "workflow", "event_id", "customer_id")
        child("consume", {f"botanu.{k}": botanu.get_baggage(f"botanu.{k}") for k in keys}, service="consumer")

    work()


@scenario("retry-across", groups=("lean", "full"))
def _():
    """The second attempt calls another service."""
    name = "retry-across" if MODE == "lean" else "full-retry-across"
    run = created(name)
    try:
        with manual(run):
            call()
            raise RateLimitError("slow down")
    except RateLimitError:
        run = RunContext.create_retry(run)
    with manual(run):
        headers = {}
        propagate.inject(headers)
        child("serve", headers)
        emit("success", value_type="orders_fulfilled", value_amount=1)


@scenario("middleware")
def _():
    """BotanuMiddleware in a web server without anything before it."""
    from botanu.sdk.middleware import BotanuMiddleware

    async def app(scope, receive, send):
        call()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_):
        pass

    async def main():
        scope = {"type": "http", "method": "POST", "path": "/orders", "headers": [], "query_string": b"",
                 "server": ("localhost", 80), "scheme": "http", "http_version": "1.1"}
        with trace.get_tracer("http").start_as_current_span("POST /orders", kind=trace.SpanKind.SERVER):
            await BotanuMiddleware(app, workflow="middleware")(scope, receive, send)

    asyncio.run(main())


@scenario("process-killed")
def _():
    child("die", "process-killed", service="mortal")


def existing(name):
    """A program that had set up OpenTelemetry before it enabled botanu."""

    @workflow(name)
    def work():
        call()

    work()


def set_up_opentelemetry():
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


@scenario("existing-provider")
def _():
    child("existing", "existing-provider", service="brownfield")


def auto_instrumented(_):
    """What enable() alone gives: the OpenAI client and threads instrumented,
    here against a server that bills 1000 tokens in and 100 out a request."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    import openai

    class Server(BaseHTTPRequestHandler):
        count = 0

        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            Server.count += 1
            body = json.dumps({
                "id": f"chatcmpl-{Server.count}", "object": "chat.completion", "created": 1,
                "model": "gpt-4o-mini-2024-07-18",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}],
                "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
            }).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    Thread(target=server.serve_forever, daemon=True).start()
    client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")

    def ask():
        return client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hello"}])

    def tracked(with_id):
        with track_llm_call(vendor="openai", model="gpt-4o-mini") as tracker:
            response = ask()
            tracker.set_tokens(
                input_tokens=response.usage.prompt_tokens, output_tokens=response.usage.completion_tokens
            )
            if with_id:
                tracker.set_request_id(vendor_request_id=response.id)

    def threaded():
        thread = Thread(target=ask)
        thread.start()
        thread.join()

    workflow("auto-client")(ask)()
    workflow("auto-client-tracked")(lambda: tracked(True))()
    workflow("auto-client-tracked-no-id")(lambda: (tracked(False), tracked(False)))()
    workflow("auto-thread")(threaded)()
    server.shutdown()


@scenario("auto")
def _():
    child("auto", None, service="instrumented")


@scenario("thread")
def _():
    """A thread that nothing instruments starts without the run's context."""
    from threading import Thread

    @workflow("thread")
    def work():
        call()
        thread = Thread(target=call, kwargs={"input_tokens": 7000})
        thread.start()
        thread.join()

    work()


# ── main ─────────────────────────────────────────────────────────────────

MODE = "full" if os.environ.get("BOTANU_PROPAGATION_MODE") == "full" else "lean"
CHILDREN = {"serve": served, "serve-run": served_as_run, "consume": consumed, "die": die, "existing": existing, "auto": auto_instrumented}


def main(arguments):
    if arguments[:2] == ["--child", "existing"]:
        set_up_opentelemetry()
    botanu.enable(auto_instrumentation=arguments[:2] == ["--child", "auto"], log_level="ERROR")
    if arguments[:1] == ["--child"]:
        CHILDREN[arguments[1]](json.loads(arguments[2]))
        return
    groups = [a for a in arguments if a in ("lean", "full")] or (["lean", "full"] if not arguments else [])
    names = [a for a in arguments if a in SCENARIOS]
    if MODE in groups:
        names += [name for name, (of, _) in SCENARIOS.items() if MODE in of]
    for name in names:
        token = attach(Context())  # each starts as a fresh process would
        try:
            SCENARIOS[name][1]()
        finally:
            detach(token)
    if MODE == "lean" and "full" in groups and OLD:  # newer SDKs know one mode only
        env = dict(os.environ, BOTANU_PROPAGATION_MODE="full")
        subprocess.run([sys.executable, __file__, "full"], env=env, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
