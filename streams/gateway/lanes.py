"""Which lane a request means: `?lane=` on every route, the gateway's own where none is given."""

from __future__ import annotations

import time

from starlette.requests import Request

from schemas import Misconfigured
from streams import lanes
from streams.gateway.problem import Problem, wrong_parameter
from streams.settings import Settings

__all__ = ["Lanes"]

_BELIEVED_S = 10.0  # a lane that was made or removed is noticed after so long; less asks the broker more often
_REMEMBERED = 256  # names that are remembered at once, so that asking for many costs no memory


class Lanes:
    """Looks up lanes by name; `request.app.state.lanes` is the gateway's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: dict[str, tuple[float, bool]] = {}

    async def of(self, request: Request) -> Settings:
        """The settings of the lane that the request names; raises Problem 404 if there is none, Unavailable."""
        name = request.query_params.get("lane") or self._settings.lane
        if name == self._settings.lane:
            return self._settings
        try:
            settings = self._settings.on(name)
        except Misconfigured:
            raise _unknown(name) from None
        until, there = self._seen.get(name, (0.0, False))
        if time.monotonic() >= until:
            there = await lanes.find(settings) is not None
            while len(self._seen) >= _REMEMBERED:
                del self._seen[next(iter(self._seen))]
            self._seen[name] = time.monotonic() + _BELIEVED_S, there
        if not there:
            raise _unknown(name)
        return settings


def _unknown(name: str) -> Problem:
    shown = name if len(name) <= 60 else name[:60] + "…"
    return wrong_parameter("lane", f'lane is "{shown}": there is no such lane', 404)
