"""The login side: authorisation codes with PKCE, token pairs that rotate, API keys for console accounts."""

import base64
import hashlib
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

Json = dict[str, Any]

CODE_LIVES_S = 600
PAIR_LIVES_S = 28_800


class Refused(Exception):
    """The token endpoint says no."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.body = {"error": error, "error_description": description}
        self.status = status


@dataclass(slots=True)
class Grant:
    """One login: whoever holds its present refresh token goes on with it."""

    account: str
    scope: str
    organization: str = field(default_factory=lambda: str(uuid.uuid4()))
    account_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(slots=True)
class OAuth:
    """All codes, tokens and keys that were handed out."""

    codes: dict[str, Json] = field(default_factory=dict)
    access: dict[str, float] = field(default_factory=dict)
    """Access token -> end of its life (epoch s)."""
    refresh: dict[str, Grant] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)

    def authorize(self, query: str) -> Json:
        """Agree to an authorisation request at once; return code and state."""
        asked = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
        for name in ("client_id", "redirect_uri", "scope", "code_challenge", "state"):
            if not asked.get(name):
                raise Refused("invalid_request", f"{name} is missing")
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            raise Refused("invalid_request", "response_type must be code and code_challenge_method S256")
        code = secrets.token_urlsafe(32)
        self.codes[code] = {**asked, "until": time.time() + CODE_LIVES_S}
        return {"code": code, "state": asked["state"]}

    def token(self, body: bytes, step: Json) -> Json:
        """Answer the token endpoint. Raises Refused."""
        try:
            asked = json.loads(body)
        except ValueError as exc:
            raise Refused("invalid_request", "The body is not JSON") from exc
        match asked.get("grant_type"):
            case "authorization_code":
                grant = self._redeem(asked)
            case "refresh_token":
                grant = self._spend(asked, rotate=step.get("rotate", True))
            case _:
                raise Refused("unsupported_grant_type", "grant_type is not supported")
        keep = asked.get("refresh_token") if step.get("rotate") is False else None
        return self.issue(
            grant, step.get("expires_in_s", PAIR_LIVES_S), keep=keep, without=step.get("without_refresh", False)
        )

    def issue(self, grant: Grant, lives_s: float, *, keep: str | None = None, without: bool = False) -> Json:
        """Hand out a new pair for a login."""
        access = "sk-ant-oat01-" + secrets.token_urlsafe(32)
        self.access[access] = time.time() + lives_s
        answer: Json = {
            "token_type": "Bearer",
            "access_token": access,
            "expires_in": lives_s,
            "scope": grant.scope,
            "organization": {"uuid": grant.organization, "name": f"{grant.account}'s Organization"},
            "account": {"uuid": grant.account_id, "email_address": f"{grant.account}@example.com"},
        }
        if not without:
            refresh = keep or "sk-ant-ort01-" + secrets.token_urlsafe(32)
            self.refresh[refresh] = grant
            answer["refresh_token"] = refresh
        return answer

    def is_live(self, access_token: str) -> bool:
        """Whether an access token was issued here and has not expired."""
        return self.access.get(access_token, 0) > time.time()

    def revoke(self, token: str) -> None:
        """End the life of an access or a refresh token."""
        self.access.pop(token, None)
        self.refresh.pop(token, None)

    def create_key(self) -> Json:
        """Make an API key, as console accounts do once after login."""
        self.keys.append("sk-ant-api03-" + secrets.token_urlsafe(48))
        return {"raw_key": self.keys[-1]}

    def _redeem(self, asked: Json) -> Grant:
        known = self.codes.pop(str(asked.get("code")), None)
        if known is None or known["until"] < time.time():
            raise Refused("invalid_grant", "Invalid 'code' in request.")
        digest = hashlib.sha256(str(asked.get("code_verifier", "")).encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != known["code_challenge"]:
            raise Refused("invalid_grant", "Invalid 'code_verifier' in request.")
        for name in ("state", "redirect_uri", "client_id"):
            if asked.get(name) != known[name]:
                raise Refused("invalid_grant", f"Invalid '{name}' in request.")
        return Grant("someone", known["scope"])

    def _spend(self, asked: Json, *, rotate: bool) -> Grant:
        token = str(asked.get("refresh_token"))
        grant = self.refresh.pop(token, None) if rotate else self.refresh.get(token)
        if grant is None:
            raise Refused("invalid_grant", "Refresh token not found or invalid")
        if not asked.get("client_id"):
            raise Refused("invalid_request", "client_id is missing")
        return grant
