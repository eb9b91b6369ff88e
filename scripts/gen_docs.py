"""Write the pages of docs/ that are generated from the code; with `--check`, only say whether they are up to date."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from config import SETTINGS, Setting  # noqa: E402

if TYPE_CHECKING:
    from app.providers import Provider

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

Where that file is, the `flask` command tells of python-dotenv before it does anything: ccflare reads the file without
it, and `export FLASK_SKIP_DOTENV=1` ends the tip.

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


_CLI = """\
# Command line

`flask ccflare VERB`, in the project's virtual environment. Tables are for people; `--json` prints the same for programs
(times in epoch milliseconds, money in micro-USD). Secrets are read from standard input or asked for without echo, never
taken as arguments. Exit codes: 0 done, 1 failed (one line on standard error says why), 2 wrong usage.
"""


def command_line() -> str:
    """Return docs/cli.md."""
    from app.cli import commands  # noqa: PLC0415 - the other pages need no application

    return _CLI + "".join(_command(f"ccflare {name}", command) for name, command in _leaves(commands))


def _leaves(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield the full name and the command of everything below a group, in the order of names."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield f"{above}{name}", command
            yield from _leaves(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"flask {name}")
    usage = " ".join([f"flask {name}", *command.collect_usage_pieces(context)])
    about = " ".join((command.help or "").split())
    rows = [parameter.get_help_record(context) for parameter in command.params if isinstance(parameter, click.Option)]
    cells = [(record[0].replace("|", "\\|"), record[1].replace("|", "\\|")) for record in rows if record]
    lines = [f"| `{option}` | {meaning} |\n" for option, meaning in cells]
    table = "\n| option | |\n|---|---|\n" + "".join(lines) if lines else ""
    return f"\n## {name}\n\n{about}\n\n```\n{usage}\n```\n{table}"


_PROVIDERS_PAGE = "docs/providers.md"


def providers() -> str:
    """Return docs/providers.md with its tables of modes and jobs as the code has them; the rest is written by hand."""
    return _filled(_PROVIDERS_PAGE, {"modes": _modes(), "jobs": _jobs()})


_API_PAGE = "docs/api-http.md"


def http_api() -> str:
    """Return docs/api-http.md with its calls and objects as the code has them; the rest is written by hand."""
    from scripts import api_page  # noqa: PLC0415 - the other pages need no application

    return _filled(_API_PAGE, {"calls": api_page.calls(), "objects": api_page.objects()})


def _filled(page: str, parts: Mapping[str, str]) -> str:
    """Return a page with what stands between its marks written anew."""
    text = (ROOT / page).read_text("utf-8")
    for name, part in parts.items():
        begin, end = f"<!-- {name}: begin (written by scripts/gen_docs.py) -->\n", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}{part}{end}{after}"
    return text


def _modes() -> str:
    from app.providers import PRESETS, PROVIDERS  # noqa: PLC0415 - the other pages need no providers

    rows = ["| mode | what | address | credential | limits |\n|---|---|---|---|---|\n"]
    for name, provider in PROVIDERS.items():
        address = f"`{provider.base_url}`" if provider.base_url else "`--endpoint` names it"
        preset = " (preset)" if name in PRESETS else ""
        limits = "windows, polled and told" if provider.holds_window else "as its answers tell"
        rows.append(f"| `{name}` | {provider.label}{preset} | {address} | {_credential(provider)} | {limits} |\n")
    return "".join(rows)


def _credential(provider: "Provider") -> str:
    if provider.secret_kind == "oauth":
        return "log-in (OAuth)"
    if not provider.needs_secret:
        return "none needed"
    header = "`x-api-key`" if provider.key_header == "x-api-key" else "Bearer"
    return f"key ({header})" + (", or a log-in that makes one" if provider.oauth else "")


def _jobs() -> str:
    from app.background.jobs import JOBS  # noqa: PLC0415 - the other pages need no application

    rows = [f"| `{job.name}` | {_interval(job.every_s)} | {job.what} |\n" for job in JOBS]
    return "| job | runs | what |\n|---|---|---|\n" + "".join(rows)


def _interval(seconds: float) -> str:
    return f"every {seconds / 3600:g} h" if seconds >= 3600 else f"every {seconds:g} s"


PAGES: dict[str, Callable[[], str]] = {
    "docs/configuration.md": configuration,
    "docs/cli.md": command_line,
    _PROVIDERS_PAGE: providers,
    _API_PAGE: http_api,
}


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
