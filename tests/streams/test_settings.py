"""Settings: which source wins, what the listing says, and errors that an operator can act on."""

from pathlib import Path

import pytest

from schemas import Misconfigured
from streams.settings import LOCAL_BROKER, Settings, listing


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty environment, working directory and home."""
    import os

    for name in list(os.environ):
        if name.startswith("KHABAR_"):
            monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.chdir(tmp_path / "work")


def origins(settings: Settings) -> dict[str, str]:
    return {line.name: line.origin for line in listing(settings)}


def values(settings: Settings) -> dict[str, object]:
    return {line.name: line.value for line in listing(settings)}


def test_the_defaults_serve_on_a_bare_machine() -> None:
    settings = Settings()
    assert settings.broker == LOCAL_BROKER
    assert (settings.prefix, settings.lane, settings.partitions, settings.kafka) == ("khabar", "live", 4, {})
    assert set(origins(settings).values()) == {"default"}


def test_a_flag_wins_over_the_environment_over_the_file_over_java_properties_over_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("client.properties").write_text(
        "bootstrap.servers=java:1\nsecurity.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nclient.dns.lookup=use_all_dns_ips\n"
    )
    Path("khabar.toml").write_text(
        'broker = "file:1"\nlane = "file"\npartitions = 6\nkafka_properties = "client.properties"\n'
        '[kafka]\n"sasl.mechanism" = "SCRAM-SHA-256"\n'
    )
    monkeypatch.setenv("KHABAR_LANE", "env")
    monkeypatch.setenv("KHABAR_PARTITIONS", "8")
    settings = Settings(partitions=12, prefix=None)
    here = Path.cwd()
    assert (settings.broker, settings.lane, settings.partitions) == ("file:1", "env", 12)
    assert settings.kafka == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "client.dns.lookup": "use_all_dns_ips",
    }
    assert origins(settings) == {
        "broker": f"file {here / 'khabar.toml'}",
        "prefix": "default",
        "lane": "env KHABAR_LANE",
        "partitions": "flag",
        "metrics_port": "default",
        "follow_port": "default",
        "follow_late_after": "default",
        "follow_allow": "default",
        "tagger": "default",
        "rules": "default",
        "gateway_host": "default",
        "gateway_port": "default",
        "gateway_names": "default",
        "gateway_rate": "default",
        "push_tokens": "default",
        "read_tokens": "default",
        "cors_origins": "default",
        "kafka_properties": f"file {here / 'khabar.toml'}",
        "kafka.client.dns.lookup": f"file {here / 'client.properties'}",
        "kafka.sasl.mechanism": f"file {here / 'khabar.toml'}",
        "kafka.security.protocol": f"file {here / 'client.properties'}",
    }


def test_the_broker_may_be_named_by_java_properties_alone() -> None:
    Path("mine.properties").write_text("bootstrap.servers=a.example.org:9093,b.example.org:9093\n")
    settings = Settings(kafka_properties="mine.properties")
    assert settings.broker == "a.example.org:9093,b.example.org:9093"
    assert origins(settings)["broker"] == f"file {Path.cwd() / 'mine.properties'}"


def test_rules_stand_beside_the_file_that_names_them() -> None:
    Path("khabar.toml").write_text('rules = "rules.toml"\n')
    assert Settings().rules == Path.cwd() / "rules.toml"
    assert Settings(rules="mine.toml").rules == Path("mine.toml")


def test_java_properties_are_read_as_java_reads_them() -> None:
    Path("c.properties").write_text(
        "# comment\nsecurity.protocol : SASL_SSL\nsasl.mechanism PLAIN\n"
        "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\\n"
        '    username="u" password="\\u0633";\n'
    )
    kafka = Settings(kafka_properties="c.properties").kafka
    assert kafka["security.protocol"] == "SASL_SSL"
    assert kafka["sasl.mechanism"] == "PLAIN"
    assert kafka["sasl.jaas.config"].endswith('required username="u" password="س";')


@pytest.mark.parametrize(
    "form", ['"security.protocol" = "SSL"', 'security.protocol = "SSL"', 'security = {protocol = "SSL"}']
)
def test_client_properties_may_be_written_in_every_way_that_toml_offers(form: str) -> None:
    Path("khabar.toml").write_text(f"[kafka]\n{form}\n")
    assert Settings().kafka == {"security.protocol": "SSL"}


def test_a_client_property_in_the_environment_has_underscores_for_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KHABAR_KAFKA_SSL_TRUSTSTORE_LOCATION", "/ca.pem")
    settings = Settings()
    assert settings.kafka == {"ssl.truststore.location": "/ca.pem"}
    assert origins(settings)["kafka.ssl.truststore.location"] == "env KHABAR_KAFKA_SSL_TRUSTSTORE_LOCATION"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KHABAR_METRICS_PORT", "tcp://10.0.0.1:9464"),
        ("KHABAR_KAFKA_BOOTSTRAP_SERVICE_HOST", "10.0.0.1"),
        ("KHABAR_KAFKA_BOOTSTRAP_SERVICE_PORT_TCP_CLIENTS", "9092"),
        ("KHABAR_KAFKA_BOOTSTRAP_PORT_9092_TCP_ADDR", "10.0.0.1"),
        ("KHABAR_KAFKA_BOOTSTRAP_PORT", "tcp://10.0.0.1:9092"),
    ],
)
def test_what_kubernetes_injects_for_services_is_no_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert set(origins(Settings()).values()) == {"default"}


def test_the_users_file_is_read_where_the_working_directory_has_none() -> None:
    folder = Path.home() / ".config" / "khabar"
    folder.mkdir(parents=True)
    (folder / "khabar.toml").write_text('lane = "home"\n')
    assert Settings().lane == "home"
    Path("khabar.toml").write_text('lane = "here"\n')
    assert Settings().lane == "here"


def test_the_file_named_by_khabar_config_is_the_only_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("khabar.toml").write_text("partitions = 9\n")
    Path("other.toml").write_text('lane = "other"\n')
    monkeypatch.setenv("KHABAR_CONFIG", "other.toml")
    assert (Settings().lane, Settings().partitions) == ("other", 4)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"lane": "Saudi 2015"}, "lane is 'Saudi 2015' (flag)"),
        ({"lane": "x" * 41}, "lane is"),
        ({"partitions": 0}, "partitions is 0 (flag)"),
        ({"broker": "kafka.example.org"}, "broker is 'kafka.example.org' (flag)"),
        ({"broker": "kafka:99999"}, "broker is 'kafka:99999' (flag)"),
        ({"lane": "live\n"}, "lane is 'live\\n' (flag): give 1 to 40 of"),
        ({"prefix": "news..x"}, "prefix is 'news..x' (flag)"),
        ({"metrics_port": 70000}, "metrics_port is 70000 (flag)"),
        ({"kafka": {"bootstrap.servers": "a:1"}, "broker": "b:1"}, "flag names two brokers"),
    ],
)
def test_a_wrong_value_is_told_with_its_name_and_origin(flags: dict[str, object], says: str) -> None:
    with pytest.raises(Misconfigured) as told:
        Settings(**flags)
    assert says in str(told.value)


def test_a_wrong_value_in_the_environment_or_a_file_names_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("khabar.toml").write_text("lane = 3\n")
    monkeypatch.setenv("KHABAR_METRICS_PORT", "http")
    with pytest.raises(Misconfigured) as told:
        Settings()
    message = str(told.value)
    assert "metrics_port is 'http' (env KHABAR_METRICS_PORT)" in message
    assert f"lane is 3 (file {Path.cwd() / 'khabar.toml'})" in message


def test_an_unknown_setting_in_the_file_is_told_with_what_may_be_meant() -> None:
    Path("khabar.toml").write_text("partition = 6\n")
    with pytest.raises(
        Misconfigured, match=r"partition \(file .*khabar.toml\) is no setting; did you mean partitions\?"
    ):
        Settings()


def test_a_variable_that_is_nearly_a_setting_is_told_and_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KHABAR_DATA", "/somewhere")
    Settings()
    monkeypatch.setenv("KHABAR_PARTITION", "6")
    with pytest.raises(Misconfigured, match=r"KHABAR_PARTITION is no setting; did you mean KHABAR_PARTITIONS\?"):
        Settings()


@pytest.mark.parametrize("content", [b"lane = ", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_told_with_its_path(content: bytes) -> None:
    Path("khabar.toml").write_bytes(content)
    with pytest.raises(Misconfigured, match=r"khabar.toml is not TOML"):
        Settings()


def test_files_that_are_not_there_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured, match=r"kafka_properties is 'no.properties'"):
        Settings(kafka_properties="no.properties")
    monkeypatch.setenv("KHABAR_CONFIG", "none.toml")
    with pytest.raises(Misconfigured, match=r"KHABAR_CONFIG is 'none.toml'"):
        Settings()


def test_secrets_are_shown_to_nobody() -> None:
    secret = "open sesame"  # noqa: S105
    settings = Settings(
        kafka={
            "sasl.jaas.config": secret,
            "ssl.key.password": secret,
            "ssl.keystore.key": secret,
            "security.protocol": "SASL_SSL",
        }
    )
    assert values(settings)["kafka.security.protocol"] == "SASL_SSL"
    assert secret not in repr(settings) + str(settings) + repr(listing(settings))
    with pytest.raises(Misconfigured) as told:
        Settings(kafka={"sasl.jaas.config": [secret]})
    assert secret not in str(told.value)


def test_a_child_process_sees_the_flags_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KHABAR_PARTITIONS", "8")
    parent = Settings(lane="child", broker="kafka:1", kafka={"security.protocol": "SSL"}).on("other")
    assert parent.environment() == {
        "KHABAR_LANE": "other",
        "KHABAR_BROKER": "kafka:1",
        "KHABAR_KAFKA_SECURITY_PROTOCOL": "SSL",
    }
    for name, value in parent.environment().items():
        monkeypatch.setenv(name, value)
    child = Settings()
    assert (child.lane, child.broker, child.partitions) == ("other", "kafka:1", 8)
    assert child.kafka == parent.kafka == {"security.protocol": "SSL"}


DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def test_lists_and_tables_stand_in_the_file_and_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("khabar.toml").write_text(
        f'cors_origins = ["https://example.org", "http://localhost:3000"]\n[push_tokens]\n{DIGEST} = "example.org"\n'
    )
    of_file = Settings()
    assert of_file.cors_origins == ("https://example.org", "http://localhost:3000")
    assert of_file.push_tokens == {DIGEST: "example.org"}
    assert values(of_file)["cors_origins"] == "https://example.org,http://localhost:3000"
    assert origins(of_file)[f"push_tokens.{DIGEST}"] == f"file {Path.cwd() / 'khabar.toml'}"
    Path("khabar.toml").unlink()
    flags = Settings(cors_origins=of_file.cors_origins, push_tokens=of_file.push_tokens).environment()
    for name, value in flags.items():
        monkeypatch.setenv(name, value)
    assert (Settings().cors_origins, Settings().push_tokens) == (of_file.cors_origins, of_file.push_tokens)


def test_a_token_that_stands_there_itself_is_not_repeated_in_the_error() -> None:
    with pytest.raises(Misconfigured, match="khabar token") as wrong:
        Settings(push_tokens={"open-sesame": "example.org"})
    assert "example.org" in str(wrong.value)
    assert "open-sesame" not in str(wrong.value)


def test_an_origin_has_no_path() -> None:
    with pytest.raises(Misconfigured, match=r"cors_origins\.0 is 'https://example.org/page'"):
        Settings(cors_origins="https://example.org/page")
