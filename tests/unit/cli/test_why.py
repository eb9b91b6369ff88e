"""The command that tells why a request went where it went."""

from typing import Any, get_args

import pytest

from app.cli import why
from app.clock import now_ms
from app.usage.cache_losses import Cause
from app.usage.recorder import refused_rows
from app.values import Ineligible, Outcome, Reason, id_text
from tests.unit.cli.conftest import Run
from tests.unit.usage.records import end, put, start

pytestmark = pytest.mark.usefixtures("app")

HOUR_MS = 3_600_000


def recorded(**changes: Any) -> str:
    """Store a request and return its public id."""
    head = end(now_ms(), **changes)
    put(head)
    return id_text(head["id"])


def attempt(name: str, reason: str, status: int | None, **more: Any) -> dict[str, Any]:
    at = now_ms()
    return {
        "account_id": 1, "account_name": name, "status": status, "reason": reason, "detail": None,
        "started_at": at, "ended_at": at + 5, "cooldown_until": None,
    } | more  # fmt: skip


def test_every_attempt_is_told_with_its_reason_and_cool_down(run: Run) -> None:
    until = now_ms() + HOUR_MS
    request = recorded(
        attempts=[
            attempt("work", "quota", 429, detail="This request would exceed your limit.", cooldown_until=until),
            attempt("spare", "served", 200),
        ],
        account_name="spare",
    )
    told = run("why", request).out
    assert "work came first: it holds the session (strategy session)." in told
    first, second = (line.strip() for line in told.splitlines() if line.strip()[:2] in ("1.", "2."))
    assert "429, its quota is used up (quota). It said: This request would exceed your limit." in first
    assert "The account rests until " in first
    assert first.endswith(("(in 59 min).", "(in 1 h)."))
    assert second.endswith("200, served.")
    assert "spare served it as claude-sonnet-4-5." in told


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("client_gone", "; partial, as the client left."),
        ("upstream_broke", "; partial, as the upstream broke off."),
        ("cut_by_shutdown", "; partial, as the server stopped."),
        ("complete", "; partial, as the answer has no end."),
    ],
)
def test_partial_tokens_are_told_with_who_is_to_blame(run: Run, outcome: str, words: str) -> None:
    told = run("why", recorded(outcome=outcome, is_partial=True)).out
    assert any(line.strip().startswith("Tokens: ") and line.endswith(words) for line in told.splitlines())


def test_accounts_that_were_not_asked_are_told_with_the_reason(run: Run) -> None:
    until = now_ms() + HOUR_MS
    out = (Ineligible(2, "full", "exhausted (5h)", until), Ineligible(3, "off", "paused (rests)"))
    lines = run("why", recorded(refused=refused_rows(out))).out.splitlines()
    at = lines.index("Who was not asked")
    assert lines[at + 1].startswith("  full: exhausted (5h), until ")
    assert lines[at + 2] == "  off: paused (rests)."


def test_lost_cache_is_told_with_its_cause_and_its_price(run: Run) -> None:
    first = recorded(session_id="s", account_id=1, tokens=[10, 5, 0, 50_000, 0, 0])
    second = recorded(session_id="s", account_id=2, account_name="spare", tokens=[10, 5, 0, 50_000, 0, 0])
    told = run("why", second).out
    assert f"50,000 tokens that {first} left in the cache" in told
    assert "the account changed, and a cache belongs to one account (from work to spare)" in told
    assert "Writing them again cost about $0.1725 more." in told
    kept = recorded(session_id="s", account_id=2, tokens=[10, 5, 50_000, 0, 0, 0])
    assert "Nothing that its session had in the cache was lost." in run("why", kept).out


def test_what_a_translation_could_not_carry_is_listed(run: Run) -> None:
    told = run("why", recorded(losses=["top_k has no counterpart"])).out
    assert "What a translation could not carry\n  top_k has no counterpart" in told


def test_failure_is_told_with_what_to_do(run: Run) -> None:
    told = run("why", recorded(outcome="refused", status=503, error="no account", account_name=None)).out
    assert "It was refused here" in told
    assert "The error: no account" in told
    assert "What to do: No account could take it" in told


def test_running_request_is_no_failure(run: Run) -> None:
    head = end(now_ms())
    put(start(head))
    told = run("why", id_text(head["id"])).out
    assert "No account has been asked yet." in told
    assert "It is still running." in told
    assert "cost" not in told


def test_upstream_s_id_names_the_request_too(run: Run) -> None:
    ours = recorded(upstream_request_id="req_011CSomethingOfTheUpstream")
    assert run("why", "req_011CSomethingOfTheUpstream", "--json").json["request"]["public_id"] == ours


def test_programs_get_the_detail_and_the_story(run: Run) -> None:
    request = recorded(attempts=[attempt("work", "served", 200)])
    found = run("why", request, "--json").json
    assert found["attempts"][0]["reason"] == "served"
    assert found["attempts"][0]["started_at_iso"].endswith("Z")
    assert found["story"][0] == "work came first: it holds the session (strategy session)."
    assert all(line in run("why", request).out for line in found["story"] if "after the start" not in line)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("req_0000000000000", id="unknown"),
        pytest.param("req_short", id="malformed"),
        pytest.param("", id="empty"),
        pytest.param("\x1b[31mred", id="unprintable"),
        pytest.param("x" * 5000, id="long"),
        pytest.param("--", id="dashes"),
    ],
)
def test_id_that_names_nothing_is_one_clear_line(run: Run, name: str) -> None:
    ran = run("why", "--", name)
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("Error: ")
    assert ran.err.count("\n") == 1
    assert "\x1b" not in ran.err
    assert len(ran.err) < 250
    assert run("why", "--json", "--", name).json_error["error"]


def test_error_text_is_not_searched_for_a_request(run: Run) -> None:
    recorded(error="overloaded", status=529)
    assert run("why", "overloaded").status == 1


def test_request_must_be_named(run: Run) -> None:
    assert run("why").status == 2


@pytest.mark.parametrize(
    ("words", "named"),
    [
        pytest.param(why.REASONS, get_args(Reason), id="reasons"),
        pytest.param(why.CAUSES, get_args(Cause), id="causes"),
        pytest.param(why.OUTCOMES, ("running", *get_args(Outcome)), id="outcomes"),
    ],
)
def test_everything_that_is_recorded_has_words(words: dict[str, str], named: tuple[str, ...]) -> None:
    assert set(words) == set(named)
