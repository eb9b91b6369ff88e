"""Commands on accounts."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import click

from app.accounts import service
from app.accounts.mappings import parse_mappings
from app.accounts.overview import AccountView, WindowView
from app.accounts.service import NewAccount
from app.cli import oauth, output
from app.cli.group import actor, commands
from app.cli.login import LogIn, log_in_options
from app.cli.output import json_option
from app.clock import now_ms
from app.errors import InvalidInput
from app.providers import PROVIDERS
from app.runtime import runtime


@commands.command("add-account")
@click.argument("name")
@click.option("--mode", required=True, type=click.Choice(list(PROVIDERS)), help="What the account is.")
@click.option("--priority", default=0, show_default=True, help="0 to 100; a lower one is asked first.")
@click.option("--endpoint", metavar="URL", help="Base URL, if not the mode's own.")
@click.option("--model-mapping", "mappings", metavar="FROM=TO", multiple=True, help="Repeatable; FROM=A,B in order.")
@click.option("--api-key-stdin", is_flag=True, help="Read the API key from standard input.")
@log_in_options
@json_option
def add_account(
    name: str,
    mode: str,
    priority: int,
    endpoint: str | None,
    mappings: tuple[str, ...],
    api_key_stdin: bool,
    **steps: Any,
) -> None:
    """Add an account."""
    new = NewAccount(name, mode, priority=priority, endpoint=endpoint, model_mappings=parse_mappings(mappings))
    log_in = LogIn(**steps)
    provider = PROVIDERS[mode]
    if log_in.is_asked_for or provider.secret_kind == "oauth":  # noqa: S105 - a kind of secret
        if not provider.oauth or api_key_stdin:
            raise click.UsageError(f"Mode {mode} takes {'a log-in' if provider.oauth else 'an API key'} here.")
        oauth.add(new, log_in)
        return
    key = None
    if provider.needs_secret or api_key_stdin:
        key = output.read_secret(f"API key of {name}", "--api-key-stdin", api_key_stdin)
    view = service.add(runtime().vault, replace(new, api_key=key), actor())
    output.show(view, f"Added {view.name} ({view.label}), priority {view.priority}.")


@commands.command("list")
@json_option
def list_accounts() -> None:
    """List the accounts."""
    views = service.views(runtime().vault)
    output.show(views, lambda: _table(views) if views else "There is no account. `flask ccflare add-account` adds one.")


@commands.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(name: str, yes: bool) -> None:
    """Remove an account; its history stays."""
    if not yes:
        view = service.view(runtime().vault, name)
        output.confirm_or_fail(f"Remove {view.name} ({view.label}) and its credential?")
    view = service.remove(name, actor())
    output.show(view, f"Removed {view.name}.")


@commands.command()
@click.argument("name")
@click.argument("new_name")
@json_option
def rename(name: str, new_name: str) -> None:
    """Give an account another name."""
    view = service.rename(name, new_name, actor())
    output.show(view, f"{name} is called {view.name} now.")


@commands.command()
@click.argument("name")
@click.option("--reason", help="Shown wherever the account is.")
@json_option
def pause(name: str, reason: str | None) -> None:
    """Take an account out of the pool until it is resumed."""
    view = service.pause(name, reason, actor())
    output.show(view, f"{view.name} is paused{f': {view.health.reason}' if view.health.reason else ''}.")


@commands.command()
@click.argument("name")
@json_option
def resume(name: str) -> None:
    """Put a paused account back into the pool."""
    was = service.view(runtime().vault, name)
    view = service.resume(name, actor())
    done = "is back in the pool" if was.paused_at is not None else "was not paused"
    output.show(view, f"{view.name} {done}. Its state: {health_words(view)}.")


@commands.command("set-priority", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("priority", type=int)
@json_option
def set_priority(name: str, priority: int) -> None:
    """Set an account's priority, 0 to 100; a lower one is asked first."""
    view = service.set_priority(name, priority, actor())
    output.show(view, f"{view.name} has priority {view.priority}.")


@commands.command("set-endpoint")
@click.argument("name")
@click.argument("url", required=False)
@click.option("--default", "use_default", is_flag=True, help="Go back to the mode's own address.")
@json_option
def set_endpoint(name: str, url: str | None, use_default: bool) -> None:
    """Set an account's base URL."""
    if (url is None) != use_default:
        raise click.UsageError("Give either URL or --default.")
    view = service.set_endpoint(name, url, actor())
    output.show(view, f"{view.name} is reached at {view.endpoint or 'the address of its mode'}.")


@commands.command("set-model-mapping")
@click.argument("name")
@click.argument("mappings", metavar="[FROM=TO]...", nargs=-1)
@click.option("--clear", is_flag=True, help="Remove all mappings.")
@json_option
def set_model_mapping(name: str, mappings: tuple[str, ...], clear: bool) -> None:
    """Replace an account's model mappings; `FROM=` says that it does not serve the model."""
    if bool(mappings) == clear:
        raise click.UsageError("Give either mappings or --clear.")
    view = service.set_model_mappings(name, parse_mappings(mappings), actor())
    shown = "; ".join(f"{model} -> {', '.join(names) or 'not served'}" for model, names in view.model_mappings.items())
    output.show(view, f"{view.name} maps {shown or 'no model'}.")


@commands.command("set-key")
@click.argument("name")
@click.option("--api-key-stdin", is_flag=True, help="Read the API key from standard input.")
@json_option
def set_key(name: str, api_key_stdin: bool) -> None:
    """Give an account another API key in place of the one it has."""
    key = output.read_secret(f"API key of {name}", "--api-key-stdin", api_key_stdin)
    view = service.replace_key(runtime().vault, name, key, actor())
    output.show(view, f"{view.name} has a new API key.")


@commands.command("auto-refresh")
@click.argument("name")
@click.argument("switch", type=click.Choice(["on", "off"]))
@json_option
def auto_refresh(name: str, switch: str) -> None:
    """Switch on or off that an account's new window is opened early, by a request of our own."""
    if switch == "on" and not service.view(runtime().vault, name).holds_window:
        raise InvalidInput.field("switch", f"has no effect: {name} is of a mode without a window to open")
    view = service.set_auto_refresh(name, switch == "on", actor())
    output.show(view, f"{view.name}: auto-refresh is {switch}.")


@commands.command("force-reset")
@click.argument("name")
@json_option
def force_reset(name: str) -> None:
    """Forget an account's cool-downs and spent windows, so that it is asked again."""
    was = service.view(runtime().vault, name)
    view = service.force_reset(name, actor())
    is_held = was.health.until is not None or was.health.state == "exhausted" or was.model_cooldowns
    done = "is asked again" if is_held or was.refresh_retry_at else "was held back by nothing"
    output.show(view, f"{view.name} {done}. Its state: {health_words(view)}.")


def _table(views: tuple[AccountView, ...]) -> str:
    headers = ("NAME", "MODE", "PRIORITY", "STATE", "WINDOWS")
    rows = [
        (
            view.name,
            view.mode,
            str(view.priority),
            health_words(view),
            ", ".join(map(_window, _telling(view.windows))) or output.NOTHING,
        )
        for view in views
    ]
    return output.table(headers, rows, right=frozenset({2}))


def health_words(view: AccountView) -> str:
    """Return an account's state with why, by whom, and until when."""
    health = view.health
    parts = [part for part in (health.reason, f"by {health.by}" if health.by else None) if part]
    if health.until is not None:
        parts.append(f"back {output.when(health.until, now_ms())}")
    return health.state.replace("_", " ") + (f" ({', '.join(parts)})" if parts else "")


def _telling(windows: Iterable[WindowView]) -> list[WindowView]:
    """Return the windows that hold and of which something is known; of those by the minute the fullest alone."""
    known = [one for one in windows if not one.is_reset and (one.utilization is not None or one.status is not None)]
    long = [one for one in known if one.kind[:1].isdigit()]
    short = [one for one in known if not one.kind[:1].isdigit()]
    return [*long, *sorted(short, key=lambda one: one.utilization or 0, reverse=True)[:1]]


def _window(window: WindowView) -> str:
    used = output.percent(window.utilization) if window.utilization is not None else window.status
    reset = f", resets {output.when(window.reset_at, now_ms())}" if window.reset_at else ""
    return f"{window.kind} {used} ({output.span(window.age_ms)} old){reset}"
