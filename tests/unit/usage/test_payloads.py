"""The stored form of headers and bodies: comes back as it was, without credentials, for its own request only."""

import pytest

from app.usage.capture import Capture
from app.usage.payloads import open_payload, redact_headers, seal
from app.values import Headers
from app.vault import Vault, VaultError, keyring, new_key

REQUEST: Headers = (("X-Api-Key", "canary-1"), ("authorization", "Bearer canary-2"), ("accept", "*/*"), ("X-Odd", "é"))
ANSWER: Headers = (("Set-Cookie", "canary-3"), ("set-cookie", "canary-4"), ("request-id", "req_1"))


@pytest.fixture(scope="module")
def vault() -> Vault:
    return keyring(new_key())


def sealed(vault: Vault, *, limit: int = 1000, body: bytes = b'{"a":1}', answer: bytes = b"data: x\n\n" * 9) -> bytes:
    """Return the stored form of a request with number 7."""
    capture = Capture(limit)
    capture.add(answer)
    return seal(vault, 7, REQUEST, body, ANSWER, capture, limit)


def test_payload_comes_back_as_it_was(vault: Vault) -> None:
    kept = open_payload(vault, 7, sealed(vault))
    assert (kept.request_body, kept.answer_body) == (b'{"a":1}', b"data: x\n\n" * 9)
    assert (kept.request_dropped, kept.answer_dropped) == (0, 0)
    assert kept.request_headers[2:] == REQUEST[2:]
    assert kept.answer_headers[2:] == ANSWER[2:]


def test_bodies_above_the_limit_keep_their_beginning(vault: Vault) -> None:
    kept = open_payload(vault, 7, sealed(vault, limit=10, body=b"x" * 25, answer=b"y" * 12))
    assert (kept.request_body, kept.request_dropped) == (b"x" * 10, 15)
    assert (kept.answer_body, kept.answer_dropped) == (b"y" * 10, 2)


def test_empty_bodies_stay_empty(vault: Vault) -> None:
    kept = open_payload(vault, 7, sealed(vault, body=b"", answer=b""))
    assert (kept.request_body, kept.answer_body) == (b"", b"")


@pytest.mark.parametrize(
    "name",
    ["authorization", "Proxy-Authorization", "X-API-KEY", "api-key", "Cookie", "set-cookie", "x-goog-api-key"],
)
def test_credentials_are_redacted_by_the_name_of_their_field(name: str) -> None:
    assert redact_headers(((name, "canary"), ("x", "kept"))) == [(name, "[redacted]"), ("x", "kept")]


def test_no_credential_is_in_the_opened_payload(vault: Vault) -> None:
    assert "canary" not in repr(open_payload(vault, 7, sealed(vault)))


def test_payload_opens_for_its_own_request_only(vault: Vault) -> None:
    with pytest.raises(VaultError):
        open_payload(vault, 8, sealed(vault))


def test_stored_form_shows_nothing(vault: Vault) -> None:
    assert b"data:" not in sealed(vault)
    assert sealed(vault) != sealed(vault)


def test_headers_are_stored_without_keys_and_to_a_bounded_length() -> None:
    given = (("x-auth-token", "ccf_deadbeef_secret"), ("x-note", "sk-ant-api03-secret"), ("x-long", "y" * 20_000))
    stored = dict(redact_headers(given))
    assert "secret" not in stored["x-auth-token"] + stored["x-note"]
    assert len(stored["x-long"]) < 5000
