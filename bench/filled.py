"""ccflare on a filled database, and its command line."""

import subprocess
import sys
from pathlib import Path

from bench import subjects
from bench.subjects import ROOT, Subject


def subject(home: Path, place: Path, upstream_port: int = 9) -> Subject:
    """Return ccflare on the database in `home`, its log in `place`; without a port it has no upstream."""
    port = subjects.free_port()
    env = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
        "CCFLARE_DATA_DIR": str(home),
        "DATABASE_URL": f"sqlite:///{home}/ccflare.db",
        "CCFLARE_ANTHROPIC_BASE_URL": f"http://127.0.0.1:{upstream_port}",
    }
    command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-b", f"127.0.0.1:{port}", "wsgi:app"]
    return Subject("ccflare", command, port, place, env)


def command(subject: Subject, given: bytes, *arguments: str) -> bytes:
    """Run `flask ccflare` on the same database and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "ccflare", *arguments],
        cwd=ROOT,
        env=subjects.environment() | subject.env,
        input=given,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return done.stdout
