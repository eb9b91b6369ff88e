"""What gunicorn loads: the application, and its background work when a server runs it."""
# ruff: noqa: E402

import gc

gc.disable()  # What a start makes stays: to look for garbage in it takes a sixth of the time.

from flask import Flask

from app import logs
from app.db import is_cooperative
from app.errors import StartFault
from app.factory import create_app, helping_app
from app.starting import explained, is_command, is_help
from config import ConfigError, Settings


def _made() -> Flask:
    settings = Settings.load()
    logs.configure(settings, "server" if is_cooperative() else "cli")
    return create_app(settings, with_doors=not is_command())


with explained():
    try:
        app = _made()
    except (ConfigError, StartFault, OSError):
        if not is_help():
            raise
        app = helping_app()
if is_cooperative():
    from app.background import workers

    workers.start(app)
gc.enable()
