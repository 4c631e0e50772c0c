package journal

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/runrollup/runrollupprocessor/internal/billing"
	"github.com/runrollup/runrollupprocessor/internal/cost"
	"github.com/runrollup/runrollupprocessor/internal/event"
	"github.com/runrollup/runrollupprocessor/internal/genai"
	"github.com/runrollup/runrollupprocessor/internal/money"
	"github.com/runrollup/runrollupprocessor/internal/outcome"
	"github.com/runrollup/runrollupprocessor/internal/ratecard"
	"github.com/runrollup/runrollupprocessor/internal/run"
	"github.com/runrollup/runrollupprocessor/internal/usage"
)

var update = flag.Bool("update", false, "write testdata anew")

// The bytes of each version are in journals out there. Where this test fails, the
// format changed: that is a new version, with a file of its own, and not a
// reason for -update.
func TestGolden(t *testing.T) {
	for v := 1; v <= version; v++ {
		t.Run(fmt.Sprint("version ", v), func(t *testing.T) { testGolden(t, v) })
	}
}

func testGolden(t *testing.T, v int) {
	file := fmt.Sprintf("testdata/v%d.bin", v)
	want := slices.DeleteFunc(golden(), func(r record) bool { return r.kind >= kindsOf[v] })
	if *update && v == version {
		if err := os.WriteFile(file, want.entry(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got records
	if err := Read(stored, &got); err != nil {
		t.Fatal(err)
	}
	if v == 1 { // what is told of what it does not say
		got = slices.DeleteFunc(got, func(r record) bool { return r.kind == kindTaken || r.kind == kindEventTaken })
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("record %d:\n got %+v\nwant %+v", i, got[i], want[i])
		}
	}
	again := got.entry()
	again[0] = byte(v)
	if !bytes.Equal(again, stored) {
		t.Errorf("written again it is\n%x\nnot\n%x", again, stored)
	}
}

// golden is an entry with every kind of record: one run of three spans, the
// event that it was made for, a stray and a review.
func golden() records {
	const (
		tenant, part, eventPart = 1, 0xfeed_beef_0123_4567, 0xc0de_0000_0000_0001
		began                   = 1_763_860_000_123_456_789
	)
	trace := [16]byte{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36}
	other := [16]byte{15: 9}
	key := func(n byte) run.SpanKey { return run.SpanKey{Trace: trace, Span: [8]byte{0xf0, 7: n}} }
	identity := run.Identity{
		run.Event: "ticket-42", run.Workflow: "support", run.Version: "1.4.0", run.Customer: "acme", run.Environment: "production",
		run.Attempt: "2", run.RetryOf: "run-1", run.Region: "eu",
	}
	rates := ratecard.Rates{
		Per: 2, Num: [ratecard.Leaves]int64{5_000_000, 2_500_000, 0, 0, 0, 0, 20_000_000, 20_000_000}, Request: 3,
		Priced: 0b0_1100_0011, Fallback: 0b10,
	}
	long := rates
	long.Num[0] *= 2
	quote := &ratecard.Quote{
		Card: "builtin@12ab", Provider: "openai", Model: "gpt-4o", FirstParty: true, TierUnpriced: true, Rates: rates,
		Context: []ratecard.ContextRates{{Over: 200_000, Rates: long}},
		Fees:    []ratecard.Fee{{Unit: "web_searches_kcount", Num: 10_000_000_000_000, Per: 1000}},
	}
	call := func(id string, in, out int64) *run.Detail {
		return &run.Detail{Quote: quote, Record: &genai.Record{
			Dialect: "otel", Scope: "openai-v2", Version: "2.1b0", Kind: genai.Leaf, Class: genai.Generation, Provider: "openai",
			ServerAddress: "api.openai.com", RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06", ResponseID: id, Tier: "priority",
			Counts: genai.Counts{Input: genai.Of(in), Output: genai.Of(out), CacheRead: genai.Of(0), Total: genai.Of(in + out)},
			Input:  genai.Semantics{Reading: genai.Inclusive, Basis: genai.Proved},
			Output: genai.Semantics{Reading: genai.Exclusive, Basis: genai.Declared},
			Cost:   genai.Cost{Class: genai.GatewayCost, Total: 7_500_000_000, Currency: "EUR"},
			Traits: genai.ResponseBegan | genai.BadCost, APICalls: 1, Bad: genai.BadText,
		}}
	}
	said := outcome.Statement{
		Time: began + 7, Status: "Failure", ValueType: "deflection", Amount: outcome.Amount{N: 12.5, OK: true},
		Confidence: outcome.Amount{OK: true}, Reason: "timeout of the CRM", ErrorType: "TimeoutError",
	}
	claim := &outcome.Claim{
		Attributes: outcome.Statement{Status: "success"}, Metadata: []outcome.Metadata{{Key: "agent", Value: "ünïcode"}},
		Emissions: []outcome.Statement{said, {Time: began + 8}}, Completed: said,
		Cancelled: true, Deadline: began + 60e9, ErrorType: "_OTHER",
	}
	resolved := outcome.Outcome{
		Status: outcome.Failed, StatusRaw: "meh", Source: outcome.FromEmission, Time: began + 7, ValueType: "deflection",
		Amount: outcome.Amount{N: 12.5, OK: true}, Confidence: outcome.Amount{N: 0.1, OK: true}, Reason: "timeout of the CRM",
		ErrorType: "TimeoutError", Metadata: []outcome.Metadata{{Key: "agent", Value: "a"}, {}}, Emissions: 2, Conflict: true, BadStatus: 1,
	}
	tokens := usage.Tokens{
		Input: 1, CacheRead: 20, CacheWrite5m: 300, CacheWrite1h: 4000, InputAudio: 5, CacheReadAudio: 60, Output: 700, Reasoning: 8, OutputAudio: 90,
	}
	digest := [32]byte{0xab, 31: 0xcd}
	root := &run.Detail{
		Claim: claim,
		Root: &run.Root{StartTime: "2025-11-23T01:06:40Z", Copied: []run.Attribute{
			{Key: "team", Value: "red"}, {Key: "beta", Value: false}, {Key: "vip", Value: true}, {Key: "seats", Value: int64(-3)},
			{Key: "share", Value: 0.25},
		}},
		Metered: []cost.Metered{
			{Attribute: "bq.bytes", Quantity: "1024", Amount: 5_000_000, Card: "own@9f"},
			{Attribute: "sms", Quantity: "many", Unread: true, Overflow: true},
		},
	}

	var l records
	add := func(k kind, values ...any) { _ = l.add(k, values...) }
	add(kindTenant, uint64(tenant), [][]string{{"acme", ""}, nil, {}})
	add(kindBegin, uint64(part), uint64(tenant), "run-2", int64(began))
	add(kindFact, uint64(part), run.Fact{
		Key: key(1), Start: began, End: began + 9e9, Flags: run.NoParent | run.NamedRoot | run.Failed | run.NoTimes,
		Identity: identity, Service: "agent", Detail: root,
	})
	add(kindFact, uint64(part), run.Fact{
		Key: key(2), Parent: key(1).Span, Start: began + 1e6, End: began + 2e9, Identity: identity, Service: "agent",
		Detail: call("chatcmpl-1", 1200, 34),
	})
	add(kindFact, uint64(part), run.Fact{
		Key: key(3), Parent: key(1).Span, Start: began + 2e9, End: began + 1e9, Flags: run.Tool, Identity: identity, Service: "crm",
	})
	add(kindFact, uint64(part), run.Fact{
		Key: key(4), Parent: key(3).Span, Identity: run.Identity{}, Detail: call("chatcmpl-2", 0, -1),
	})
	add(kindOutside, uint64(part), run.SpanKey{Trace: other, Span: [8]byte{1}})
	add(kindCaveats, uint64(part), billing.Sampled|billing.UnitFallback)
	add(kindTold, uint64(part), run.RootEnded, run.Told{
		Revision: 3, Anchor: key(1), Status: outcome.Failed, Total: 15_000_000_000, Digest: digest,
		Models: []cost.Model{
			{},
			{Provider: "openai", Name: "gpt-4o-2024-08-06", Account: cost.Account{
				Calls: 2, Errors: 1, Unpriced: 1, Tokens: tokens,
				Parts: cost.Parts{Input: 1, Output: -2, CacheRead: 3, CacheWrite: -4, Metered: 5, Unsplit: 6},
				Total: money.Max, Known: true, Overflow: true,
			}},
		},
	})
	add(kindLetGo, uint64(part), run.Evicted)
	add(kindDrop, uint64(part))
	add(kindStray, uint64(tenant), run.Fact{Key: run.SpanKey{Trace: other, Span: [8]byte{2}}, Parent: [8]byte{1}, Service: "crm"})
	add(kindDecided, uint64(tenant), other)
	add(kindEventBegin, uint64(eventPart), uint64(tenant), event.Key{Customer: "acme", Event: "ticket-42"})
	add(kindMember, uint64(eventPart), event.Member{
		RunID: "run-2", Part: part, Revision: 3, Anchor: key(1), Rooted: true, Identity: identity, Start: began, End: began + 9e9, Outcome: resolved,
		Calls: 2, Unpriced: 1, Tokens: tokens, Total: money.Min, Known: true, Overflow: true, Caveats: billing.UsageMissing,
	})
	add(kindMemberRemoved, uint64(eventPart), "run-1", uint64(7))
	add(kindClaim, uint64(eventPart), run.Fact{
		Key: key(5), Start: began, End: began, Identity: identity, Service: "review", Detail: &run.Detail{Claim: &outcome.Claim{}},
	})
	add(kindEventTold, uint64(eventPart), event.Told{
		Revision: 1, Anchor: key(1), Status: outcome.Success, Total: 15_000_000_000, Digest: digest,
	})
	add(kindEventDrop, uint64(eventPart))
	add(kindTaken, uint64(part), 3)
	add(kindReopened, uint64(part), 3, 4)
	add(kindEventTaken, uint64(eventPart), 1)
	add(kindEventChanged, uint64(eventPart), 1)
	add(kindClean)
	return l
}
