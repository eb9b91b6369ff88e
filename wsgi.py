"""What gunicorn loads: the application, and its background work when a server runs it."""

from app import logs
from app.background import workers
from app.db import is_cooperative
from app.factory import create_app
from app.starting import explained
from config import Settings

with explained():
    settings = Settings.load()
    logs.configure(settings, "server" if is_cooperative() else "cli")
    app = create_app(settings)
if is_cooperative():
    workers.start(app)
