"""What one process holds open while it serves: settings, vault, accounts, keys, connections, journal."""

from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask, current_app

from app.access.keys import KeyTable
from app.access.limits import KeyLimits
from app.accounts.oauth import LogIns
from app.accounts.pins import Pins
from app.accounts.pool import Pool
from app.accounts.tokens import Credentials
from app.commits import Commits
from app.flights import Flights
from app.probes import WriteProbe
from app.transport import Transport
from app.usage.feed import Feed
from app.usage.recorder import Recorder
from app.vault import Vault
from config import Settings

_NAME = "ccflare"


@dataclass(slots=True)
class Runtime:
    """The long-lived parts of one process, made by `create_app`. `settings` is replaced when preferences change."""

    settings: Settings
    vault: Vault
    pepper: bytes
    commits: Commits
    pool: Pool
    pins: Pins
    credentials: Credentials
    log_ins: LogIns
    keys: KeyTable
    limits: KeyLimits
    transport: Transport
    recorder: Recorder
    flights: Flights
    started_at: int
    recent: dict[int, int] = field(default_factory=dict)
    """Account -> when it was last chosen first, for `least-used`."""
    feed: Feed = field(default_factory=Feed)
    write_probe: WriteProbe = field(default_factory=WriteProbe)

    @property
    def journal_dir(self) -> Path:
        """Where the journals of this data directory are."""
        return self.settings.data_dir / "journal"


def attach(app: Flask, runtime: Runtime) -> None:
    """Make `runtime()` work for an application."""
    app.extensions[_NAME] = runtime


def runtime() -> Runtime:
    """Return the runtime of the current application. Call inside an app context."""
    found: Runtime = current_app.extensions[_NAME]
    return found
