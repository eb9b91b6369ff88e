"""What gunicorn loads: the application, and its background work when a server runs it."""
# ruff: noqa: E402

import gc

gc.disable()  # What a start makes stays: to look for garbage in it takes a sixth of the time.

from app import logs
from app.db import is_cooperative
from app.factory import create_app
from app.starting import explained, is_command
from config import Settings

with explained():
    settings = Settings.load()
    logs.configure(settings, "server" if is_cooperative() else "cli")
    app = create_app(settings, with_doors=not is_command())
if is_cooperative():
    from app.background import workers

    workers.start(app)
gc.enable()
