"""What commands ask of a log-in: the options, and which step they mean together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class LogIn:
    """How an account is logged in: in one of two steps, or with tokens that exist already."""

    begin: bool
    finish: str | None
    code_stdin: bool
    tokens_stdin: bool

    @property
    def is_asked_for(self) -> bool:
        """Whether an option of a log-in was given."""
        return self.begin or self.finish is not None or self.code_stdin or self.tokens_stdin

    def check(self) -> None:
        """Refuse options that do not go together."""
        if self.begin + (self.finish is not None) + self.tokens_stdin > 1:
            raise click.UsageError("Give one of --begin, --finish and --tokens-stdin.")
        if self.code_stdin and self.finish is None:
            raise click.UsageError("--code-stdin goes with --finish SESSION.")


_OPTIONS = (
    click.option("--begin", is_flag=True, help="Log in, step 1: print where to go."),
    click.option("--finish", metavar="SESSION", help="Log in, step 2: finish what --begin began."),
    click.option("--code-stdin", is_flag=True, help="With --finish: read the code from standard input."),
    click.option("--tokens-stdin", is_flag=True, help="Read OAuth tokens as JSON from standard input."),
)


def log_in_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a log-in; `LogIn` takes their values."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
