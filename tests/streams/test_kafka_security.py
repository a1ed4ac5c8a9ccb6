"""The Java client's security properties: what is understood, and what is told of the rest."""

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from schemas import Misconfigured
from streams.security import Security, read_security

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def client(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths and text of a client's certificate: key and chain in one file, and each alone, the key also encrypted."""
    folder = tmp_path_factory.mktemp("client")
    leaf = authority.issue_cert("client.example.org")
    key = leaf.private_key_pem.bytes()
    chain = b"".join(each.bytes() for each in leaf.cert_chain_pems)
    encrypted = serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"sesame"),
    )
    (folder / "both.pem").write_bytes(key + chain)
    (folder / "locked.pem").write_bytes(encrypted + chain)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return {
        "both": str(folder / "both.pem"),
        "locked": str(folder / "locked.pem"),
        "ca": str(folder / "ca.pem"),
        "key": key.decode(),
        "chain": chain.decode(),
    }


def test_without_properties_the_connection_is_plain() -> None:
    assert read_security({}) == Security()
    assert read_security({}).aiokafka() == {"security_protocol": "PLAINTEXT", "ssl_context": None}
    assert read_security({}).faust() is None


@pytest.mark.parametrize(
    ("mechanism", "module"), [("PLAIN", PLAIN), ("SCRAM-SHA-256", SCRAM), ("SCRAM-SHA-512", SCRAM)]
)
def test_user_and_password_reach_both_clients(mechanism: str, module: str) -> None:
    security = read_security(
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": mechanism,
            "sasl.jaas.config": f'{module} required username="khabar" password="a;\\"b\\\\c d=e";',
        }
    )
    arguments = security.aiokafka()
    assert arguments["security_protocol"] == "SASL_SSL"
    assert arguments["sasl_mechanism"] == mechanism
    assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("khabar", 'a;"b\\c d=e')
    credentials = security.faust()
    assert credentials is not None
    assert (credentials.protocol.value, credentials.mechanism.value) == ("SASL_SSL", mechanism)
    assert (credentials.username, credentials.password) == ("khabar", 'a;"b\\c d=e')
    assert credentials.ssl_context is arguments["ssl_context"]


@pytest.mark.parametrize(
    "options", ["username='u' password='p'", "username=u password=p", ' username = "u"\n  password="p" ']
)
def test_every_way_to_write_a_login_is_understood(options: str) -> None:
    security = read_security(
        {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.jaas.config": f"{PLAIN} required {options};",
        }
    )
    assert (security.username, security.password, security.context) == ("u", "p", None)


def test_certificates_and_host_names_are_checked_unless_told_otherwise() -> None:
    checked = read_security({"security.protocol": "SSL"}).context
    trusting = read_security({"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": ""}).context
    assert checked is not None
    assert trusting is not None
    assert (checked.verify_mode, checked.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (trusting.verify_mode, trusting.check_hostname) == (ssl.CERT_REQUIRED, False)
    assert checked.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("inline", [True, False])
def test_a_truststore_is_all_that_is_trusted(client: dict[str, str], inline: bool) -> None:
    given = (
        {"ssl.truststore.certificates": Path(client["ca"]).read_text()}
        if inline
        else {"ssl.truststore.location": client["ca"]}
    )
    context = read_security({"security.protocol": "SSL", "ssl.truststore.type": "PEM", **given}).context
    assert context is not None
    assert [dict(pair for (pair,) in each["subject"])["organizationName"] for each in context.get_ca_certs()] == [
        "trustme v1.2.1"
    ]


@pytest.mark.parametrize("form", ["file", "locked file", "inline"])
def test_a_client_certificate_is_shown_to_the_broker(authority: trustme.CA, client: dict[str, str], form: str) -> None:
    given = {
        "file": {"ssl.keystore.location": client["both"]},
        "locked file": {"ssl.keystore.location": client["locked"], "ssl.key.password": "sesame"},
        "inline": {"ssl.keystore.key": client["key"], "ssl.keystore.certificate.chain": client["chain"]},
    }[form]
    context = read_security(
        {
            "security.protocol": "SSL",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": client["ca"],
            "ssl.keystore.type": "PEM",
            **given,
        }
    ).context
    assert context is not None
    assert ("DNS", "client.example.org") in shown(authority, context)["subjectAltName"]


def shown(authority: trustme.CA, context: ssl.SSLContext) -> dict[str, tuple[tuple[str, str], ...]]:
    """What the other side of a TLS handshake in memory is shown as our certificate."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("broker.example.org").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = context.wrap_bio(to_client, to_server, server_hostname="broker.example.org")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    found = theirs.getpeercert()
    assert found is not None
    return found  # type: ignore[return-value]


BASE = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "PLAIN",
    "sasl.jaas.config": f"{PLAIN} required username=u password=p;",
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"security.protcol": "SSL"}, "security.protcol is no client property .* did you mean security.protocol?"),
        ({"sasl.login.callback.handler.class": "x"}, "sasl.login.callback.handler.class is no client property"),
        ({"session.timeout.ms": "45000"}, "session.timeout.ms is no client property that Khabar supports; remove it"),
        ({"acks": "1"}, "acks is '1'; Khabar always uses all"),
        ({"security.protocol": "TLS"}, "security.protocol is 'TLS'; give one of PLAINTEXT, SSL"),
        ({"security.protocol": "PLAINTEXT"}, "sasl.mechanism is set, but security.protocol is PLAINTEXT"),
        (
            {"security.protocol": "SASL_PLAINTEXT", "ssl.truststore.location": "x"},
            "ssl.truststore.location is set, but",
        ),
        ({"sasl.mechanism": "GSSAPI"}, "sasl.mechanism is 'GSSAPI'; give one of PLAIN, SCRAM-SHA-256"),
        ({"sasl.mechanism": "SCRAM-SHA-256"}, "names .*PlainLoginModule, which is not for SCRAM-SHA-256"),
        ({"sasl.jaas.config": f"{PLAIN} required username=u password=hush"}, "does it end with a semicolon"),
        ({"sasl.jaas.config": f"{PLAIN} required username=u;"}, "has the options username; give username and password"),
        ({"sasl.jaas.config": f"{PLAIN} required user=u password=hush;"}, "has the options user, password"),
        ({"ssl.endpoint.identification.algorithm": "none"}, "algorithm is 'none'"),
        ({"ssl.truststore.location": "/no/ca.pem"}, "ssl.truststore.location is '/no/ca.pem': No such file"),
        (
            {"ssl.truststore.location": "/etc/trust.jks"},
            "ssl.truststore.type is JKS; only PEM is supported. Convert it",
        ),
        ({"ssl.truststore.type": "PEM"}, "ssl.truststore.type is set, but neither"),
        ({"ssl.truststore.certificates": "garbage"}, "ssl.truststore.certificates holds no certificate"),
        ({"ssl.keystore.key": "garbage"}, "ssl.keystore.key and ssl.keystore.certificate.chain belong together"),
        ({"ssl.key.password": "hush"}, "ssl.key.password is set, but no ssl.keystore.location"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_ignored(change: dict[str, str], says: str) -> None:
    with pytest.raises(Misconfigured, match=says) as told:
        read_security(BASE | change)
    assert "hush" not in str(told.value)


def test_a_login_is_needed_where_sasl_is_asked_for() -> None:
    with pytest.raises(Misconfigured, match=r"sasl.mechanism is not set"):
        read_security({"security.protocol": "SASL_SSL"})
    with pytest.raises(Misconfigured, match=r"sasl.jaas.config is missing; PLAIN needs"):
        read_security({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"})


@pytest.mark.parametrize(
    ("password", "says"), [(None, "ssl.key.password is not set"), ("wrong", "ssl.key.password does not open it")]
)
def test_a_locked_key_is_never_asked_for_at_the_terminal(
    client: dict[str, str], password: str | None, says: str
) -> None:
    given = {} if password is None else {"ssl.key.password": password}
    with pytest.raises(Misconfigured, match=says):
        read_security({"security.protocol": "SSL", "ssl.keystore.location": client["locked"], **given})


def test_nothing_of_a_key_stays_on_disk(
    client: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    read_security({"security.protocol": "SSL", "ssl.keystore.location": client["both"]})
    assert list(tmp_path.iterdir()) == []


def test_passwords_are_not_in_what_is_printed() -> None:
    assert "hush" not in repr(read_security(BASE | {"sasl.jaas.config": f"{PLAIN} required username=u password=hush;"}))
