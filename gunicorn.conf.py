"""How gunicorn runs ccflare; read by itself from the project's root. Every value follows a setting of ours."""

import gc
import os
import signal
import sys
from typing import Any, NoReturn

from app import handover
from app.starting import explained, note_replacement
from config import PROJECT_ROOT, Settings

with explained():
    _settings = Settings.load()

bind = [f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"]
workers = _settings.workers
worker_class = "gevent"
worker_connections = _settings.worker_connections
keepalive = 75
timeout = 120  # Bounds a blocked event loop, not a stream.
graceful_timeout = int(_settings.drain_s) + 15  # Our own drain ends first and writes the records.
max_requests = 0
control_socket_disable = True
preload_app = False
forwarded_allow_ips = "*" if _settings.behind_proxy else "127.0.0.1,::1"
limit_request_fields = 64
limit_request_field_size = 8190  # gunicorn searches all fields anew with each piece that comes: together half a MB.
limit_request_line = 8190
certfile = str(_settings.tls_cert) if _settings.tls_cert else None
keyfile = str(_settings.tls_key) if _settings.tls_key else None
errorlog = "-"
loglevel = {"warn": "warning"}.get(_settings.log_level, _settings.log_level)
proc_name = "ccflare"
reload = _settings.environment == "development"
reload_extra_files = [str(page) for page in (PROJECT_ROOT / "templates").rglob("*.html")] if reload else []


def on_starting(server: Any) -> None:
    """Refuse to stand in the open unprotected before a port is open."""
    from app.loopback import is_loopback_host

    handover.prepare(server)
    hosts = [address[:1] for address in server.cfg.address if isinstance(address, tuple)]
    if all(is_loopback_host(f"[{host}]" if ":" in host else host) for (host,) in hosts):
        return
    # The application is built in a process of its own: here nothing of it may be loaded before gevent has patched.
    child = os.fork()
    if child == 0:
        _look_before_opening(hosts)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise SystemExit(1)


def _look_before_opening(hosts: list[Any]) -> NoReturn:
    status = 0
    try:
        with explained():
            from app.factory import create_app
            from app.gate import opening

            opening.check(create_app(_settings, with_doors=False), hosts)
    except SystemExit:
        status = 1
    except Exception:  # noqa: BLE001, S110 - a worker meets it too, and tells it whole
        pass
    finally:
        sys.stderr.flush()
        os._exit(status)


def pre_fork(server: Any, worker: Any) -> None:
    """Let the workers that are there know that another one starts."""
    handover.begins(server, worker)


def post_fork(server: Any, worker: Any) -> None:
    """Let a worker that is told to stop while it still boots do so: it has the master's handlers until then."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if worker.age > server.cfg.workers:
        note_replacement()


def post_worker_init(worker: Any) -> None:
    """Refuse to stand in the open unprotected; tell the application when to drain; write answers our way."""
    from app import answers, handshakes
    from app.background import workers as background
    from app.gate import opening

    addresses = [listener.getsockname() for listener in worker.sockets]
    with explained():
        opening.check(worker.wsgi, addresses)
    answers.install(_settings.write_timeout_s)
    handshakes.install()
    # gunicorn looks its settings up through __getattr__, dozens of times a request.
    worker.cfg.__dict__.update({name: setting.get() for name, setting in worker.cfg.settings.items()})
    # What is loaded by now stays: without it in its way, a collection does not hold up the streams.
    gc.freeze()
    # Records that wait for the database are many objects, and none of them is garbage.
    gc.set_threshold(10_000, 20, 20)
    background.attach_server(worker.wsgi, worker)
    opening.welcome(worker.wsgi, addresses, is_first=worker.age == 1)
    handover.serve_on(worker)
    handover.is_over(worker)


def child_exit(server: Any, worker: Any) -> None:
    """Let nobody wait for a worker that has ended."""
    handover.is_over(worker)


def worker_exit(server: Any, worker: Any) -> None:
    """Write what is left in memory, and end the process."""
    if getattr(worker, "wsgi", None) is None:
        return
    from app import ending
    from app.background import workers as background

    status = ending.status_of(sys.exception())
    try:
        background.stop(worker.wsgi)
    except Exception:
        worker.log.exception("Not all that was left in memory could be written")
    ending.leave(status)
