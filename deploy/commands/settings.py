"""`khabar settings`: what is set, to what, and by whom."""

from typing import Annotated

import typer

__all__ = ["settings"]


def settings(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every setting, its value (secrets masked), where the value came from, and when to change it.

    Flags of a command win over KHABAR_… in the environment, that over khabar.toml (in the working directory, else in
    your user's configuration folder; or the file that KHABAR_CONFIG names), that over a Java client.properties file
    (kafka_properties), that over the default. Client properties stand under their Java names in the table [kafka] of
    khabar.toml, or as KHABAR_KAFKA_SECURITY_PROTOCOL and so on.

    \b
    Example: what a cluster of your own would see
      KHABAR_BROKER=kafka.example.org:9093 KHABAR_KAFKA_SECURITY_PROTOCOL=SSL khabar settings
    """
    from deploy.table import show, show_json
    from streams.security import read_security
    from streams.settings import Settings, listing

    current = Settings()
    read_security(current.kafka)  # says what is wrong with them now, not at the first connection
    lines = listing(current)
    if json:
        show_json(lines)
    else:
        show(
            ("setting", "value", "from", "what it is, and when to change it"),
            [(line.name, line.value, line.origin, line.description) for line in lines],
        )
