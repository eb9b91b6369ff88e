"""When a server opens: it refuses to stand in the open unprotected, and tells a newcomer the first steps."""

import ipaddress
import logging
import sys
from collections.abc import Iterable
from pathlib import Path

from flask import Flask

from app.access import setup
from app.access.users import has_admin
from app.accounts.service import views
from app.errors import StartFault
from app.loopback import is_loopback
from app.runtime import Runtime, runtime
from config import PROJECT_ROOT

log = logging.getLogger(__name__)

_ADD_ACCOUNT = "flask ccflare add-account work --mode max"


def check(app: Flask, addresses: Iterable[object]) -> None:
    """Raise StartFault when a socket is open beyond this machine without an admin, or without TLS and proxy.

    `addresses`: as `getsockname` tells them; the path of a Unix socket is no network.
    """
    open_ones = [address[0] for address in addresses if isinstance(address, tuple) and not is_loopback(address[0])]
    if not open_ones:
        return
    with app.app_context():
        settings = runtime().settings
        faults = []
        if not has_admin():
            faults.append("- There is no admin yet. Make one: flask ccflare create-user NAME")
        if settings.tls_cert is None and not settings.behind_proxy:
            faults.append(
                "- Passwords and keys would cross the network in the clear. Set CCFLARE_TLS_CERT and CCFLARE_TLS_KEY, "
                "or declare the TLS proxy in front: CCFLARE_BEHIND_PROXY=1"
            )
    if faults:
        shown = ", ".join(dict.fromkeys(str(address) for address in open_ones))
        raise StartFault(
            f"It would listen on {shown}, where others can reach it, and that is not safe yet:\n"
            + "\n".join(faults)
            + "\nOr listen on this machine alone: HOST=127.0.0.1"
        )


def welcome(app: Flask, addresses: Iterable[object], *, is_first: bool) -> None:
    """Print the one-time address of the setup while there is no admin, and what is left to do at a first start.

    What is odd about the settings goes to the log.

    Every worker calls it and one speaks: the one that gets the token, or, where none is needed, the first one. A worker
    that takes another's place leaves the token that was shown as it is.
    """
    with app.app_context():
        run = runtime()
        if is_first:
            for warning in run.settings.warnings:
                log.warning("%s", warning)
        base = _base(run, addresses)
        token = setup.issue(run.vault, anew=is_first)
        if token is None and not (is_first and has_admin()):
            return
        lines = []
        if token is not None:
            lines.append("Make yourself the admin (this address works once, within an hour):")
            lines.append(f"  {base}/setup?token={token.text}")
        if not views(run.vault):
            lines += ["Add an account, in another terminal:", *_activation(), f"  {_ADD_ACCOUNT}"]
            lines += ["Point your client here:", f"  export ANTHROPIC_BASE_URL={base}"]
    if lines:
        # Not through the log, which others may read later and which hides tokens.
        sys.stderr.write("\n".join(["", *lines, "", ""]))
        sys.stderr.flush()


def _activation() -> list[str]:
    """Return what a new terminal in the project's folder has to be told before it knows `flask`."""
    if sys.prefix == sys.base_prefix:
        return []
    place = Path(sys.prefix)
    return [f"  . {place.relative_to(PROJECT_ROOT) if place.is_relative_to(PROJECT_ROOT) else place}/bin/activate"]


def _base(run: Runtime, addresses: Iterable[object]) -> str:
    """Return the address of this server for a browser on this machine."""
    scheme = "https" if run.settings.tls_cert is not None else "http"
    host, port = run.settings.host, run.settings.port
    for address in addresses:
        if isinstance(address, tuple):
            host, port = str(address[0]), int(address[1])
            break
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return f"{scheme}://{host}:{port}"
    if ip.is_unspecified or ip.is_loopback:
        return f"{scheme}://localhost:{port}" if ip.version == 4 else f"{scheme}://[::1]:{port}"
    return f"{scheme}://{f'[{ip}]' if ip.version == 6 else ip}:{port}"
