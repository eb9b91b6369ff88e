"""Logging in, refreshing, and the ways in which that goes wrong."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.fakes.raw import RawClient
from tests.fakes.steps import invalid_grant, revoked, rotates_then_cuts, status, tokens, unauthorized

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "code": "true",
    "client_id": "client",
    "response_type": "code",
    "redirect_uri": "https://example.com/callback",
    "scope": "user:inference",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "state": "state-1",
}


def ask(up: Any, **fields: Any) -> tuple[int, Any]:
    with RawClient(up.url) as line:
        line.request("POST", "/v1/oauth/token", [("content-type", "application/json")], json.dumps(fields).encode())
        answer = line.answer()
        return answer.status, json.loads(answer.body)


def redeem(up: Any, **changes: Any) -> tuple[int, Any]:
    code, _, state = up.authorize(f"{up.url}/oauth/authorize?{urlencode(ASKED)}").partition("#")
    fields = {"grant_type": "authorization_code", "code": code, "state": state, "code_verifier": VERIFIER}
    return ask(up, **fields | {"client_id": "client", "redirect_uri": ASKED["redirect_uri"]} | changes)


def refresh(up: Any, token: str) -> tuple[int, Any]:
    return ask(up, grant_type="refresh_token", refresh_token=token, client_id="client")


def test_login_hands_out_a_pair_that_works(up: Any, call: Any) -> None:
    up.be_strict()
    code, pair = redeem(up)
    assert code == 200
    assert pair["expires_in"] == 28_800
    assert call.post(key=pair["access_token"]).status == 200


@pytest.mark.parametrize(
    "change",
    [{"code_verifier": "w" * 43}, {"state": "other"}, {"redirect_uri": "https://x"}, {"client_id": "y"}, {"code": "z"}],
    ids=lambda change: next(iter(change)),
)
def test_login_with_a_wrong_value_is_refused(up: Any, change: dict[str, str]) -> None:
    code, body = redeem(up, **change)
    assert (code, body["error"]) == (400, "invalid_grant")


def test_code_works_once(up: Any) -> None:
    code, _, state = up.authorize(f"{up.url}/oauth/authorize?{urlencode(ASKED)}").partition("#")
    fields = {"grant_type": "authorization_code", "code": code, "state": state, "code_verifier": VERIFIER}
    fields |= {"client_id": "client", "redirect_uri": ASKED["redirect_uri"]}
    assert [ask(up, **fields)[0], ask(up, **fields)[0]] == [200, 400]


def test_authorization_without_pkce_is_refused(up: Any) -> None:
    with pytest.raises(RuntimeError, match="S256"):
        up.authorize(f"{up.url}/oauth/authorize?{urlencode(ASKED | {'code_challenge_method': 'plain'})}")


def test_page_shows_the_code_to_paste(up: Any, call: Any) -> None:
    answer = call.get(f"/oauth/authorize?{urlencode(ASKED)}")
    assert b'<code id="code">' in answer.body
    assert b"#state-1" in answer.body


def test_refresh_rotates_and_the_old_token_is_dead_at_once(up: Any) -> None:
    pair = up.issue_tokens()
    first, fresh = refresh(up, pair["refresh_token"])
    second, body = refresh(up, pair["refresh_token"])
    assert (first, second, body["error"]) == (200, 400, "invalid_grant")
    assert fresh["account"] == pair["account"]
    assert refresh(up, fresh["refresh_token"])[0] == 200


def test_lost_answer_has_rotated_all_the_same(up: Any) -> None:
    pair = up.issue_tokens()
    up.script(pair["refresh_token"], rotates_then_cuts(), on="token")
    with pytest.raises(ConnectionError):
        refresh(up, pair["refresh_token"])
    assert pair["refresh_token"] not in up.live_tokens()["refresh"]
    assert len(up.live_tokens()["refresh"]) == 1


def test_token_endpoint_fails_as_scripted(up: Any) -> None:
    pair = up.issue_tokens()
    up.script("*", [status(500), status(429, retry_after=3), invalid_grant(), tokens(delay_s=0.01)], on="token")
    codes = [refresh(up, pair["refresh_token"])[0] for _ in range(4)]
    assert codes == [500, 429, 400, 200]


def test_token_options_shape_the_pair(up: Any) -> None:
    pair = up.issue_tokens()
    up.script("*", [tokens(rotate=False, expires_in_s=60), tokens(without_refresh=True)], on="token")
    _, kept = refresh(up, pair["refresh_token"])
    assert (kept["refresh_token"], kept["expires_in"]) == (pair["refresh_token"], 60)
    assert "refresh_token" not in refresh(up, pair["refresh_token"])[1]


def test_strict_tokens_refuse_what_is_unknown_expired_or_revoked(up: Any, call: Any) -> None:
    live, old, gone = up.issue_tokens(), up.issue_tokens(expires_in_s=-1), up.issue_tokens()
    up.be_strict()
    up.revoke(gone["access_token"])
    keys = [live["access_token"], old["access_token"], gone["access_token"], "sk-ant-oat01-made-up"]
    assert [call.post(key=key).status for key in keys] == [200, 401, 401, 401]


def test_oauth_needs_its_beta_header(up: Any, call: Any) -> None:
    headers = [pair for pair in call.headers("sk-ant-oat01-x") if pair[0] != "anthropic-beta"]
    with RawClient(up.url) as line:
        line.request("POST", "/v1/messages", headers, call.body())
        answer = line.answer()
    assert answer.status == 401
    assert b"not supported" in answer.body


def test_no_credential_is_401(up: Any, call: Any) -> None:
    with RawClient(up.url) as line:
        line.request("POST", "/v1/messages", [("anthropic-version", "2023-06-01")], call.body())
        assert line.answer().status == 401


def test_created_key_is_let_in(up: Any, call: Any) -> None:
    up.be_strict(keys=["sk-ant-api03-known"])
    pair = up.issue_tokens()
    made = json.loads(call.post(b"", key=pair["access_token"], path="/api/oauth/claude_cli/create_api_key").body)
    keys = [made["raw_key"], "sk-ant-api03-known", "sk-ant-api03-unknown"]
    assert [call.post(key=key).status for key in keys] == [200, 200, 401]


def test_refusals_use_the_words_for_the_kind_of_credential(up: Any, call: Any) -> None:
    up.script("*", [unauthorized(), unauthorized(), revoked()])
    words = [call.post().body, call.post(key="sk-ant-oat01-x").body, call.post(key="sk-ant-oat01-x").body]
    assert [b"x-api-key" in words[0], b"expired" in words[1], b"revoked" in words[2]] == [True] * 3
