"""`khabar token`: a secret for whoever pushes or reads, and the line of the settings that knows it."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["token"]


def token(
    name: Annotated[str, typer.Argument(help="The source that the token's articles come from; with --read, a reader.")],
    read: Annotated[bool, typer.Option("--read", help="A token for reading.")] = False,
) -> None:
    """Make a token for `khabar serve`: the token is printed once, and what the settings keep of it on stderr.

    A producer that pushes with it sends for this source alone. The settings hold the token's SHA-256 only, so that
    nobody gets in with what stands there; remove the line, and start the gateway again, to take a token back.

    \b
    Example: for the articles of example.org
      khabar token example.org
    """
    import secrets
    from hashlib import sha256

    from deploy.console import say
    from schemas.errors import Misconfigured

    if not name.strip() or any(each in name for each in ',="\\') or not name.isprintable():
        raise Misconfigured(f'the name is {name!r}; give one without any of , = " \\')
    made = secrets.token_urlsafe(32)
    table = "read_tokens" if read else "push_tokens"
    digest = sha256(made.encode()).hexdigest()
    typer.echo(made)
    say(f'In khabar.toml (or KHABAR_{table.upper()}={digest}={name}):\n[{table}]\n{digest} = "{name}"')
