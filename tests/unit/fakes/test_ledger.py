"""Scripts, points and records."""

from tests.fakes.ledger import Entry, Gates, Ledger, Scripts
from tests.fakes.wire import parse_head

HEAD = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"


def entry(ledger: Ledger, credential: str = "a", body: bytes = b"") -> Entry:
    request = parse_head(HEAD, 0)
    request.body = body
    return ledger.open(1, request, credential)


def test_credential_goes_before_star_and_path_before_group() -> None:
    scripts = Scripts()
    for where, credential in (("v1", "*"), ("v1", "a"), ("/p", "*"), ("/p", "a")):
        scripts.add(where, credential, [{"is": f"{where} {credential}"}], forever=False)
    taken = [scripts.take("/p", "v1", "a").get("is") for _ in range(5)]
    assert taken == ["/p a", "/p *", "v1 a", "v1 *", None]


def test_last_step_stays_when_it_is_for_ever() -> None:
    scripts = Scripts()
    scripts.add("v1", "a", [{"n": 1}, {"n": 2}], forever=True)
    assert [scripts.take("/p", "v1", "a")["n"] for _ in range(4)] == [1, 2, 2, 2]


def test_peek_takes_nothing() -> None:
    scripts = Scripts()
    scripts.add("v1", "*", [{"n": 1}], forever=False)
    assert scripts.peek("/p", "v1", None) == scripts.take("/p", "v1", None) == {"n": 1}
    assert scripts.peek("/p", "v1", None) is None


def test_oldest_requests_are_dropped_above_the_limit() -> None:
    ledger = Ledger(keep_bytes=1000)
    for _ in range(5):
        ledger.close(entry(ledger, body=b"x" * 400))
    assert [kept.number for kept in ledger.entries] == [4, 5]
    assert ledger.counts["request"] == 5


def test_entries_are_found_by_credential_and_path() -> None:
    ledger = Ledger()
    mine, _ = entry(ledger, "a"), entry(ledger, "b")
    assert ledger.matching("a", None) == ledger.matching("a", "/v1/models") == [mine]
    assert ledger.matching("a", "/v1/messages") == []


def test_gate_reached_after_its_release_is_open() -> None:
    ledger = Ledger()
    gates = Gates(ledger)
    gates.release("g")
    assert gates.reach("g", entry(ledger)).is_set()
    assert ledger.counts["held:g"] == 1
