"""What `add-account` asks of a log-in."""

from dataclasses import dataclass

from app.accounts.entry import NewAccount


@dataclass(frozen=True, slots=True)
class LogIn:
    """How an account is added by logging in: one of two steps, or with tokens that exist already."""

    account: NewAccount
    begin: bool
    finish: str | None
    code_stdin: bool
    tokens_stdin: bool

    @property
    def is_asked_for(self) -> bool:
        """Whether an option of a log-in was given."""
        return self.begin or self.finish is not None or self.code_stdin or self.tokens_stdin
