"""Write the pages of docs/ that are generated from the code; with `--check`, only say whether they are up to date."""

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from config import SETTINGS, Setting  # noqa: E402

_SECTIONS = {
    "environment": "Server",
    "log_level": "Log",
    "data_dir": "Data and secrets",
    "lb_strategy": "Choosing an account, trying again",
    "connect_timeout_s": "Time limits",
    "anthropic_base_url": "Upstreams and log-ins",
    "store_payloads": "History",
}
"""Name of the setting that opens a section -> its heading."""

_CONFIGURATION = """\
# Configuration

Every setting has a default, so none has to be set. A value is looked for, in this order, in

1. the environment,
2. the file `.env` in the project's folder (`NAME=value`, quotes and `#` comments as in a shell),
3. what was changed while the server ran (only the settings marked *live*),
4. the default.

An empty value counts as not set. Numbers, words and URLs are read strictly: a value that does not fit stops the start,
with all faults listed at once. A name that starts with `CCFLARE_` and is unknown gives a warning. Names without that
prefix are also accepted with it (`CCFLARE_PORT`), and the longer name wins. Relative paths start at the project's
folder.

Settings marked *secret* are masked wherever they are shown, and may be read from a file: put `_FILE` behind the name
and give its path.

`flask ccflare config` shows each setting with the value in force and where it comes from.
"""


def configuration() -> str:
    """Return docs/configuration.md."""
    parts = [_CONFIGURATION]
    for line in SETTINGS:
        if heading := _SECTIONS.get(line.name):
            parts.append(f"\n## {heading}\n\n| name | default | takes | meaning |\n|---|---|---|---|\n")
        parts.append(_row(line))
    return "".join(parts)


def _row(line: Setting) -> str:
    default = f"`{line.default}`" if line.default else "not set"
    marks = "".join(f" *({mark})*" for mark, on in (("live", line.runtime), ("secret", line.secret)) if on)
    return f"| `{line.documented}` | {default} | {line.kind.expects} | {line.help}{marks} |\n"


PAGES: dict[str, Callable[[], str]] = {"docs/configuration.md": configuration}


def stale() -> list[str]:
    """Return the pages that differ from what the code says."""
    return [
        page
        for page, text in PAGES.items()
        if not (ROOT / page).is_file() or (ROOT / page).read_text("utf-8") != text()
    ]


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; 1 when one is stale."""
    if "--check" in arguments:
        for page in stale():
            print(f'{page} is not what the code says; run "make docs"', file=sys.stderr)
        return int(bool(stale()))
    for page, text in PAGES.items():
        (ROOT / page).write_text(text(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
