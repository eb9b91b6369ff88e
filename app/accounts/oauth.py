"""Log-ins by OAuth: begun with a page to open, finished with the code that it shows, once, within ten minutes.

Every verb is called inside an app context and off the event loop. No transaction is open across a network wait.
"""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.accounts import service
from app.accounts.candidates import read_mappings
from app.accounts.endpoints import checked_endpoint
from app.accounts.entry import NewAccount, check_takes_tokens, checked_priority
from app.accounts.mappings import checked_mappings
from app.accounts.models import Account, PendingLogin
from app.accounts.overview import AccountView, found, view_of
from app.accounts.secrets import COLUMNS, check_unheld, seal_into
from app.audit import Actor, note
from app.clock import now_ms
from app.db import beat, reading, transaction
from app.errors import Conflict, InvalidInput, NotAllowed, NotFound, UpstreamFailed
from app.fetch import Fetched, fetch
from app.names import checked_name
from app.providers import PROVIDERS, Provider
from app.transport import Transport
from app.values import OAuthEndpoints, Outbound, TokenPair
from app.vault import Vault
from config import Settings

LIFE_MS = 600_000
_TIMEOUT_S = 30.0
_KEY_MODE = "console"
_MAX_PASTED_CHARS = 4096


@dataclass(frozen=True, slots=True)
class Begun:
    """A log-in that waits for its code: the page to open, and the session that the code belongs to."""

    url: str
    session: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Credential:
    """What a log-in brought: tokens, or an API key that was made with them."""

    tokens: TokenPair | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Claimed:
    new: NewAccount
    account_id: int | None
    code: str = field(repr=False)
    state: str = field(repr=False)
    verifier: str = field(repr=False)


def endpoints_of(settings: Settings) -> OAuthEndpoints:
    """Return where and as whom log-ins happen."""
    return OAuthEndpoints(
        client_id=settings.client_id,
        authorize_url=settings.oauth_authorize_url,
        console_authorize_url=settings.console_authorize_url,
        token_url=settings.oauth_token_url,
        redirect_uri=settings.oauth_redirect_uri,
        scopes=settings.oauth_scopes,
        create_api_key_url=settings.create_api_key_url,
        usage_url=settings.usage_url,
    )


@dataclass(frozen=True, slots=True)
class LogIns:
    """Begins and finishes log-ins."""

    vault: Vault
    transport: Transport
    endpoints: OAuthEndpoints

    def begin(self, new: NewAccount, browser: str | None = None) -> Begun:
        """Begin to log in an account to be. `browser`: a secret of the browser that alone may finish it.

        Raises InvalidInput, or Conflict when the name is taken.
        """
        provider = _oauth_provider(new.mode)
        checked_name(new.name)
        pending = PendingLogin(
            name=new.name,
            mode=provider.name,
            priority=checked_priority(new.priority),
            endpoint=checked_endpoint(new.endpoint) if new.endpoint else None,
            model_mappings=checked_mappings(new.model_mappings),
        )
        with reading() as session:
            if session.execute(select(Account.id).where(Account.name == new.name)).first() is not None:
                raise Conflict(f"There is an account named {new.name} already.", details={"name": "is taken"})
        return self._begin(provider, pending, browser)

    def begin_again(self, reference: str | int, browser: str | None = None) -> Begun:
        """Begin to log in an account anew; it keeps its place and its history."""
        with reading() as session:
            row = found(session, reference)
        provider = _oauth_provider(row.provider)
        return self._begin(provider, PendingLogin(name=row.name, mode=provider.name, account_id=row.id), browser)

    def _begin(self, provider: Provider, pending: PendingLogin, browser: str | None) -> Begun:
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        pending.id, at = secrets.token_hex(16), now_ms()
        content = json.dumps({"verifier": verifier, "state": state})
        pending.secrets = self.vault.seal_text(content, place(pending.id))
        pending.browser = None if browser is None else _digest(browser)
        pending.created_at, pending.expires_at = at, at + LIFE_MS
        console = provider.name == _KEY_MODE
        url = provider.authorize_url(self.endpoints, console=console, challenge=challenge, state=state)
        begun = Begun(url, pending.id, pending.expires_at)
        with transaction() as session:
            session.execute(delete(PendingLogin).where(PendingLogin.expires_at <= at))
            session.add(pending)
        return begun

    def finish(
        self, session_id: str, pasted: str, actor: Actor, *, browser: str | None = None, name: str | None = None
    ) -> AccountView:
        """Finish a log-in with what the page showed: `code#state`, or the address that it led to.

        `name`: of the account, where the caller says which one it means.

        Raises InvalidInput, NotFound (unknown or expired), Conflict (used), NotAllowed (another browser's), or
        UpstreamFailed.
        """
        claimed = self._claim(session_id, read_pasted(pasted), browser, name)
        try:
            credential = self._redeem(claimed)
        except UpstreamFailed as exc:
            if not exc.sent:
                _unclaim(session_id)
            raise
        if claimed.account_id is None:
            new = claimed.new if credential.tokens is not None else replace(claimed.new, mode=_KEY_MODE)
            done = service.add(self.vault, replace(new, tokens=credential.tokens, api_key=credential.api_key), actor)
        else:
            done = renew(self.vault, claimed.account_id, credential, actor)
        with transaction() as session:
            session.execute(delete(PendingLogin).where(PendingLogin.id == session_id))
        return done

    def _claim(self, session_id: str, pasted: tuple[str, str], browser: str | None, name: str | None) -> _Claimed:
        code, state = pasted
        with transaction() as session:
            row = session.get(PendingLogin, session_id, with_for_update=True)
            if row is None or row.expires_at <= now_ms():
                raise NotFound("There is no such log-in, or its ten minutes are over. Begin again.")
            if row.used_at is not None:
                raise Conflict("This log-in was finished already. Begin again.")
            if row.browser is not None and not hmac.compare_digest(row.browser, _digest(browser or "")):
                raise NotAllowed("This log-in was begun in another browser. Finish it there, or begin again here.")
            if name is not None and name != row.name:
                raise InvalidInput.field("name", f"this log-in was begun for {row.name}")
            kept = json.loads(self.vault.open_text(row.secrets, place(session_id)))
            if not hmac.compare_digest(kept["state"].encode(), state.encode()):
                raise InvalidInput.field("code", "belongs to another log-in; open the page of this one and copy again")
            row.used_at = now_ms()
            mappings = read_mappings(row.model_mappings)
            new = NewAccount(row.name, row.mode, priority=row.priority, endpoint=row.endpoint, model_mappings=mappings)
            return _Claimed(new, row.account_id, code, state, kept["verifier"])

    def _redeem(self, claimed: _Claimed) -> Credential:
        """Trade the code for tokens, and those for an API key where the account is reached by one."""
        provider = _oauth_provider(claimed.new.mode)
        request = provider.exchange_request(self.endpoints, claimed.code, claimed.state, claimed.verifier)
        answer = self._asked(provider, request)
        pair = provider.read_tokens(answer.body, now_ms())
        if provider.name != _KEY_MODE and pair.refresh_token is not None:
            return Credential(tokens=pair)
        request = provider.create_api_key_request(self.endpoints, pair.access_token)
        return Credential(api_key=provider.read_api_key(self._asked(provider, request).body))

    def _asked(self, provider: Provider, request: Outbound) -> Fetched:
        answer = fetch(self.transport, request, _TIMEOUT_S)
        if 200 <= answer.status < 300:
            return answer
        code, message = provider.read_token_error(answer.status, answer.body)
        if 400 <= answer.status < 500 and answer.status != 429:
            raise InvalidInput(f"The provider refused ({code}): {message} Begin again.", details={"code": code})
        raise UpstreamFailed(
            f"The provider answered {answer.status} ({code}): {message} Begin again.", phase="token", sent=True
        )


def renew(vault: Vault, reference: str | int, credential: Credential, actor: Actor) -> AccountView:
    """Give an account another credential after a log-in; its place, its switches and its history stay.

    Raises Conflict when another account holds it.
    """
    with transaction() as session:
        row = found(session, reference)
        provider = _oauth_provider(row.provider)
        tokens = credential.tokens
        if tokens is not None:
            check_takes_tokens(provider)
        for column in COLUMNS:
            seal_into(row, vault, column, None)
        if tokens is None:
            seal_into(row, vault, "api_key", credential.api_key)
            row.provider, row.expires_at = _KEY_MODE, None
        else:
            check_unheld(session, vault, tokens, but=row.id)
            seal_into(row, vault, "access_token", tokens.access_token)
            seal_into(row, vault, "refresh_token", tokens.refresh_token)
            row.expires_at = tokens.expires_at
        _start_anew(session, row, tokens, actor)
        session.flush()
        return view_of(session, row)


def read_pasted(pasted: str) -> tuple[str, str]:
    """Return (code, state) of what a person copied. Raises InvalidInput."""
    text = pasted.strip()
    if len(text) > _MAX_PASTED_CHARS or not text.isascii() or not text.isprintable():
        raise InvalidInput.field("code", "is no code; copy what the page shows, code#state")
    if text.startswith(("https://", "http://")):
        query = parse_qs(urlsplit(text).query)
        if "error" in query:
            raise InvalidInput.field("code", f"the page says {query['error'][0][:100]}; begin again")
        code, state = query.get("code", [""])[0], query.get("state", [""])[0]
    else:
        code, _, state = (part.strip() for part in text.partition("#"))
    if not code:
        raise InvalidInput.field("code", "is empty; copy what the page shows, code#state")
    if not state:
        raise InvalidInput.field("code", "lacks its second half; copy all of it, code#state")
    return code, state


def place(session_id: str) -> str:
    """Return the place that the secrets of a pending log-in are sealed for."""
    return f"pending_logins:secrets:{session_id}"


def _start_anew(session: Session, row: Account, tokens: TokenPair | None, actor: Actor) -> None:
    """Forget what was held against the former credential; a refresh of it that still runs comes too late."""
    was = row.organization
    if tokens is not None:
        row.scopes, row.organization = tokens.scope or row.scopes, tokens.organization or was
    row.secret_generation += 1
    row.lease_owner = row.lease_until = None
    row.refresh_failures, row.refresh_retry_at, row.refresh_error = 0, None, None
    row.refreshed_at, row.needs_reauth_at = now_ms(), None
    if row.cooldown_reason == "auth":
        row.cooldown_until = row.cooldown_reason = row.cooldown_at = None
    if row.streak_reason == "auth":
        row.streak, row.streak_reason, row.streak_at = 0, None, None
    moved = f"organization {was} -> {row.organization}" if was and row.organization != was else None
    note(session, actor, "account.reauthenticate", row.name, moved)
    beat(session, "accounts")


def _oauth_provider(mode: str) -> Provider:
    provider = PROVIDERS.get(mode)
    if provider is None or not provider.oauth:
        known = ", ".join(name for name, one in PROVIDERS.items() if one.oauth)
        raise InvalidInput.field("mode", f"only {known} accounts log in; give another key to others")
    return provider


def _unclaim(session_id: str) -> None:
    """Let a log-in be finished after all: its code never left this machine."""
    with transaction() as session:
        session.execute(update(PendingLogin).where(PendingLogin.id == session_id).values(used_at=None))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
