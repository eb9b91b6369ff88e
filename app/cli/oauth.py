"""Commands that log accounts in: on a terminal, in two steps for programs, or with tokens that exist already."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from app.accounts import imports, oauth, service
from app.accounts.entry import NewAccount, check_takes_tokens
from app.accounts.oauth import Begun, Credential
from app.accounts.overview import AccountView
from app.cli import output
from app.cli.group import actor, commands
from app.cli.login import LogIn, log_in_options
from app.cli.output import json_option
from app.clock import now_ms
from app.providers import PROVIDERS
from app.runtime import runtime
from app.values import TokenPair

_HOW = (
    "Logging in takes a terminal, or two steps: --begin, then --finish SESSION --code-stdin. "
    "Tokens that exist already come with --tokens-stdin."
)


def add(new: NewAccount, steps: LogIn) -> None:
    """Add an account by logging it in, as far as the options say."""
    steps.check()
    if steps.tokens_stdin:
        _show_added(_add_with(new, _tokens()))
    elif steps.finish is not None:
        if new.priority or new.endpoint or new.model_mappings:
            raise click.UsageError("--priority, --endpoint and --model-mapping go with --begin, which keeps them.")
        _show_added(_finish(new.name, steps.finish, steps.code_stdin))
    else:
        again = f"add-account {shlex.quote(new.name)} --mode {new.mode}"
        begun = _begun(steps, again, lambda: runtime().log_ins.begin(new))
        if begun is not None:
            _show_added(_finish(new.name, begun.session, from_stdin=False))


@commands.command()
@click.argument("name")
@log_in_options
@json_option
def reauthenticate(name: str, **options: Any) -> None:
    """Log an account in anew; it keeps its priority and its history."""
    steps = LogIn(**options)
    steps.check()
    view = service.view(runtime().vault, name)
    if steps.tokens_stdin:
        tokens = _for_mode(view.mode, _tokens())
        _show_again(oauth.renew(runtime().vault, view.id, Credential(tokens), actor()))
    elif steps.finish is not None:
        _show_again(_finish(view.name, steps.finish, steps.code_stdin))
    else:
        again = f"reauthenticate {shlex.quote(view.name)}"
        begun = _begun(steps, again, lambda: runtime().log_ins.begin_again(view.id))
        if begun is not None:
            _show_again(_finish(view.name, begun.session, from_stdin=False))


@commands.command("import-claude-code")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--name", default="claude-code", show_default=True, help="What the account is called.")
@click.option("--priority", default=0, show_default=True, help="0 to 100; a lower one is asked first.")
@json_option
def import_claude_code(file: Path | None, name: str, priority: int) -> None:
    """Add an account from the login file of Claude Code (~/.claude/.credentials.json).

    A refresh token is good for one program: whichever refreshes first logs the other one out.
    """
    found = imports.claude_code(file)
    view = _add_with(NewAccount(name, "max", priority=priority), found.tokens)
    output.show(view, f"Added {view.name} ({view.label}).\n{_took(found)}")


def _took(found: imports.Found) -> str:
    tokens = found.tokens
    parts = ["an access token"] if tokens.access_token else []
    parts += ["a refresh token"] if tokens.refresh_token else []
    plan = f" of a {found.subscription} subscription" if found.subscription else ""
    expiry = f", which expires {output.when(tokens.expires_at, now_ms())}" if tokens.expires_at else ""
    text = f"Taken from {found.path}: {' and '.join(parts)}{plan}{expiry}."
    if tokens.refresh_token:
        text += (
            "\nBoth programs now hold one refresh token: the first to use it logs the other out."
            "\nLog Claude Code out, or point it at ccflare, before the token expires."
        )
    return text


def _begun(steps: LogIn, again: str, begin: Callable[[], Begun]) -> Begun | None:
    """Begin a log-in and show where to go; return it if the code is to be typed now."""
    if not steps.begin and not sys.stdin.isatty():
        raise click.UsageError(_HOW)
    begun = begin()
    if steps.begin:
        output.show(
            begun,
            f"Open this page and agree:\n\n  {begun.url}\n\nThen, within ten minutes, with the code that it shows on "
            f"standard input:\n\n  flask ccflare {again} --finish {begun.session} --code-stdin",
        )
        return None
    click.echo(f"Open this page, agree, and copy the code that it shows:\n\n  {begun.url}\n", err=True)
    return begun


def _finish(name: str, session: str, from_stdin: bool) -> AccountView:
    pasted = output.read_secret("Code", "--code-stdin", from_stdin)
    return runtime().log_ins.finish(session, pasted, actor(), name=name)


def _add_with(new: NewAccount, tokens: TokenPair) -> AccountView:
    return service.add(runtime().vault, replace(new, tokens=_for_mode(new.mode, tokens)), actor())


def _for_mode(mode: str, tokens: TokenPair) -> TokenPair:
    check_takes_tokens(PROVIDERS[mode])
    return tokens


def _tokens() -> TokenPair:
    text = sys.stdin.read(1 << 20)
    if not text.strip():
        raise click.UsageError("--tokens-stdin: standard input is empty.")
    return imports.tokens_of(text)


def _show_added(view: AccountView) -> None:
    output.show(view, f"Added {view.name} ({view.label}), priority {view.priority}.")


def _show_again(view: AccountView) -> None:
    output.show(view, f"{view.name} is logged in again.")
