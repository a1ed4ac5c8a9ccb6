"""Where everything that an operator can set is decided, once: flags over environment over file over default."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import javaproperties
import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from schemas import Misconfigured

__all__ = ["LOCAL_BROKER", "Setting", "Settings", "listing", "loopback_port"]

LOCAL_BROKER = "127.0.0.1:19092"  # where `khabar broker` listens

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
# Kubernetes puts variables like KHABAR_KAFKA_BOOTSTRAP_SERVICE_HOST or KHABAR_METRICS_PORT=tcp://… into each container,
# named after the services beside it: they are nobody's settings.
_INJECTED = re.compile(r"_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?$")
_SECRET = re.compile(r"password|jaas|keystore\.key|private|token", re.IGNORECASE)
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|\[::1\]", re.IGNORECASE)


def loopback_port(brokers: str) -> int | None:
    """The port of the first of these `host:port` that is on this machine, None where all are elsewhere."""
    pairs = (each.strip().rpartition(":") for each in brokers.split(","))
    return next((int(port) for host, _, port in pairs if _LOOPBACK.fullmatch(host)), None)


def _brokers(text: str) -> str:
    addresses = [each.strip() for each in text.split(",")]
    for each in addresses:
        match = _ADDRESS.fullmatch(each)
        if match is None or not 0 < int(match[2]) < 65536:
            raise ValueError(f"{each!r} is not host:port")
    return ",".join(addresses)


def _matching(pattern: str, need: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"give {need}")
        return text

    return AfterValidator(check)


def _listed(value: Any) -> Any:
    """A list of TOML, or `a, b` in the environment."""
    return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value


def _paired(value: Any) -> Any:
    """A table of TOML, or `key=value, key=value` in the environment."""
    if not isinstance(value, str):
        return value
    return {key.strip(): name.strip() for key, _, name in (each.partition("=") for each in _listed(value))}


def _hashed(tokens: dict[str, str]) -> dict[str, str]:
    for digest, name in tokens.items():
        if not re.fullmatch(r"[0-9a-f]{64}", digest) or not name.strip():
            raise ValueError(f"what stands for {name!r} is not the SHA-256 of a token; make one: khabar token NAME")
    return tokens


def _origin(text: str) -> str:
    if not re.fullmatch(r"https?://[^/?#\s]+|\*", text):
        raise ValueError(f"{text!r} is no origin; give https://example.org, without a path, or *")
    return text


Brokers = Annotated[str, AfterValidator(_brokers)]
# Kafka allows names of 249 characters; lane and name take 70 of them.
Prefix = Annotated[
    str,
    _matching(r"(?!.{101})[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", "letters, digits, - and _, dots between; at most 100"),
]
LaneName = Annotated[str, _matching(r"[a-z0-9-]{1,40}", "1 to 40 of a-z, 0-9 and -")]
Port = Annotated[int, Field(ge=0, le=65535)]
Tokens = Annotated[dict[str, str], BeforeValidator(_paired), AfterValidator(_hashed)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(_listed)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Settings(BaseSettings):
    """What can be set, and when to; the keywords of its constructor are the flags of a command, None where not given.

    Raises Misconfigured for a value that cannot be, naming the setting, the value, where it stands and what to give.
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", validate_default=True)

    broker: Brokers = Field(
        LOCAL_BROKER,
        description="host:port of the Kafka brokers, comma between; change it to use a cluster of your own",
    )
    prefix: Prefix = Field(
        "khabar",
        description="first part of every topic and group name; change it where a cluster's rules ask for another",
    )
    lane: LaneName = Field(
        "live",
        description="the run to work on; change it to keep runs apart",
    )
    partitions: Annotated[int, Field(ge=1, le=1000)] = Field(
        4,
        description="partitions of new raw and normalized topics, so how many workers share a stage; raise it for more",
    )
    metrics_port: Port = Field(
        9464,
        description="port of /metrics and /healthz of the first stage on 127.0.0.1, the others take the next; 0 is off",
    )
    follow_port: Port = Field(
        9463,
        description="port of /metrics and /healthz of khabar follow on 127.0.0.1; 0 is off",
    )
    follow_late_after: Annotated[float, Field(ge=0)] = Field(
        24.0,
        description="hours between an item's date and our seeing it, past which it is late; more for slow feeds",
    )
    follow_allow: Names = Field(
        (),
        description="hosts whose addresses khabar follow may reach though they are not public; give those of your own",
    )
    tagger: Literal["crf", "off"] = Field(
        "crf",
        description="what finds the names in a text; off for stories alone, at a tenth of the CPU",
    )
    rules: Path | None = Field(
        None,
        description="the TOML file with the rules of alerts; give it to have khabar worker watch for them, too",
    )
    gateway_host: str = Field(
        "127.0.0.1",
        description="address that khabar serve listens at; 0.0.0.0 in a container, or behind a proxy elsewhere",
    )
    gateway_port: Port = Field(
        8464,
        description="port that khabar serve listens at; 0 is any that is free",
    )
    gateway_names: Names = Field(
        (),
        description="host names that khabar serve answers to beside localhost; give those under which others reach it",
    )
    gateway_rate: Annotated[int, Field(ge=0)] = Field(
        100,
        description="requests a second that one address may make of khabar serve; 0 (any) behind a proxy, which is one",
    )
    push_tokens: Tokens = Field(
        default_factory=dict,
        description="SHA-256 of a push token = the source it stands for; khabar token makes one for each producer",
    )
    read_tokens: Tokens = Field(
        default_factory=dict,
        description="SHA-256 of a read token = whose it is; give one where not everybody who gets there may read",
    )
    cors_origins: Origins = Field(
        (),
        description="origins whose pages may read from khabar serve, such as https://example.org; * is all",
    )
    kafka_properties: Path | None = Field(
        None,
        description="a Java client.properties file to connect with; give it where your cluster's owner handed you one",
    )
    kafka: dict[str, str] = Field(
        default_factory=dict,
        repr=False,
        description="how to connect, under the Java client's names (security.protocol, …); set it for TLS or passwords",
    )

    def __init__(self, **flags: Any) -> None:
        given = {name: value for name, value in flags.items() if value is not None}
        try:
            super().__init__(**given)
        except ValidationError as wrong:
            raise Misconfigured(_complaint(wrong, _layers(given))) from None
        self._origins = {name: origin for layer in reversed(_layers(given)) for name, origin in layer.origins().items()}

    _origins: dict[str, str]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *unused: PydanticBaseSettingsSource,
        **also_unused: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The layers below, the strongest first; pydantic-settings merges them and validates the result."""
        assert isinstance(init_settings, InitSettingsSource)  # noqa: S101 - what BaseSettings always gives
        return tuple(InitSettingsSource(settings_cls, layer.values) for layer in _layers(init_settings.init_kwargs))

    def on(self, lane: str) -> Settings:
        """The same settings for another lane."""
        return Settings(**(self._flags() | {"lane": lane}))

    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to see the flags that this one was given."""
        flags = self._flags()
        properties = {f"kafka_{key.replace('.', '_')}": value for key, value in flags.pop("kafka", {}).items()}
        return {f"KHABAR_{name.upper()}": _text(value) for name, value in (flags | properties).items()}

    def _flags(self) -> dict[str, Any]:
        given = [name for name, origin in self._origins.items() if origin == "flag"]
        flags = {name: getattr(self, name) for name in given if not name.startswith("kafka.")}
        properties = {key: value for key, value in self.kafka.items() if f"kafka.{key}" in given}
        return flags | ({"kafka": properties} if properties else {})


def _text(value: Any) -> str:
    """The value as the environment has it."""
    if isinstance(value, dict):
        return ",".join(f"{key}={each}" for key, each in value.items())
    return ",".join(value) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One line of `khabar settings`."""

    name: str
    value: str | int | None
    origin: str  # default, flag, an environment variable or a file
    description: str


def listing(settings: Settings) -> list[Setting]:
    """Every setting with its value (secrets masked) and where it came from."""
    lines = []
    for name, info in Settings.model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, dict):
            for key in sorted(value):
                shown = "********" if _SECRET.search(key) else value[key]
                origin = settings._origins.get(f"{name}.{key}") or settings._origins.get(name, "default")
                lines.append(
                    Setting(name=f"{name}.{key}", value=shown, origin=origin, description=info.description or "")
                )
            if value:
                continue
            value = None
        origin = settings._origins.get(name, "default")
        shown = _text(value) if isinstance(value, Path | tuple) else value
        lines.append(Setting(name=name, value=shown, origin=origin, description=info.description or ""))
    return lines


@dataclass(frozen=True, slots=True)
class _Layer:
    """Values of one origin; `names` says for each dotted setting under which name it stands there."""

    where: str
    values: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)

    def origins(self) -> dict[str, str]:
        flat = [name for name in self.values if name != "kafka"]
        flat += [f"kafka.{key}" for key in self.values.get("kafka", {})]
        return {name: self.origin(name) for name in flat}

    def origin(self, name: str) -> str:
        return f"{self.where} {self.names[name]}" if name in self.names else self.where


def _layers(flags: Mapping[str, Any]) -> list[_Layer]:
    """Flags, environment, file, Java properties: the strongest first."""
    layers = [_lifted("flag", dict(flags), {}), _environment(os.environ), _file()]
    path = next((layer.values["kafka_properties"] for layer in layers if "kafka_properties" in layer.values), None)
    if path is not None:
        layers.append(_java(Path(path)))
    return layers


def _lifted(where: str, values: dict[str, Any], names: dict[str, str]) -> _Layer:
    """bootstrap.servers among the client properties is the setting `broker`."""
    kafka = values.get("kafka")
    if isinstance(kafka, dict) and "bootstrap.servers" in kafka:
        values = values | {"kafka": {key: value for key, value in kafka.items() if key != "bootstrap.servers"}}
        servers = kafka["bootstrap.servers"]
        if values.setdefault("broker", servers) != servers:
            raise Misconfigured(
                f"{where} names two brokers: broker is {values['broker']!r} and bootstrap.servers is {servers!r}; "
                "remove one of them"
            )
    return _Layer(where, values, names)


def _environment(environ: Mapping[str, str]) -> _Layer:
    """KHABAR_LANE is `lane`; KHABAR_KAFKA_SECURITY_PROTOCOL is the client property security.protocol."""
    values: dict[str, Any] = {}
    kafka: dict[str, str] = {}
    names: dict[str, str] = {}
    for variable, value in sorted(environ.items()):
        name = variable.removeprefix("KHABAR_").lower()
        if not variable.startswith("KHABAR_") or _INJECTED.search(variable) or value.startswith(("tcp://", "udp://")):
            continue
        if name in Settings.model_fields and name != "kafka":
            values[name] = value
            names[name] = variable
        elif name.startswith("kafka_"):
            key = name.removeprefix("kafka_").replace("_", ".")
            kafka[key] = value
            names["broker" if key == "bootstrap.servers" else f"kafka.{key}"] = variable
        elif near := difflib.get_close_matches(name, Settings.model_fields, n=1, cutoff=0.75):
            raise Misconfigured(f"{variable} is no setting; did you mean KHABAR_{near[0].upper()}?")
    return _lifted("env", values | ({"kafka": kafka} if kafka else {}), names)


def _file() -> _Layer:
    """The first of $KHABAR_CONFIG, ./khabar.toml and the user's khabar.toml."""
    chosen = os.environ.get("KHABAR_CONFIG")
    candidates = (
        [Path(chosen)] if chosen else [Path("khabar.toml"), platformdirs.user_config_path("khabar") / "khabar.toml"]
    )
    path = next((each for each in candidates if each.is_file()), None)
    if path is None:
        if chosen:
            raise Misconfigured(f"KHABAR_CONFIG is {chosen!r}: there is no such file; correct it or unset it")
        return _Layer("file", {})
    where = f"file {path.absolute()}"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as bad:
        raise Misconfigured(f"{path.absolute()} is not TOML: {bad}") from None
    except OSError as bad:
        raise Misconfigured(f"{path.absolute()} cannot be read: {bad.strerror}") from None
    if isinstance(values.get("kafka"), dict):
        values["kafka"] = dict(_flat(values["kafka"]))
    for name in ("kafka_properties", "rules"):  # beside the file that names it
        if isinstance(values.get(name), str):
            values[name] = str(path.absolute().parent / Path(values[name]).expanduser())
    return _lifted(where, values, {})


def _flat(table: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """security.protocol = "SSL" is a table within a table to TOML; numbers and booleans are text to Java."""
    pairs: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            pairs += _flat(value, f"{before}{key}.")
        else:
            pairs.append((before + key, str(value).lower() if isinstance(value, bool | int) else value))
    return pairs


def _java(path: Path) -> _Layer:
    where = f"file {path.expanduser().absolute()}"
    try:
        with path.expanduser().open(encoding="utf-8") as lines:
            return _lifted(where, {"kafka": dict(javaproperties.load(lines))}, {})
    except OSError as bad:
        raise Misconfigured(
            f"kafka_properties is {str(path)!r}: {bad.strerror}; give the path of a Java client.properties file"
        ) from None
    except (UnicodeDecodeError, javaproperties.InvalidUEscapeError) as bad:
        raise Misconfigured(f"{path} is not a Java properties file: {bad}") from None


def _complaint(wrong: ValidationError, layers: list[_Layer]) -> str:
    complaints = []
    for error in wrong.errors(include_url=False):
        field_name = str(error["loc"][0])
        name = ".".join(map(str, error["loc"]))
        where = next((layer.origin(name) for layer in layers if field_name in layer.values), "default")
        if error["type"] == "extra_forbidden":
            near = difflib.get_close_matches(field_name, Settings.model_fields, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(Settings.model_fields)}"
            complaints.append(f"{name} ({where}) is no setting; {hint}")
            continue
        info = Settings.model_fields[field_name]
        found = "********" if _SECRET.search(name) else repr(error["input"])
        complaints.append(f"{name} is {found} ({where}): {_what(error)}. {name}: {info.description}")
    return "\n".join(complaints)


def _what(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
