"""The Anthropic wire: what goes up for a client's request."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput, Unavailable, UpstreamFailed
from app.providers import PROVIDERS
from app.values import Candidate, Headers, OAuthEndpoints, ProxyRequest, Secret, folded

OAUTH = Secret("oauth", "sk-ant-oat01-account")
KEY = Secret("api_key", "sk-ant-api03-account")
CLIENT = (("authorization", "Bearer ccf_client"), ("X-Api-Key", "ccf_client"), ("cookie", "a=b"))
ENDPOINTS = OAuthEndpoints(
    "id", "https://a/", "https://c/", "https://t/", "https://r/", "s", "https://k/", "https://u/"
)


def request(
    headers: Headers = (), body: bytes = b'{"model":"claude-opus-4-8", "x": 1}', **changes: object
) -> ProxyRequest:
    asked = ProxyRequest(1, 0, "POST", "/v1/messages?beta=true", "/v1/messages", headers, body, "claude-opus-4-8")
    return dataclasses.replace(asked, **changes)  # type: ignore[arg-type]


def account(mode: str = "console", **changes: object) -> Candidate:
    return dataclasses.replace(Candidate(1, "work", mode), **changes)  # type: ignore[arg-type]


def sent(mode: str, secret: Secret, headers: Headers = ()) -> dict[str, str]:
    return folded(PROVIDERS[mode].outbound(request(headers), account(mode), secret).headers)


def test_method_body_and_query_go_up_as_they_came() -> None:
    out = PROVIDERS["console"].outbound(request(method="PATCH"), account(), KEY)
    assert (out.method, out.url) == ("PATCH", "https://api.anthropic.com/v1/messages?beta=true")
    assert out.body == request().body


def test_account_with_its_own_endpoint_is_asked_there() -> None:
    out = PROVIDERS["zai"].outbound(request(), account("zai", endpoint="http://127.0.0.1:9/api/anthropic/v1"), KEY)
    assert out.url == "http://127.0.0.1:9/api/anthropic/v1/messages?beta=true"


@pytest.mark.parametrize(
    ("mode", "secret", "name", "value"),
    [
        pytest.param("max", OAUTH, "authorization", "Bearer sk-ant-oat01-account", id="subscription"),
        pytest.param("console", KEY, "x-api-key", "sk-ant-api03-account", id="console key"),
        pytest.param("zai", KEY, "x-api-key", "sk-ant-api03-account", id="z.ai key"),
        pytest.param("openrouter", KEY, "authorization", "Bearer sk-ant-api03-account", id="Bearer key"),
    ],
)
def test_exactly_one_credential_goes_up_and_it_is_the_accounts(
    mode: str, secret: Secret, name: str, value: str
) -> None:
    headers = sent(mode, secret, CLIENT)
    assert headers[name] == value
    assert not {"authorization", "x-api-key", "cookie"} & set(headers) - {name}
    assert "ccf_client" not in str(headers)


def test_api_version_of_the_client_is_not_touched_and_none_is_made_up() -> None:
    assert sent("console", KEY, (("anthropic-version", "2026-10-21"),))["anthropic-version"] == "2026-10-21"
    assert "anthropic-version" not in sent("console", KEY)


@pytest.mark.parametrize(
    ("given_betas", "expected"),
    [
        pytest.param([], ["oauth-2025-04-20"], id="none"),
        pytest.param(["a,b"], ["a,b,oauth-2025-04-20"], id="appended"),
        pytest.param(["a, oauth-2025-04-20,b"], ["a, oauth-2025-04-20,b"], id="there already"),
        pytest.param(["a", "b"], ["a", "b,oauth-2025-04-20"], id="repeated field"),
        pytest.param(["oauth-2025-04-20", "b"], ["oauth-2025-04-20", "b"], id="there in one of two"),
        pytest.param(["oauth-2025-04-200"], ["oauth-2025-04-200,oauth-2025-04-20"], id="a longer name"),
        pytest.param([" "], ["oauth-2025-04-20"], id="blank"),
    ],
)
def test_beta_of_oauth_is_added_when_it_is_missing(given_betas: list[str], expected: list[str]) -> None:
    headers = tuple(("Anthropic-Beta", value) for value in given_betas)
    out = PROVIDERS["max"].outbound(request(headers), account("max"), OAUTH)
    assert [value for name, value in out.headers if name.lower() == "anthropic-beta"] == expected


def test_beta_of_oauth_is_not_added_for_a_key() -> None:
    assert sent("console", KEY, (("anthropic-beta", "a"),))["anthropic-beta"] == "a"
    assert "anthropic-beta" not in sent("console", KEY)


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b", "", "schlüssel", "a\x7f"])
def test_malformed_credential_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(Unavailable) as caught:
        PROVIDERS["console"].outbound(request(), account(), Secret("api_key", value))
    assert "work" in caught.value.message
    assert not value or value not in caught.value.message


def test_local_upstream_needs_no_credential() -> None:
    out = PROVIDERS["ollama"].outbound(request(CLIENT), account("ollama"), Secret("api_key", ""))
    assert out.headers == (("accept-encoding", "identity"),)


def test_account_without_an_endpoint_is_refused_by_name() -> None:
    with pytest.raises(Unavailable, match="work has no endpoint"):
        PROVIDERS["anthropic-compatible"].outbound(request(), account("anthropic-compatible"), KEY)


def test_target_that_leaves_v1_is_refused() -> None:
    with pytest.raises(InvalidInput):
        PROVIDERS["console"].outbound(request(target="/v1/../api/oauth/usage"), account(), KEY)


def test_mapped_model_changes_those_bytes_alone() -> None:
    out = PROVIDERS["zai"].outbound(request(), account("zai", model_mappings={"opus": ("glm-5", "glm-4")}), KEY)
    assert out.body == b'{"model":"glm-5", "x": 1}'


@pytest.mark.parametrize("mappings", [{}, {"haiku": ("glm-4",)}, {"opus": ("claude-opus-4-8",)}])
def test_body_is_the_very_same_object_while_nothing_is_mapped(mappings: dict[str, tuple[str, ...]]) -> None:
    asked = request()
    assert PROVIDERS["zai"].outbound(asked, account("zai", model_mappings=mappings), KEY).body is asked.body


def test_body_that_names_no_model_is_not_looked_at() -> None:
    asked = request(body=b"\x28\xb5\x2f\xfd zstd", model=None)
    assert PROVIDERS["zai"].outbound(asked, account("zai", model_mappings={"opus": ("g",)}), KEY).body is asked.body


@pytest.mark.parametrize(
    ("model", "serves"),
    [("claude-opus-4-8", True), ("claude-haiku-4-5", False), ("claude-sonnet-5", True), (None, True)],
)
def test_model_that_is_mapped_to_nothing_is_not_served(model: str | None, serves: bool) -> None:
    candidate = account("zai", model_mappings={"haiku": (), "opus": ("glm-5",)})
    assert PROVIDERS["zai"].serves("/v1/messages", model, candidate) is serves


def test_name_that_is_asked_for_goes_up_in_place_of_the_first() -> None:
    candidate = account("zai", model_mappings={"opus": ("glm-5", "glm-4")})
    assert PROVIDERS["zai"].outbound(request(), candidate, KEY, "glm-4").body == b'{"model":"glm-4", "x": 1}'


@pytest.mark.parametrize(
    ("path", "answers"), [("/v1/messages", True), ("/v1/files/x", True), ("/v1/embeddings", False)]
)
def test_paths_that_only_openai_has_are_not_answered_by_anthropic(path: str, answers: bool) -> None:
    assert PROVIDERS["console"].answers(path) is answers


def test_provider_without_a_usage_endpoint_asks_nobody() -> None:
    provider = PROVIDERS["console"]
    assert provider.usage_request(ENDPOINTS, KEY) is None
    assert provider.read_usage(b"{}", 0) == ()
    assert provider.read_overage(b"{}") is None


def test_provider_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PROVIDERS["console"].base_url = "x"  # type: ignore[misc]


def test_failure_of_the_network_is_the_upstreams() -> None:
    assert PROVIDERS["max"].failed(UpstreamFailed("no route", phase="connect", sent=False)).reason == "upstream"


_NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-", min_size=1, max_size=20)
_VALUES = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(st.lists(st.tuples(_NAMES | st.sampled_from(["Authorization", "x-API-key", "X-CCFLARE-A", "Cookie"]), _VALUES)))
def test_no_header_is_changed_and_no_credential_of_the_client_passes(headers: list[tuple[str, str]]) -> None:
    out = PROVIDERS["console"].outbound(request(tuple(headers)), account(), KEY)
    kept = list(out.headers)
    assert kept.count(("x-api-key", KEY.value)) == 1
    kept.remove(("x-api-key", KEY.value))
    if kept and kept[-1] == ("accept-encoding", "identity"):
        kept.pop()
    names = {name.lower() for name, _ in kept}
    assert not {"authorization", "x-api-key", "cookie", "x-ccflare-a"} & names
    rest = iter(headers)
    assert all(pair in rest for pair in kept if pair[0].lower() != "accept-encoding")
