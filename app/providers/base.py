"""Provider: what an upstream is, described; the base is Anthropic's wire, with a default for every verb."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from app.errors import Unavailable, UpstreamFailed
from app.providers import verdicts
from app.providers.forwarding import joined_url, passed_up
from app.providers.models import mapped_model, targets, with_model
from app.providers.oauth import OAUTH_BETA, OAuthWire
from app.providers.upstream_error import first_event_error
from app.values import Candidate, OAuthEndpoints, Outbound, ProxyRequest, Secret, Shape, Verdict, Window

KeyHeader = Literal["x-api-key", "bearer"]

OPENAI_ONLY = ("/v1/completions", "/v1/embeddings", "/v1/responses/", "/v1/chat/completions/")
"""Paths of OpenAI's that Anthropic's API lacks and that nothing here stands for."""


@dataclass(frozen=True)
class Provider(OAuthWire):
    """A kind of upstream. Verbs describe and judge; nothing here sends."""

    name: str
    label: str
    base_url: str = ""
    """Where it lives, unless the account names its own endpoint. Empty: the account must."""
    secret_kind: Literal["api_key", "oauth"] = "api_key"
    key_header: KeyHeader = "x-api-key"
    oauth: bool = False
    """Whether an account of it is added by logging in."""
    shape: Shape = "anthropic"
    holds_window: bool = False
    """Whether its accounts live in 5 h and 7 d windows, as opposed to pay-as-you-go."""
    needs_secret: bool = True

    rows: ClassVar[tuple[verdicts.Row, ...]] = verdicts.TABLE

    @property
    def needs_endpoint(self) -> bool:
        """Whether an account must name its own base URL."""
        return not self.base_url

    def serves(self, path: str, model: str | None, candidate: Candidate) -> bool:
        """Whether the account can be asked for this path and model; one that it maps to nothing is not served."""
        return model is None or not candidate.model_mappings or targets(model, candidate) != ()

    def answers(self, path: str) -> bool:
        """Whether the upstream itself knows the path, as opposed to what can be made of it here, or nothing at all."""
        return not path.startswith(OPENAI_ONLY)

    def outbound(
        self, request: ProxyRequest, candidate: Candidate, secret: Secret, model: str | None = None
    ) -> Outbound:
        """Return the request as it goes to the account: same bytes, the account's credential in place of the client's.

        `model`: which of the account's names for the model to send; None: the first.
        Raises Unavailable when the account has no usable endpoint or credential, InvalidInput on a path that
        would leave `/v1`.
        """
        url = self.url(request, candidate)
        headers = passed_up(request.headers)
        self._authorise(headers, candidate, secret)
        body = request.body
        if candidate.model_mappings and request.model is not None:
            name = model or mapped_model(request.model, candidate)
            if name is not None and name != request.model:
                body = with_model(body, name)
        return Outbound(request.method, url, tuple(headers), body)

    def url(self, request: ProxyRequest, candidate: Candidate) -> str:
        """Return where the request goes."""
        base = candidate.endpoint or self.base_url
        if not base:
            raise Unavailable(f"Account {candidate.name} has no endpoint. Give it one.")
        return joined_url(base, request.target)

    def verdict(self, status: int, headers: Mapping[str, str], head: bytes, now_ms: int, *, stream: bool) -> Verdict:
        """Return what an answer means.

        `headers`: lower-case names. `head`: the first 64 KiB of the decoded body; of a stream, its first event.
        `stream`: whether `head` holds server-sent events.
        """
        if 200 <= status < 300:
            error = first_event_error(head) if stream and not head.startswith(b"event: message_start") else None
            if error is None:
                return verdicts.served(headers, now_ms)
            status = error.status
        seen = verdicts.Seen(status, headers, head, now_ms, oauth=self.secret_kind == "oauth")
        return verdicts.judge(self.rows, seen)

    def failed(self, error: UpstreamFailed) -> Verdict:
        """Return what it means that the upstream gave no answer."""
        return verdicts.failed(error)

    def usage_request(self, endpoints: OAuthEndpoints, secret: Secret, endpoint: str | None = None) -> Outbound | None:
        """Return the request that asks how full the windows are, or None when there is nowhere to ask.

        `endpoint`: the account's own base URL, where it has one.
        """
        return None

    def read_usage(self, body: bytes, now_ms: int) -> tuple[Window, ...]:
        """Return the windows in the answer to a usage request."""
        return ()

    def read_overage(self, body: bytes) -> bool | None:
        """Return whether the answer to a usage request says that the account may go beyond a full window."""
        return None

    def _authorise(self, headers: list[tuple[str, str]], candidate: Candidate, secret: Secret) -> None:
        value = secret.value
        if not value and not self.needs_secret:
            return
        if not value or not value.isascii() or not value.isprintable():
            raise Unavailable(f"The credential of account {candidate.name} is empty or malformed. Enter it again.")
        if secret.kind == "oauth":
            headers.append(("authorization", f"Bearer {value}"))
            _ask_for_oauth(headers)
        elif self.key_header == "bearer":
            headers.append(("authorization", f"Bearer {value}"))
        else:
            headers.append(("x-api-key", value))


def _ask_for_oauth(headers: list[tuple[str, str]]) -> None:
    """Add the beta flag of OAuth to `anthropic-beta`, unless it is there."""
    at = None
    for index, (name, value) in enumerate(headers):
        if name.lower() == "anthropic-beta":
            if any(flag.strip() == OAUTH_BETA for flag in value.split(",")):
                return
            at = index
    if at is None:
        headers.append(("anthropic-beta", OAUTH_BETA))
    else:
        name, value = headers[at]
        headers[at] = (name, f"{value},{OAUTH_BETA}" if value.strip() else OAUTH_BETA)
