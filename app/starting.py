"""The start of a process: what it is for, and what keeps it from starting, in plain words instead of a traceback."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from app.errors import StartFault
from config import ConfigError

_APP_LOAD_ERROR = 4
"""gunicorn starts a worker anew, for ever, unless it ends with this status."""
_AGAIN_AFTER_S = 1.0


class _Start:
    is_replacement = False


def note_replacement() -> None:
    """Say that this process takes the place of a worker that has served: what may pass does not end the server then."""
    _Start.is_replacement = True


@contextmanager
def explained() -> Iterator[None]:
    """End the process with a clear message when what is inside cannot be done: status 1, in a server gunicorn's own."""
    try:
        yield
    except StartFault as exc:
        if exc.may_pass and _Start.is_replacement:
            time.sleep(_AGAIN_AFTER_S)
            _end(str(exc), status=1)
        _end(str(exc))
    except (ConfigError, OSError) as exc:
        _end(str(exc))
    except ModuleNotFoundError as exc:
        if exc.name != "psycopg":
            raise
        _end("DATABASE_URL names a PostgreSQL database, whose driver is not installed. `make postgres` installs it.")


def is_command() -> bool:
    """Whether this process runs `flask ccflare ...`; one that says so in another way counts as a server."""
    return sys.argv[1:2] == ["ccflare"]


def is_help() -> bool:
    """Whether this process only tells what a command does."""
    return is_command() and "--help" in sys.argv


def _end(reason: str, status: int | None = None) -> NoReturn:
    if status is None:
        status = _APP_LOAD_ERROR if "gunicorn.arbiter" in sys.modules else 1
    text = f"ccflare cannot start.\n{reason}"
    if is_command() and "--json" in sys.argv:
        text = json.dumps({"error": text, "details": {}}, ensure_ascii=False)
    sys.stderr.write(f"{text}\n")
    raise SystemExit(status) from None
