import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.audit import EntryFilter, entries
from app.clock import now_ms
from app.dashboard.exchange import curl
from app.runtime import runtime
from app.usage.bodies import Bodies, Body
from app.usage.capture import Capture
from app.usage.payloads import seal
from app.values import id_text
from tests.unit.usage.records import attempt, end, put, start

HOSTILE = "<script>alert(1)</script>"
KEY = "sk-ant-api03-secretsecret"


def stored(messages: list[object], **changes: object) -> str:
    head = end(now_ms(), attempts=[attempt(1, "quota", 429), attempt(2)], **changes)
    answer = Capture(1 << 20)
    answer.add(json.dumps({"role": "assistant", "content": [{"type": "text", "text": "Größe " + HOSTILE}]}).encode())
    body = json.dumps({"model": "m", "messages": messages}).encode()
    headers = (("content-type", "application/json"), ("x-api-key", KEY))
    blob = seal(runtime().vault, head["id"], headers, body, (("content-type", "application/json"),), answer, 1 << 20)
    put(head, blob=blob)
    return f"/dashboard/requests/{id_text(head['id'])}"


def test_page_tells_who_was_asked_and_what_came_of_it(viewer: FlaskClient) -> None:
    text = viewer.get(stored([], refused=[["home", "paused", None]], session_id="s")).text
    assert text.index("account-1") < text.index("its quota is used up") < text.index("account-2") < text.index("home")
    assert "What was said is shown to admins alone." in text


def test_conversation_is_text_and_every_look_is_noted(admin: FlaskClient) -> None:
    address = stored([{"role": "user", "content": HOSTILE}])
    text = admin.get(f"{address}/conversation").text
    assert text.count("&lt;script&gt;alert(1)") == 2
    assert HOSTILE not in text
    assert "Größe" in text
    assert len(entries(EntryFilter(action="payload.view"), 9)) == 1


@pytest.mark.parametrize("what", ["conversation", "bodies", "block/0/0", "image/0/0"])
def test_what_was_said_is_for_admins_alone(viewer: FlaskClient, what: str) -> None:
    assert viewer.get(f"{stored([])}/{what}").status_code == 403
    assert entries(EntryFilter(action="payload.view"), 9) == ()


def test_long_conversation_comes_in_pieces_from_its_end(admin: FlaskClient) -> None:
    address = stored([{"role": "user", "content": f"turn {at}."} for at in range(90)])
    first = admin.get(f"{address}/conversation", headers={"HX-Request": "true"}).text
    assert "turn 89." in first
    assert "turn 60." not in first
    earlier = admin.get(f"{address}/conversation?before=71", headers={"HX-Request": "true"}).text
    assert "turn 60." in earlier
    assert "System prompt" not in earlier


def test_long_text_is_shown_in_full_on_demand(admin: FlaskClient) -> None:
    address = stored([{"role": "user", "content": "long " * 5000 + "end."}])
    assert "end." not in admin.get(f"{address}/conversation").text
    assert "end." in admin.get(f"{address}/block/0/0").text
    assert admin.get(f"{address}/block/7/0").status_code == 404


@pytest.mark.parametrize("piece", ["conversation?before=1", "block/0/0", "image/0/1"])
def test_piece_is_noted_when_it_is_not_part_of_a_look(admin: FlaskClient, piece: str) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "YWJj"}}
    address = stored([{"role": "user", "content": [{"type": "text", "text": "hello"}, image]}])
    for _ in range(3):
        assert admin.get(f"{address}/{piece}").status_code == 200
    assert len(entries(EntryFilter(action="payload.view"), 9)) == 1
    other = stored([{"role": "user", "content": [{"type": "text", "text": "hello"}, image]}])
    admin.get(f"{other}/conversation")
    admin.get(f"{other}/{piece}")
    assert len(entries(EntryFilter(action="payload.view"), 9)) == 2


def test_bodies_come_without_any_credential(admin: FlaskClient) -> None:
    text = admin.get(f"{stored([{'role': 'user', 'content': f'my key is {KEY}'}])}/bodies").text
    assert KEY not in text
    assert "$ANTHROPIC_API_KEY" in text


def page_of(client: FlaskClient, **changes: Any) -> str:
    head = end(now_ms(), **changes)
    put(head)
    return client.get(f"/dashboard/requests/{id_text(head['id'])}").text


@pytest.mark.parametrize(
    ("outcome", "why"),
    [("client_gone", "the client left"), ("upstream_broke", "the upstream broke off")],
)
def test_answer_without_an_end_says_who_broke_off(viewer: FlaskClient, outcome: str, why: str) -> None:
    text = page_of(viewer, outcome=outcome, is_partial=True, attempts=[attempt()])
    assert f"partial: {why}" in text
    assert f"answered, then {why}" in text
    assert "served</span>" not in text
    assert f'title="{why}:' in viewer.get("/dashboard/requests").text


def test_error_of_the_upstream_is_not_called_complete(viewer: FlaskClient) -> None:
    text = page_of(viewer, status=529, attempts=[attempt(1, "overloaded", 529)])
    assert "<small>the upstream's error was passed on</small>" in text
    assert "<small>complete</small>" not in text


def test_advice_names_a_command_without_backticks(viewer: FlaskClient) -> None:
    text = page_of(viewer, status=502, outcome="refused", attempts=[attempt(1, "upstream", 502)])
    assert "<code>flask ccflare doctor</code>" in text


def test_running_request_tells_only_what_is_known(admin: FlaskClient) -> None:
    head = end(now_ms())
    put(start(head))
    address = f"/dashboard/requests/{id_text(head['id'])}"
    text = admin.get(address).text
    assert "known when it ends" in text
    for claim in ("No account has", ">none<", "0 attempts", "no price is known", "no usage"):
        assert claim not in text
    assert 'id="said"' not in admin.get(address, headers={"HX-Request": "true"}).text
    put(head)
    ended = admin.get(address, headers={"HX-Request": "true"}).text
    assert 'hx-trigger="look' not in ended
    assert 'id="said" hx-swap-oob="true"' in ended


def test_unknown_request_is_not_found(admin: FlaskClient) -> None:
    assert admin.get("/dashboard/requests/nothing").status_code == 404
    assert admin.get(f"/dashboard/requests/{id_text(5)}").status_code == 404


def test_curl_quotes_the_body_and_leaves_out_what_is_not_to_be_sent(app: Flask) -> None:
    headers = (("Authorization", "Bearer x"), ("Host", "h"), ("anthropic-version", "2023-06-01"), ("x-ccflare-a", "b"))
    side = Body(headers, b'{"a": "it\'s"}', "application/json", is_whole=True, dropped_bytes=0)
    line = curl("POST", "http://127.0.0.1/v1/messages", Bodies(side, side))
    assert line is not None
    assert "'anthropic-version: 2023-06-01'" in line
    assert "Bearer" not in line
    assert "ccflare" not in line
    assert """'{"a": "it'"'"'s"}'""" in line
    cut = Body(headers, b"{", "application/json", is_whole=False, dropped_bytes=5)
    assert curl("POST", "http://127.0.0.1/v1/messages", Bodies(cut, side)) is None
