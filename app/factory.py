"""The composition root: `create_app` joins the rooms into one application. Nothing else does."""

import logging
from functools import partial
from pathlib import Path

from flask import Flask

from app import db, installation, preferences, schema
from app.access.keys import KeyTable
from app.access.limits import KeyLimits
from app.accounts.leases import new_owner
from app.accounts.oauth import LogIns, endpoints_of
from app.accounts.pins import Pins
from app.accounts.pool import Pool
from app.accounts.refresh import Refresher
from app.accounts.rescue import Rescue
from app.accounts.tokens import Credentials
from app.cli import commands
from app.clock import now_ms
from app.commits import Commits
from app.connections import TransportOptions
from app.errors import StartFault
from app.flights import Flights
from app.runtime import Runtime, attach
from app.server import Ccflare
from app.transport import Transport
from app.usage.journal import Journal
from app.usage.money import spent_this_month
from app.usage.recorder import Recorder, RecordOptions
from app.vault import Ring, open_keyring
from config import Settings

_ROOT = Path(__file__).resolve().parent.parent
_ANTHROPIC_HOSTED = ("max", "console")

log = logging.getLogger(__name__)


def create_app(settings: Settings, *, with_doors: bool = True) -> Flask:
    """Build the application of one process: schema in place, keyring checked, doors open; no background work.

    `with_doors` False: it runs commands and answers no request.
    Raises VaultError, SchemaError, StartFault or ConfigError when the start must not go on.
    """
    app = Ccflare("app", root_path=str(_ROOT), template_folder="templates", static_folder=None)
    _make_folder(settings.data_dir)
    db.init_app(app, settings.database_url)
    schema.ensure(app, settings.data_dir)
    with app.app_context():
        settings = preferences.present(settings)
        parts = _runtime(app, settings)
        app.secret_key = installation.cookie_key(parts.vault)
        db.inline(parts.pool.load)
        parts.keys.load()
        if parts.keys.has_limits:
            parts.limits.load(now_ms())
    app.flights = parts.flights
    attach(app, parts)
    app.cli.add_command(commands)
    if with_doors:
        from app.doors import open_doors  # noqa: PLC0415 - half of what a start costs, and a command needs none of it

        open_doors(app, settings)
    return app


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as exc:
        raise StartFault(f"The data folder {folder} cannot be made: {exc.strerror}. Correct CCFLARE_DATA_DIR.") from exc


def helping_app() -> Flask:
    """Build what tells about the commands and runs none, where nothing else can be built."""
    app = Flask("app")
    app.cli.add_command(commands)
    return app


def _runtime(app: Flask, settings: Settings) -> Runtime:
    key_file = settings.data_dir / "encryption.keys"
    if not settings.encryption_keys and settings.encryption_keys_file is None:
        installation.check_key_file(key_file)
    vault = open_keyring(settings.encryption_keys, settings.encryption_keys_file, key_file)
    installation.check_keyring(vault)
    vault.opens_database = partial(_opens_database, app)
    pepper = installation.pepper(vault)
    commits = Commits(app)
    base_urls = dict.fromkeys(_ANTHROPIC_HOSTED, settings.anthropic_base_url)
    pool = Pool(vault, commits.commit, base_urls)
    options = TransportOptions(
        connect_timeout_s=settings.connect_timeout_s,
        allow_private=settings.allow_private_endpoints,
        proxy=settings.outbound_proxy,
        ca_file=settings.outbound_ca_file,
    )
    token_lines, endpoints = Transport(options), endpoints_of(settings)
    rescue = Rescue(settings.data_dir / "rotated", vault)
    refresher = Refresher(vault, pool, token_lines, endpoints, rescue, new_owner())
    return Runtime(
        settings=settings,
        vault=vault,
        pepper=pepper,
        commits=commits,
        pool=pool,
        pins=Pins(commits.commit),
        credentials=Credentials(app, refresher),
        log_ins=LogIns(vault, token_lines, endpoints),
        keys=KeyTable(pepper),
        limits=KeyLimits(commits.commit, spent_this_month),
        transport=Transport(options),
        recorder=Recorder(
            Journal(settings.data_dir / "journal"),
            vault,
            RecordOptions(settings.store_payloads, settings.payload_max_bytes),
        ),
        flights=Flights(settings.drain_s),
        started_at=now_ms(),
    )


def _opens_database(app: Flask, ring: Ring) -> bool | None:
    with app.app_context():
        return db.offload(installation.opens_database, ring)
