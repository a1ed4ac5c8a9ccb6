"""The Java client's security properties, read for the Python clients: who connects, how, and whom it trusts."""

from __future__ import annotations

import difflib
import os
import re
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from schemas import Misconfigured

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT

__all__ = ["PROPERTIES", "Security", "read_security"]

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
# What a client.properties may hold beside security, and the values for which it says what we do anyway.
_AS_WE_DO = {"acks": ("all", "-1"), "client.dns.lookup": ("use_all_dns_ips",), "enable.idempotence": ("true",)}

PROPERTIES = (
    "security.protocol",
    "sasl.mechanism",
    "sasl.jaas.config",
    "ssl.truststore.type",
    "ssl.truststore.location",
    "ssl.truststore.certificates",
    "ssl.keystore.type",
    "ssl.keystore.location",
    "ssl.keystore.key",
    "ssl.keystore.certificate.chain",
    "ssl.key.password",
    "ssl.endpoint.identification.algorithm",
    *_AS_WE_DO,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How to connect, for both clients."""

    protocol: str = "PLAINTEXT"
    mechanism: str | None = None
    username: str | None = None
    password: str | None = None
    context: ssl.SSLContext | None = None

    def aiokafka(self) -> dict[str, Any]:
        """Keyword arguments of every aiokafka client."""
        arguments: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.context}
        if self.mechanism is not None:
            arguments |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return arguments

    def faust(self) -> CredentialsT | None:
        """The `broker_credentials` of a Faust app."""
        from faust.auth import SASLCredentials, SSLCredentials

        if self.mechanism is not None:
            return SASLCredentials(
                username=self.username, password=self.password, ssl_context=self.context, mechanism=self.mechanism
            )
        return SSLCredentials(self.context) if self.context is not None else None

    def __repr__(self) -> str:
        return f"Security({self.protocol}, {self.mechanism}, {self.username})"


def read_security(properties: Mapping[str, str]) -> Security:
    """Read the client properties; raises Misconfigured for one that is unknown, unsupported or wrong."""
    for name, value in properties.items():
        _known(name, value)
    protocol = properties.get("security.protocol", "PLAINTEXT").upper()
    if protocol not in _PROTOCOLS:
        raise Misconfigured(f"security.protocol is {protocol!r}; give one of {', '.join(_PROTOCOLS)}")
    encrypted, sasl = protocol.endswith("SSL"), protocol.startswith("SASL")
    for prefix, used in (("ssl.", encrypted), ("sasl.", sasl)):
        unused = [name for name in properties if name.startswith(prefix)]
        if unused and not used:
            raise Misconfigured(
                f"{unused[0]} is set, but security.protocol is {protocol}, which does not use it; "
                f"set security.protocol to {'SASL_SSL or SSL' if prefix == 'ssl.' else 'SASL_SSL'}, or remove the line"
            )
    context = _context(properties) if encrypted else None
    if not sasl:
        return Security(protocol=protocol, context=context)
    mechanism = properties.get("sasl.mechanism", "")
    if mechanism not in _LOGIN_MODULES:
        found = repr(mechanism) if mechanism else "not set (GSSAPI, then, which is not supported)"
        raise Misconfigured(f"sasl.mechanism is {found}; give one of {', '.join(_LOGIN_MODULES)}")
    username, password = _login(properties.get("sasl.jaas.config"), mechanism)
    return Security(protocol=protocol, mechanism=mechanism, username=username, password=password, context=context)


def _known(name: str, value: str) -> None:
    if name in _AS_WE_DO and value not in _AS_WE_DO[name]:
        raise Misconfigured(f"{name} is {value!r}; Khabar always uses {_AS_WE_DO[name][0]}: remove the line")
    if name in PROPERTIES:
        return
    near = difflib.get_close_matches(name, PROPERTIES, n=1, cutoff=0.8)
    hint = f"did you mean {near[0]}?" if near else f"remove it; supported are {', '.join(PROPERTIES)}"
    raise Misconfigured(f"{name} is no client property that Khabar supports; {hint}")


_JAAS = re.compile(r"\s*(?P<module>[\w.]+)\s+(?P<flag>\w+)\s*(?P<options>.*?)\s*;\s*", re.DOTALL)
_OPTION = re.compile(r"""\s*([\w.]+)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s;"']+)""", re.DOTALL)
_LIKE = '{module} required username="…" password="…";'


def _login(jaas: str | None, mechanism: str) -> tuple[str, str]:
    """Username and password of a sasl.jaas.config; messages never show what was found, for it is secret."""
    module = _LOGIN_MODULES[mechanism]
    like = _LIKE.format(module=module)
    if jaas is None:
        raise Misconfigured(f"sasl.jaas.config is missing; {mechanism} needs: {like}")
    match = _JAAS.fullmatch(jaas)
    if match is None:
        raise Misconfigured(f"sasl.jaas.config cannot be read (does it end with a semicolon?); give: {like}")
    if match["module"] != module:
        raise Misconfigured(f"sasl.jaas.config names {match['module']}, which is not for {mechanism}; give: {like}")
    options, end = {}, 0
    while option := _OPTION.match(match["options"], end):
        options[option[1]], end = _unquoted(option[2]), option.end()
    if match["options"][end:].strip() or set(options) != {"username", "password"}:
        found = ", ".join(options) or "none"
        raise Misconfigured(f"sasl.jaas.config has the options {found}; give username and password: {like}")
    return options["username"], options["password"]


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if text[0] in "\"'" else text


def _context(properties: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    algorithm = properties.get("ssl.endpoint.identification.algorithm", "https")
    if algorithm not in ("https", ""):
        raise Misconfigured(
            f"ssl.endpoint.identification.algorithm is {algorithm!r}; give https, or nothing to trust any host name"
        )
    context.check_hostname = algorithm == "https"
    trusted = _pem(properties, "ssl.truststore", "ssl.truststore.certificates")
    if trusted is not None:
        name, text = trusted
        context = _trusting(context, name, text)
    _identify(context, properties)
    return context


def _trusting(default: ssl.SSLContext, name: str, text: str) -> ssl.SSLContext:
    """A context that trusts these certificates only, not the system's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = default.check_hostname
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as bad:
        raise Misconfigured(f"{name} holds no certificate that can be read: {bad}; give PEM") from None
    return context


def _identify(context: ssl.SSLContext, properties: Mapping[str, str]) -> None:
    """The client's own certificate, for mutual TLS."""
    password = properties.get("ssl.key.password")
    inline = [properties.get(name) for name in ("ssl.keystore.key", "ssl.keystore.certificate.chain")]
    location = _pem(properties, "ssl.keystore", "ssl.keystore.key")
    if location is None and inline[1] is None:
        if password is not None:
            raise Misconfigured("ssl.key.password is set, but no ssl.keystore.location: give both, or remove it")
        return
    if None in inline and any(inline):
        raise Misconfigured("ssl.keystore.key and ssl.keystore.certificate.chain belong together: give both")
    name, text = ("ssl.keystore.key", "\n".join(map(str, inline))) if any(inline) else cast("tuple[str, str]", location)
    # The ssl module reads a private key from a file only; this one is readable by us alone, and gone at once.
    handle, path = tempfile.mkstemp(prefix="khabar-", suffix=".pem")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        context.load_cert_chain(path, password=_password(password))
    except (ssl.SSLError, ValueError, _NoPasswordError) as bad:
        why = "ssl.key.password does not open it" if password is not None else str(bad)
        raise Misconfigured(f"{name}: the key and its certificates cannot be read: {why}; give PEM") from None
    finally:
        Path(path).unlink(missing_ok=True)


class _NoPasswordError(Exception):
    """OpenSSL wants a password; without this it would ask the terminal."""


def _password(given: str | None) -> Callable[[], str]:
    def answer() -> str:
        if given is None:
            raise _NoPasswordError("the key is encrypted and ssl.key.password is not set")
        return given

    return answer


def _pem(properties: Mapping[str, str], store: str, inline: str) -> tuple[str, str] | None:
    """The name of the property that gives a store, and its PEM text; None if neither form is given."""
    location = properties.get(f"{store}.location")
    kind = properties.get(f"{store}.type", "PEM" if location is None else _kind(location))
    if f"{store}.type" in properties and location is None and inline not in properties:
        raise Misconfigured(f"{store}.type is set, but neither {store}.location nor {inline}")
    if location is None:
        return (inline, properties[inline]) if inline in properties else None
    if inline in properties:
        raise Misconfigured(f"{store}.location and {inline} are both set; remove one")
    if kind.upper() != "PEM":
        out = "-nokeys " if store == "ssl.truststore" else ""
        raise Misconfigured(
            f"{store}.type is {kind}; only PEM is supported. Convert it: "
            f"keytool -importkeystore -srckeystore {location} -destkeystore store.p12 -deststoretype PKCS12 && "
            f"openssl pkcs12 -in store.p12 {out}-out store.pem; then {store}.type=PEM and {store}.location=store.pem"
        )
    try:
        return f"{store}.location", Path(location).expanduser().read_text(encoding="ascii", errors="replace")
    except OSError as bad:
        raise Misconfigured(f"{store}.location is {location!r}: {bad.strerror}; give the path of a PEM file") from None


def _kind(location: str) -> str:
    """Java's default is JKS; a file that says PEM in its name is what it says."""
    return "PEM" if location.lower().endswith((".pem", ".crt", ".cer")) else "JKS"
