"""Work that has to end before somebody goes on: in threads, and in tasks that are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

__all__ = ["cancelled", "in_thread"]

_ROUND_S = 0.5

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As asyncio.to_thread, but done with when it returns, also where it is cancelled: nobody then closes under it."""
    working = asyncio.create_task(asyncio.to_thread(function, *args, **kwargs))
    stopped: asyncio.CancelledError | None = None
    while not working.done():
        try:
            await asyncio.wait([working])
        except asyncio.CancelledError as stop:
            stopped = stop
    if stopped is not None:
        working.exception()  # not for the log: nobody waits for it any more
        raise stopped
    return working.result()


async def cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended: aiokafka 0.14, while it connects, takes a cancellation for a lost connection
    and tries on."""
    left = set(tasks)
    while left:
        for each in left:
            each.cancel()
        _, left = await asyncio.wait(left, timeout=_ROUND_S)
