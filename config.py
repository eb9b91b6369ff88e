"""Settings: the one typed table of what an operator may set, and the only reader of the environment.

Precedence: environment, then the `.env` file, then what was changed at run time (`stored`), then the default.
Every default is written as the text an operator would type; `{other}` in it stands for an earlier setting.
"""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast, get_args
from urllib.parse import urlsplit

PROJECT_ROOT = Path(__file__).resolve().parent

Origin = Literal["environment", ".env", "stored", "default"]
Environment = Literal["production", "development"]
LogLevel = Literal["debug", "info", "warn", "error"]
LogFormat = Literal["text", "json"]
StrategyName = Literal["session", "session-affinity", "least-used", "drain-soonest"]
StorePayloads = Literal["off", "errors", "all"]

T = TypeVar("T")


class ConfigError(Exception):
    """Wrong settings. `faults` has one sentence for each: which one, what is wrong, what to do."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How a text becomes a value. `parse` raises ValueError; `expects` completes "give ..."."""

    expects: str
    parse: Callable[[str], T]


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the table. `env`: accepted names, the first one found counts; `documented` is the one to show."""

    name: str
    documented: str
    env: tuple[str, ...]
    kind: Kind[Any]
    default: str
    help: str
    runtime: bool
    secret: bool


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting as people see it: texts only, secrets masked."""

    name: str
    env: str
    value: str
    origin: Origin
    default: str
    expects: str
    help: str
    runtime: bool
    secret: bool


def _matching(pattern: str, expects: str) -> Kind[str]:
    compiled = re.compile(pattern, re.ASCII)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError
        return text

    return Kind(expects, parse)


def _number(low: float, high: float, pattern: str, kind: Callable[[str], T]) -> Callable[[str], T]:
    compiled = re.compile(pattern, re.ASCII)

    def parse(text: str) -> T:
        if not compiled.fullmatch(text) or not low <= float(text) <= high:
            raise ValueError
        return kind(text)

    return parse


def _whole(low: int, high: int) -> Kind[int]:
    return Kind(f"a whole number from {low} to {high}", _number(low, high, r"-?\d{1,18}", int))


def _decimal(low: float, high: float) -> Kind[float]:
    return Kind(f"a number from {low:g} to {high:g}", _number(low, high, r"-?\d{1,18}(\.\d{1,9})?", float))


def _choice(options: tuple[T, ...]) -> Kind[T]:
    table = {str(option): option for option in options}

    def parse(text: str) -> T:
        if text.lower() not in table:
            raise ValueError
        return table[text.lower()]

    return Kind("one of " + ", ".join(table), parse)


def _optional(kind: Kind[T]) -> Kind[T | None]:
    return Kind(kind.expects, lambda text: kind.parse(text) if text else None)


def _parse_boolean(text: str) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.lower() not in words:
        raise ValueError
    return words[text.lower()]


def _parse_url(text: str) -> str:
    parts = urlsplit(text)
    clean = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc and not parts.fragment
    if not clean or re.search(r"[\s\x00-\x1f]", text) or parts.port == 0:
        raise ValueError
    return text.rstrip("/")


def _parse_proxy(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.port == 0:
        raise ValueError
    return text.rstrip("/")


def _parse_path(text: str) -> Path:
    if "\0" in text:
        raise ValueError
    try:
        return (PROJECT_ROOT / Path(text).expanduser()).resolve()
    except (OSError, RuntimeError) as exc:  # no such user, or a loop of links
        raise ValueError from exc


def _parse_readable_file(text: str) -> Path:
    path = _parse_path(text)
    if not os.access(path, os.R_OK) or not path.is_file():
        raise ValueError
    return path


def _parse_hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    if any(not re.fullmatch(r"\.?[a-z0-9_\-]+(\.[a-z0-9_\-]+)*|\[[0-9a-f:.]+\]", host, re.ASCII) for host in hosts):
        raise ValueError
    return hosts


def _parse_database(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg") and rest:
        return f"postgresql+psycopg{separator}{rest}"
    path, mark, query = rest[1:].partition("?")
    if scheme == "sqlite" and rest.startswith("/") and path and ":memory:" not in rest:
        return f"sqlite:///{_parse_path(path)}{mark}{query}"
    raise ValueError


_BOOLEAN = Kind("true or false", _parse_boolean)
_URL = Kind("an http or https URL without credentials", _parse_url)
_PROXY = Kind("a proxy URL like http://user:password@host:3128", _parse_proxy)
_PATH = Kind("a path (relative ones start at the project's folder)", _parse_path)
_FILE = Kind("the path of a readable file", _parse_readable_file)
_HOSTS = Kind("host names, joined by commas", _parse_hosts)
_DATABASE = Kind("sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME", _parse_database)
_PREFIX = "CCFLARE_"
_HOST = _matching(r"[A-Za-z0-9._\-]+|[0-9A-Fa-f:.]+", "an IP address or host name")
_WORD = _matching(r"[\x21-\x7e]{1,200}", "a word without spaces")
_TEXT = _matching(r"[\x20-\x7e\n]{1,10000}", "printable text")


def _set(env: str, kind: Kind[T], default: str, explanation: str, *, runtime: bool = False, secret: bool = False) -> T:
    """Return the dataclass field that carries one line of the table; for the type checker, the value itself."""
    prefixed = env if env.startswith(_PREFIX) else f"{_PREFIX}{env}"
    names = (prefixed,) if prefixed == env else (prefixed, env)
    line = Setting("", env, names, kind, default, explanation, runtime, secret)
    return cast(T, field(metadata={"line": line}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting with its value in force. Made by `load`; a frozen value that may be handed to any room."""

    environment: Environment = _set(
        "CCFLARE_ENV", _choice(get_args(Environment)), "production", "development reloads code and templates on change"
    )
    host: str = _set(
        "HOST",
        _HOST,
        "127.0.0.1",
        "Address to listen on; beyond loopback an admin and TLS or a declared proxy are needed",
    )
    port: int = _set("PORT", _whole(1, 65535), "8080", "Port to listen on")
    workers: int = _set("WEB_CONCURRENCY", _whole(1, 64), "1", "Worker processes; one a core is enough")
    worker_connections: int = _set(
        "CCFLARE_WORKER_CONNECTIONS", _whole(10, 100_000), "2000", "Open client connections of one worker"
    )
    trusted_hosts: tuple[str, ...] = _set(
        "TRUSTED_HOSTS",
        _HOSTS,
        "",
        "Names that pages and API answer to; a leading dot takes subdomains. Empty: loopback names, or any beyond it",
    )
    behind_proxy: int = _set(
        "CCFLARE_BEHIND_PROXY", _whole(0, 8), "0", "How many trusted proxies in front set X-Forwarded-*; 0 ignores them"
    )
    tls_cert: Path | None = _set("CCFLARE_TLS_CERT", _optional(_FILE), "", "Certificate chain (PEM) to serve TLS with")
    tls_key: Path | None = _set("CCFLARE_TLS_KEY", _optional(_FILE), "", "Private key (PEM) of that certificate")
    max_body_bytes: int = _set(
        "CCFLARE_MAX_BODY_BYTES", _whole(1024, 2**32), "67108864", "Largest request body that is taken; 413 beyond"
    )

    log_level: LogLevel = _set("LOG_LEVEL", _choice(get_args(LogLevel)), "info", "Least severe level that is logged")
    log_format: LogFormat = _set(
        "CCFLARE_LOG_FORMAT", _choice(get_args(LogFormat)), "text", "Log lines for people (text) or programs (json)"
    )

    data_dir: Path = _set("CCFLARE_DATA_DIR", _PATH, "instance", "Folder of database, journals, logs and key file")
    database_url: str = _set(
        "DATABASE_URL", _DATABASE, "sqlite:///{data_dir}/ccflare.db", "Where the database is", secret=True
    )
    encryption_keys: str | None = _set(
        "CCFLARE_ENCRYPTION_KEYS",
        _optional(_TEXT),
        "",
        "Keys that encrypt secrets and payloads. Empty: a key file in the data folder, made at first start",
        secret=True,
    )
    encryption_keys_file: Path | None = _set(
        "CCFLARE_ENCRYPTION_KEYS_FILE",
        _optional(_PATH),
        "",
        "File that holds those keys instead, and is followed when it changes",
    )

    lb_strategy: StrategyName = _set(
        "LB_STRATEGY", _choice(get_args(StrategyName)), "session", "How the account is chosen", runtime=True
    )
    session_duration_ms: int = _set(
        "SESSION_DURATION_MS", _whole(60_000, 2_592_000_000), "18000000", "How long a session sticks", runtime=True
    )
    retry_attempts: int = _set(
        "RETRY_ATTEMPTS", _whole(1, 10), "3", "Attempts at one account, the first one included", runtime=True
    )
    retry_delay_ms: int = _set(
        "RETRY_DELAY_MS", _whole(0, 30_000), "1000", "Longest wait before the second attempt", runtime=True
    )
    retry_backoff: float = _set("RETRY_BACKOFF", _decimal(1, 10), "2", "Factor from one wait to the next", runtime=True)
    hold_max_s: float = _set(
        "CCFLARE_HOLD_MAX_S", _decimal(0, 3600), "0", "How long a request waits for an account to return", runtime=True
    )
    default_model: str | None = _set(
        "CCFLARE_DEFAULT_MODEL", _optional(_WORD), "", "Model kept for `get-model`; no request is changed", runtime=True
    )

    connect_timeout_s: float = _set("CCFLARE_CONNECT_TIMEOUT_S", _decimal(0.1, 300), "10", "Connecting to an upstream")
    first_byte_timeout_s: float = _set(
        "CCFLARE_FIRST_BYTE_TIMEOUT_S", _decimal(0.1, 7200), "600", "Until the head of an upstream's answer"
    )
    idle_timeout_s: float = _set(
        "CCFLARE_IDLE_TIMEOUT_S", _decimal(0.1, 7200), "300", "Silence between two parts of an upstream's answer"
    )
    first_event_hold_s: float = _set(
        "CCFLARE_FIRST_EVENT_HOLD_S", _decimal(0, 60), "2", "How long an answer's head waits for what comes first"
    )
    body_timeout_s: float = _set(
        "CCFLARE_BODY_TIMEOUT_S", _decimal(0.1, 3600), "60", "A client's body that makes no progress is cut"
    )
    write_timeout_s: float = _set(
        "CCFLARE_WRITE_TIMEOUT_S", _decimal(0.1, 3600), "120", "A client that does not read its answer is cut"
    )
    drain_s: float = _set("CCFLARE_DRAIN_S", _decimal(0, 86_400), "600", "How long shutdown lets running streams end")

    anthropic_base_url: str = _set(
        "CCFLARE_ANTHROPIC_BASE_URL", _URL, "https://api.anthropic.com", "The Claude API for accounts without endpoint"
    )
    client_id: str = _set("CLIENT_ID", _WORD, "9d1c250a-e61b-44d9-88ed-5944d1962f5e", "OAuth client id of log-ins")
    oauth_token_url: str = _set(
        "CCFLARE_OAUTH_TOKEN_URL", _URL, "https://platform.claude.com/v1/oauth/token", "Where OAuth tokens are issued"
    )
    oauth_authorize_url: str = _set(
        "CCFLARE_OAUTH_AUTHORIZE_URL", _URL, "https://claude.ai/oauth/authorize", "Log-in page of `max` accounts"
    )
    console_authorize_url: str = _set(
        "CCFLARE_CONSOLE_AUTHORIZE_URL",
        _URL,
        "https://console.anthropic.com/oauth/authorize",
        "Log-in page of `console` accounts",
    )
    oauth_redirect_uri: str = _set(
        "CCFLARE_OAUTH_REDIRECT_URI",
        _URL,
        "https://platform.claude.com/oauth/code/callback",
        "Page that shows the code to paste",
    )
    oauth_scopes: str = _set(
        "CCFLARE_OAUTH_SCOPES",
        _TEXT,
        "org:create_api_key user:profile user:inference user:sessions:claude_code user:mcp_servers user:file_upload",
        "OAuth scopes that a log-in asks for, joined by spaces",
    )
    create_api_key_url: str = _set(
        "CCFLARE_CREATE_API_KEY_URL",
        _URL,
        "{anthropic_base_url}/api/oauth/claude_cli/create_api_key",
        "Where a `console` log-in creates its API key",
    )
    usage_url: str = _set(
        "CCFLARE_USAGE_URL", _URL, "{anthropic_base_url}/api/oauth/usage", "Where a `max` account's windows are polled"
    )
    usage_poll_s: float = _set(
        "CCFLARE_USAGE_POLL_S", _decimal(10, 86_400), "90", "Time between two polls of an account", runtime=True
    )
    auto_refresh_model: str = _set(
        "CCFLARE_AUTO_REFRESH_MODEL",
        _WORD,
        "claude-haiku-4-5",
        "Model that is asked when an account with auto-refresh opens its next window",
        runtime=True,
    )
    allow_private_endpoints: bool = _set(
        "CCFLARE_ALLOW_PRIVATE_ENDPOINTS", _BOOLEAN, "true", "Whether endpoints of accounts may be private addresses"
    )
    outbound_proxy: str | None = _set(
        "CCFLARE_OUTBOUND_PROXY", _optional(_PROXY), "", "Proxy on the way to every upstream", secret=True
    )
    outbound_ca_file: Path | None = _set(
        "CCFLARE_OUTBOUND_CA_FILE", _optional(_FILE), "", "Certificate authorities (PEM) to trust instead of the usual"
    )

    store_payloads: StorePayloads = _set(
        "STORE_PAYLOADS", _choice(get_args(StorePayloads)), "all", "Which requests keep their bodies", runtime=True
    )
    payload_max_bytes: int = _set(
        "CCFLARE_PAYLOAD_MAX_BYTES", _whole(1024, 2**32), "1048576", "How much of one body is kept", runtime=True
    )
    payload_store_max_bytes: int = _set(
        "CCFLARE_PAYLOAD_STORE_MAX_BYTES", _whole(0, 2**50), "2147483648", "Size of all kept bodies", runtime=True
    )
    data_retention_days: int = _set(
        "DATA_RETENTION_DAYS", _whole(1, 3650), "7", "How long bodies are kept", runtime=True
    )
    request_retention_days: int = _set(
        "REQUEST_RETENTION_DAYS", _whole(1, 3650), "365", "How long records of requests are kept", runtime=True
    )

    warnings: tuple[str, ...] = ()
    """What looks like a mistake but does not stop the start."""
    origins: Mapping[str, Origin] = field(default_factory=dict, repr=False)

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] | None = None,
        stored: Mapping[str, str] | None = None,
        env_file: Path | None = None,
    ) -> "Settings":
        """Read every setting. Raises ConfigError with all faults at once.

        Without `environ` the process's environment and the project's `.env` are read; with it only what is given.
        `stored`: texts of run-time changes by setting name.
        """
        if environ is None:
            environ, env_file = os.environ, env_file or PROJECT_ROOT / ".env"
        loader = _Loader(environ, env_file)
        values = loader.values()
        settings = cls(**values, warnings=tuple(loader.warnings), origins=loader.origins)
        return settings.with_stored(stored) if stored else settings

    def with_stored(self, stored: Mapping[str, str]) -> "Settings":
        """Return the settings with these run-time changes in force instead of the former ones.

        Environment and `.env` stay above them; a stored text that is no longer accepted is ignored with a warning.
        """
        values: dict[str, Any] = {}
        origins, warnings = dict(self.origins), list(self.warnings)
        for line in SETTINGS:
            if not line.runtime or origins[line.name] in ("environment", ".env"):
                continue
            values[line.name], origins[line.name] = line.kind.parse(line.default), "default"
            if line.name in stored:
                try:
                    values[line.name], origins[line.name] = line.kind.parse(stored[line.name].strip()), "stored"
                except ValueError:
                    warnings.append(f"{line.name}: the stored value is ignored. Give {line.kind.expects}.")
        return replace(self, **values, origins=origins, warnings=tuple(dict.fromkeys(warnings)))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def origin(self, name: str) -> Origin:
        """Say where the value of the setting `name` comes from."""
        return self.origins[name]

    def rows(self) -> tuple[SettingRow, ...]:
        """Return every setting as people see it, in the table's order."""
        return tuple(
            SettingRow(
                name=line.name,
                env=line.documented,
                value=_shown(line, getattr(self, line.name)),
                origin=self.origin(line.name),
                default=line.default,
                expects=line.kind.expects,
                help=line.help,
                runtime=line.runtime,
                secret=line.secret,
            )
            for line in SETTINGS
        )


SETTINGS: tuple[Setting, ...] = tuple(
    replace(cell.metadata["line"], name=cell.name) for cell in fields(Settings) if "line" in cell.metadata
)


def parse_one(name: str, text: str) -> object:
    """Return the value that `text` means for a setting that may change at run time. Raises ConfigError."""
    line = next((line for line in SETTINGS if line.name == name), None)
    if line is None:
        raise ConfigError([f"{name}: there is no such setting.{_nearest(name, [line.name for line in SETTINGS])}"])
    if not line.runtime:
        raise ConfigError([f"{name}: cannot change while the server runs. Set {line.documented} and start it again."])
    try:
        return line.kind.parse(text.strip())
    except ValueError:
        raise ConfigError([f"{name}: {text!r} is not accepted. Give {line.kind.expects}."]) from None


def _nearest(name: str, known: list[str]) -> str:
    # The prefix that all have in common brings no name nearer to another.
    match = get_close_matches(name.removeprefix(_PREFIX), [one.removeprefix(_PREFIX) for one in known], n=1)
    nearest = next((one for one in known if one.removeprefix(_PREFIX) == match[0]), None) if match else None
    return f" Did you mean {nearest}?" if nearest else ""


def _may_be_in_file(line: Setting) -> bool:
    """Whether `_FILE` behind a setting's name reads it from a file; where that is a setting itself, it is not read."""
    return line.secret and not any(f"{line.documented}_FILE" in other.env for other in SETTINGS)


def _shown(line: Setting, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, float):
        return f"{value:g}"
    return _masked(str(value)) if line.secret else str(value)


def _masked(text: str) -> str:
    """Return a secret as it may be shown: a URL without its password and query, anything else as `***`."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return "***"
    if scheme == "sqlite":
        return text
    address, mark, _ = rest.partition("?")
    userinfo, at, host = address.rpartition("@")
    login = f"{userinfo.partition(':')[0]}:***@" if at else ""
    return f"{scheme}://{login}{host}{mark and '?***'}"


class _Loader:
    """One reading of all settings: collects values, origins, faults and warnings."""

    def __init__(self, environ: Mapping[str, str], env_file: Path | None) -> None:
        self.faults: list[str] = []
        self.warnings: list[str] = []
        self.origins: dict[str, Origin] = {}
        self._sources: tuple[tuple[Origin, Mapping[str, str]], ...] = (
            ("environment", environ),
            (".env", self._read_env_file(env_file)),
        )

    def values(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for line in SETTINGS:
            values[line.name] = self._value(line, values)
        self._check_together(values)
        self._warn_of_strangers()
        if self.faults:
            raise ConfigError(self.faults)
        return values

    def _value(self, line: Setting, values: Mapping[str, Any]) -> object:
        for origin, source in self._sources:
            for env in line.env:
                text = self._text(line, env, source)
                if text:
                    self.origins[line.name] = origin
                    return self._parsed(line, text, f"{env} ({origin})", values)
        self.origins[line.name] = "default"
        return line.kind.parse(line.default.format_map(values))

    def _text(self, line: Setting, env: str, source: Mapping[str, str]) -> str:
        text = source.get(env, "").strip()
        path = source.get(f"{env}_FILE", "").strip() if _may_be_in_file(line) else ""
        if not path:
            return text
        if text:
            self.faults.append(f"{env}: is set together with {env}_FILE. Remove one of the two.")
            return ""
        try:
            return _parse_path(path).read_text("utf-8").strip()
        except (OSError, ValueError):
            self.faults.append(f"{env}_FILE: {path!r} cannot be read. Give the path of a readable text file.")
            return ""

    def _parsed(self, line: Setting, text: str, place: str, values: Mapping[str, Any]) -> object:
        try:
            return line.kind.parse(text)
        except ValueError:
            shown = "the value" if line.secret else repr(text)
            self.faults.append(f"{place}: {shown} is not accepted. Give {line.kind.expects}.")
            return line.kind.parse(line.default.format_map(values))

    def _check_together(self, values: Mapping[str, Any]) -> None:
        if (values["tls_cert"] is None) != (values["tls_key"] is None):
            self.faults.append("CCFLARE_TLS_CERT, CCFLARE_TLS_KEY: only one is set. Set both or neither.")
        if values["encryption_keys"] is not None and values["encryption_keys_file"] is not None:
            self.faults.append(
                "CCFLARE_ENCRYPTION_KEYS: is set together with CCFLARE_ENCRYPTION_KEYS_FILE. Remove one of the two."
            )

    def _warn_of_strangers(self) -> None:
        known = [env for line in SETTINGS for env in line.env]
        known += [f"{env}_FILE" for line in SETTINGS if _may_be_in_file(line) for env in line.env]
        for origin, source in self._sources:
            for name in sorted(source):
                if name.startswith(_PREFIX) and not name.startswith("CCFLARE_TEST_") and name not in known:
                    self.warnings.append(f"{name} ({origin}): there is no such setting.{_nearest(name, known)}")

    def _read_env_file(self, path: Path | None) -> dict[str, str]:
        if path is None or not path.is_file():
            return {}
        try:
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            self.faults.append(f"{path}: cannot be read. Make it a UTF-8 text file that the server may read.")
            return {}
        pairs: dict[str, str] = {}
        for number, row in enumerate(text.splitlines(), 1):
            match = _ENV_LINE.fullmatch(row)
            if match and match["name"]:
                pairs[match["name"]] = _unquoted(match)
            elif not match:
                self.faults.append(
                    f"{path}, line {number}: is no setting. Write NAME=value, with quotes around spaces."
                )
        return pairs


_ENV_LINE = re.compile(
    r"""\s*(?:(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*
        (?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>[^'"\s\#](?:[^\#]|(?<!\s)\#)*)?)
        )?\s*(?:\#.*)?""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def _unquoted(match: re.Match[str]) -> str:
    if match["single"] is not None:
        return match["single"]
    if match["double"] is not None:
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), match["double"])
    return (match["bare"] or "").strip()
