"""The doctor: what could keep this installation from serving, looked at one by one."""

import shutil
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Literal
from urllib.parse import urlsplit

from app.access.service import all_keys
from app.access.users import has_admin
from app.accounts.overview import AccountView, views
from app.clock import now_ms
from app.db import db, offload
from app.errors import UpstreamFailed
from app.fetch import Fetched, fetch
from app.probes import is_writable
from app.providers import PROVIDERS
from app.runtime import Runtime
from app.schema import revision
from app.usage.pricing import price_version
from app.usage.stats import DAY_MS, unpriced_models
from app.values import Outbound, folded
from app.version import USER_AGENT

Result = Literal["ok", "warn", "fail"]

_REACH_S = 15.0
_CLOCK_WARN_MS = 30_000
_CLOCK_FAIL_MS = 300_000
_DISK_WARN_BYTES = 2 << 30
_DISK_FAIL_BYTES = 200 << 20


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `detail` says what was found and, unless all is well, what to do."""

    subject: str
    result: Result
    detail: str


def examine(run: Runtime) -> tuple[Check, ...]:
    """Look at everything; asks each account's host for one HEAD. Call inside an app context.

    On the event loop it asks the hosts there and looks at the rest off it.
    """
    reached = _reach(run, _origins(run))
    here, prices = offload(_look_here, run)
    clock = _clock([skew for _, skew in reached if skew is not None])
    return (*here, *(check for check, _ in reached), clock, *prices)


def _look_here(run: Runtime) -> tuple[tuple[Check, ...], tuple[Check, ...]]:
    """Return what this machine tells, but for the prices, and those."""
    accounts = views(run.vault)
    found = (
        *_settings(run),
        *_database(),
        *_disk(run),
        *_keyring(run),
        *_doors(run),
        *_accounts(accounts),
    )
    return found, tuple(_prices())


def _settings(run: Runtime) -> Iterator[Check]:
    for warning in run.settings.warnings:
        yield Check("settings", "warn", warning)
    if not run.settings.warnings:
        yield Check("settings", "ok", "every setting is known")


def _database() -> Iterator[Check]:
    url = db.engine.url.render_as_string()
    if is_writable():
        yield Check("database", "ok", f"{url} can be written, revision {revision()}")
    else:
        yield Check("database", "fail", f"{url} cannot be written: is it locked, read-only, or is the disk full?")


def _disk(run: Runtime) -> Iterator[Check]:
    free = shutil.disk_usage(run.settings.data_dir).free
    detail = f"{free / (1 << 30):.1f} GB free in {run.settings.data_dir}"
    if free < _DISK_FAIL_BYTES:
        yield Check("disk", "fail", f"{detail}: requests can no longer be recorded soon")
    elif free < _DISK_WARN_BYTES:
        yield Check("disk", "warn", f"{detail}: lower CCFLARE_PAYLOAD_STORE_MAX_BYTES or make room")
    else:
        yield Check("disk", "ok", detail)


def _keyring(run: Runtime) -> Iterator[Check]:
    faults = [
        f"{candidate.name}: {state.secrets.fault}"
        for candidate in run.pool.candidates()
        if (state := run.pool.state(candidate.id)) is not None and state.secrets.fault is not None
    ]
    for fault in faults:
        yield Check("encryption keys", "fail", f"{fault}. Enter the credential of the account again.")
    file = run.settings.encryption_keys_file or run.settings.data_dir / "encryption.keys"
    if not run.settings.encryption_keys and file.exists() and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield Check("encryption keys", "warn", f"others may read {file}: chmod 600 it")
    elif not faults:
        yield Check("encryption keys", "ok", "they open every stored credential")


def _doors(run: Runtime) -> Iterator[Check]:
    settings = run.settings
    is_guarded = settings.tls_cert is not None or settings.behind_proxy > 0
    if not settings.is_loopback and not is_guarded:
        yield Check(
            "network", "fail", f"{settings.host} is no loopback address: serve TLS or declare the proxy in front"
        )
    else:
        yield Check("network", "ok", f"listens on {settings.host}:{settings.port}")
    if not has_admin():
        result: Result = "warn" if settings.is_loopback else "fail"
        yield Check("users", result, "there is no admin: `flask ccflare create-user NAME`")
    else:
        yield Check("users", "ok", "there is an admin")
    active = sum(1 for key in all_keys() if key.state == "active")
    yield Check(
        "client keys", "ok", f"{active} in force" if active else "none: only clients on this machine may come in"
    )


def _accounts(accounts: tuple[AccountView, ...]) -> Iterator[Check]:
    if not accounts:
        yield Check("accounts", "warn", "there is none: `flask ccflare add-account`")
    for account in accounts:
        health = account.health
        if health.is_ok:
            yield Check(f"account {account.name}", "ok", account.label)
        else:
            why = f": {health.reason}" if health.reason else ""
            needs_person = health.state in ("needs_reauth", "auth_failing")
            state = health.state.replace("_", " ")
            yield Check(f"account {account.name}", "fail" if needs_person else "warn", f"{state}{why}")


def _origins(run: Runtime) -> list[str]:
    found = set()
    for candidate in run.pool.candidates():
        provider = PROVIDERS.get(candidate.provider)
        parts = urlsplit(candidate.endpoint or (provider.base_url if provider else ""))
        if parts.hostname:
            found.add(f"{parts.scheme}://{parts.netloc}")
    return sorted(found)


def _reach(run: Runtime, origins: list[str]) -> list[tuple[Check, int | None]]:
    """Ask every host at once; with each check comes how far its clock is from ours, if it told."""
    if not origins:
        return []
    with ThreadPoolExecutor(max_workers=min(16, len(origins))) as threads:
        return list(threads.map(lambda origin: _reach_one(run, origin), origins))


def _reach_one(run: Runtime, origin: str) -> tuple[Check, int | None]:
    subject = f"host {urlsplit(origin).netloc}"
    begun = monotonic()
    try:
        answer = fetch(run.transport, Outbound("HEAD", f"{origin}/", (("user-agent", USER_AGENT),)), _REACH_S)
    except UpstreamFailed as exc:
        return Check(subject, "fail", f"cannot be reached: {exc.message}"), None
    took_ms = round((monotonic() - begun) * 1000)
    result: Result = "warn" if answer.status >= 500 else "ok"
    return Check(subject, result, f"answers ({answer.status}) within {took_ms} ms"), _skew_ms(answer)


def _skew_ms(answer: Fetched) -> int | None:
    try:
        told = parsedate_to_datetime(folded(answer.headers).get("date", ""))
    except ValueError:
        return None
    return now_ms() - round(told.timestamp() * 1000)


def _clock(skews: list[int]) -> Check:
    if not skews:
        return Check("clock", "ok", "not compared: no host told its time")
    skew = min(skews, key=abs)
    detail = f"{abs(skew) / 1000:.0f} s {'ahead of' if skew > 0 else 'behind'} the accounts' hosts"
    if abs(skew) >= _CLOCK_FAIL_MS:
        return Check("clock", "fail", f"{detail}: resets and tokens are misjudged; set it, best by NTP")
    if abs(skew) >= _CLOCK_WARN_MS:
        return Check("clock", "warn", f"{detail}: set it, best by NTP")
    return Check("clock", "ok", "agrees with the accounts' hosts")


def _prices() -> Iterator[Check]:
    models = unpriced_models(now_ms() - 30 * DAY_MS)
    if models:
        yield Check(
            "prices", "warn", f"no price is known for {', '.join(models)}; the cost of their requests is unknown"
        )
    else:
        yield Check("prices", "ok", f"table {price_version()}")
