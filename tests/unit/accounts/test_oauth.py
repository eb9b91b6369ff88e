"""Log-ins: begun, agreed to at the provider, finished once with what was pasted."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.accounts import oauth, service
from app.accounts.entry import NewAccount
from app.accounts.models import PendingLogin
from app.accounts.oauth import Begun, Credential, LogIns, read_pasted
from app.accounts.overview import AccountView
from app.clock import now_ms
from app.db import reading
from app.errors import CcflareError, Conflict, InvalidInput, NotAllowed, NotFound, UpstreamFailed
from app.values import TokenPair
from tests.fakes.upstream import invalid_grant, status, tokens
from tests.unit.accounts.logins import OPERATOR, Process

MAX = NewAccount("work", "max", priority=7)
CONSOLE = NewAccount("team", "console", priority=3)


class Desk:
    """A person at the desk: begins, agrees on the page, pastes what it shows."""

    def __init__(self, here: Process) -> None:
        self.here = here
        self.log_ins: LogIns = here.run.log_ins

    def begin(self, new: NewAccount = MAX, browser: str | None = None) -> Begun:
        return self.log_ins.begin(new, browser)

    def agree(self, begun: Begun) -> str:
        return self.here.up.authorize(begun.url)

    def finish(self, begun: Begun, pasted: str | None = None, **more: Any) -> AccountView:
        return self.log_ins.finish(begun.session, pasted or self.agree(begun), OPERATOR, **more)


@pytest.fixture
def desk(here: Process) -> Any:
    with here.app.app_context():
        yield Desk(here)


def asked(begun: Begun) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}


def pending_rows() -> list[PendingLogin]:
    with reading() as session:
        return list(session.query(PendingLogin).all())


def test_page_is_asked_with_pkce_and_a_state_that_is_not_the_verifier(desk: Desk) -> None:
    one, other = asked(desk.begin()), asked(desk.begin(NewAccount("other", "max")))
    assert one["code_challenge_method"] == "S256"
    assert len(one["state"]) >= 32
    assert one["state"] != one["code_challenge"]
    assert one["state"] != other["state"]
    assert one["code_challenge"] != other["code_challenge"]


def test_subscription_keeps_the_pair_and_what_was_asked_for(desk: Desk) -> None:
    view = desk.finish(desk.begin())
    assert (view.name, view.mode, view.priority, view.credential) == ("work", "max", 7, "oauth")
    assert view.organization == "someone's Organization"
    desk.here.load()
    assert desk.here.secret() in desk.here.up.live_tokens()["access"]
    assert pending_rows() == []


@pytest.mark.parametrize(
    ("new", "step"),
    [
        pytest.param(CONSOLE, tokens(), id="console"),
        pytest.param(NewAccount("team", "max", priority=3), tokens(without_refresh=True), id="no refresh token"),
    ],
)
def test_log_in_without_lasting_tokens_makes_an_api_key_and_keeps_just_that(
    desk: Desk, new: NewAccount, step: dict[str, Any]
) -> None:
    desk.here.up.script("*", step, on="token")
    view = desk.finish(desk.begin(new))
    assert (view.mode, view.priority, view.credential, view.expires_at) == ("console", 3, "api_key", None)
    desk.here.load()
    assert [desk.here.secret("team")] == desk.here.up.live_tokens()["keys"]
    assert desk.here.row("team").access_token is None


def test_address_of_the_page_may_be_pasted_as_well(desk: Desk) -> None:
    begun = desk.begin()
    code, _, state = desk.agree(begun).partition("#")
    assert desk.finish(begun, f" https://platform.claude.com/oauth/code/callback?code={code}&state={state}\n")


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        pytest.param("", "empty", id="nothing"),
        pytest.param("  #state", "empty", id="no code"),
        pytest.param("only-the-code", "second half", id="no state"),
        pytest.param("code#", "second half", id="empty state"),
        pytest.param("https://x.example/callback?code=abc", "second half", id="address without state"),
        pytest.param("https://x.example/callback?error=access_denied", "access_denied", id="refused on the page"),
        pytest.param("code#st\u00e4te", "no code", id="not ascii"),
        pytest.param("a" * 5000, "no code", id="too long"),
    ],
)
def test_other_things_pasted_are_refused_and_may_be_pasted_again(desk: Desk, pasted: str, said: str) -> None:
    begun = desk.begin()
    with pytest.raises(InvalidInput, match=said):
        desk.log_ins.finish(begun.session, pasted, OPERATOR)
    assert desk.finish(begun)


def test_parts_are_read_without_blanks() -> None:
    assert read_pasted(" a-code # a-state \n") == ("a-code", "a-state")


def test_state_of_another_log_in_is_refused_before_anything_is_sent(desk: Desk) -> None:
    mine, other = desk.begin(), desk.begin(NewAccount("other", "max"))
    with pytest.raises(InvalidInput, match="another log-in"):
        desk.finish(mine, desk.agree(other))
    assert desk.here.token_calls() == []
    assert desk.finish(mine)


def test_log_in_is_finished_once(desk: Desk) -> None:
    begun = desk.begin()
    pasted = desk.agree(begun)
    desk.finish(begun, pasted)
    with pytest.raises(NotFound):
        desk.finish(begun, pasted)


def test_refused_code_ends_the_log_in(desk: Desk) -> None:
    begun = desk.begin()
    pasted = desk.agree(begun)
    desk.here.up.script("*", invalid_grant(), on="token")
    with pytest.raises(InvalidInput, match="invalid_grant"):
        desk.finish(begun, pasted)
    with pytest.raises(Conflict, match="already"):
        desk.finish(begun, pasted)


def test_provider_that_errs_is_named_so(desk: Desk) -> None:
    begun = desk.begin()
    pasted = desk.agree(begun)
    desk.here.up.script("*", status(500), on="token")
    with pytest.raises(UpstreamFailed, match="500"):
        desk.finish(begun, pasted)


def test_code_that_never_left_may_be_tried_again(desk: Desk) -> None:
    begun = desk.begin()
    pasted = desk.agree(begun)
    there = desk.log_ins.endpoints
    changed = {name: getattr(there, name) for name in there.__dataclass_fields__} | {"token_url": "http://127.0.0.1:9/"}
    away = LogIns(desk.log_ins.vault, desk.log_ins.transport, type(there)(**changed))
    with pytest.raises(UpstreamFailed):
        away.finish(begun.session, pasted, OPERATOR)
    assert desk.finish(begun, pasted)


def test_log_in_lives_ten_minutes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = desk.begin()
    pasted = desk.agree(begun)
    assert begun.expires_at - now_ms() == pytest.approx(600_000, abs=5_000)
    monkeypatch.setattr(oauth, "now_ms", lambda: begun.expires_at)
    with pytest.raises(NotFound, match="ten minutes"):
        desk.finish(begun, pasted)
    desk.begin(NewAccount("other", "max"))
    assert [row.name for row in pending_rows()] == ["other"]


def test_browser_that_began_is_the_one_that_finishes(desk: Desk) -> None:
    begun = desk.begin(browser="mine")
    pasted = desk.agree(begun)
    for browser in ("theirs", None):
        with pytest.raises(NotAllowed):
            desk.finish(begun, pasted, browser=browser)
    assert desk.finish(begun, pasted, browser="mine")


def test_log_in_is_finished_under_the_name_that_began_it(desk: Desk) -> None:
    begun = desk.begin()
    with pytest.raises(InvalidInput, match="work"):
        desk.finish(begun, name="other")


@pytest.mark.parametrize(
    ("begin", "error"),
    [
        pytest.param(lambda desk: desk.begin(NewAccount("there", "max")), Conflict, id="name taken"),
        pytest.param(lambda desk: desk.begin(NewAccount("", "max")), InvalidInput, id="no name"),
        pytest.param(lambda desk: desk.begin(NewAccount("x", "zai")), InvalidInput, id="mode of a key"),
        pytest.param(lambda desk: desk.begin(NewAccount("x", "max", priority=101)), InvalidInput, id="priority"),
        pytest.param(lambda desk: desk.log_ins.begin_again("nobody"), NotFound, id="unknown account"),
    ],
)
def test_log_in_that_could_not_end_well_is_not_begun(
    desk: Desk, begin: Callable[[Desk], Begun], error: type[CcflareError]
) -> None:
    desk.here.add("there")
    with pytest.raises(error):
        begin(desk)
    assert pending_rows() == []


def test_new_log_in_keeps_place_and_history_and_lifts_what_hung_on_the_old_one(desk: Desk) -> None:
    here = desk.here
    here.add()
    here.set(
        priority=9,
        request_count=42,
        needs_reauth_at=5,
        refresh_error="dead",
        refresh_failures=3,
        refresh_retry_at=1 << 50,
        cooldown_until=1 << 50,
        cooldown_reason="auth",
        paused_at=6,
        paused_by="someone",
        lease_owner="a",
        lease_until=1 << 50,
    )
    before = here.row()
    view = desk.finish(desk.log_ins.begin_again("work"))
    row = here.row()
    assert (row.id, row.priority, row.request_count, row.paused_by) == (before.id, 9, 42, "someone")
    assert (row.needs_reauth_at, row.refresh_error, row.refresh_retry_at, row.cooldown_until) == (None,) * 4
    assert (row.lease_owner, row.secret_generation) == (None, before.secret_generation + 1)
    assert view.health.state == "paused"
    here.load()
    assert here.secret() in here.up.live_tokens()["access"]


def test_new_log_in_leaves_a_limit_alone(desk: Desk) -> None:
    desk.here.add()
    desk.here.set(cooldown_until=1 << 50, cooldown_reason="quota")
    desk.finish(desk.log_ins.begin_again("work"))
    assert desk.here.row().cooldown_until == 1 << 50


def test_key_account_logs_in_again_to_a_new_key(desk: Desk) -> None:
    service.add(desk.here.run.vault, NewAccount("team", "console", "sk-ant-api03-old"), OPERATOR)
    desk.finish(desk.log_ins.begin_again("team"))
    desk.here.load()
    assert [desk.here.secret("team")] == desk.here.up.live_tokens()["keys"]


def test_key_account_takes_no_tokens(desk: Desk) -> None:
    vault = desk.here.run.vault
    view = service.add(vault, NewAccount("team", "console", "sk-ant-api03-old"), OPERATOR)
    with pytest.raises(InvalidInput, match="tokens"):
        oauth.renew(vault, view.id, Credential(TokenPair("at", "rt", None)), OPERATOR)
    assert service.view(vault, view.id).credential == "api_key"


def test_secrets_of_a_pending_log_in_lie_sealed(desk: Desk) -> None:
    begun = desk.begin()
    (row,) = pending_rows()
    assert asked(begun)["state"].encode() not in row.secrets
    assert row.secrets.startswith(b"v1:")
