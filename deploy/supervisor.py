"""Keeps a process per stage running: started again with backoff, their words told apart, stopped together."""

import asyncio
import contextlib
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.errors import Misconfigured

__all__ = ["MISCONFIGURED", "Supervisor"]

MISCONFIGURED = 2  # exit code of a process that only the operator can help
LONGEST_LINE = 2**20  # bytes of a child's line that are kept together; a longer one is told in pieces


@dataclass(slots=True)
class Supervisor:
    """Runs one command per stage. All times in seconds.

    A child that ends, however it ends, is started again after `first_delay`, twice as long each time up to
    `longest_delay`, and after `first_delay` again once it ran for `steady`. A longer `longest_delay` leaves a stage
    idle after an outage of the broker, a shorter one fills the log during it. On SIGTERM or SIGINT all get SIGTERM,
    and SIGKILL after `grace`; a second signal does not wait for that.
    """

    commands: Mapping[str, Sequence[str]]
    environment: Mapping[str, str]
    say: Callable[[str], None]
    first_delay: float = 1.0
    longest_delay: float = 30.0
    steady: float = 60.0
    grace: float = 20.0  # a stage finishes its batch first, which it bounds to well under this
    _misconfigured: str = field(default="", init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _children: dict[str, asyncio.subprocess.Process] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        """Run until a signal; raises Misconfigured, with its last words, when a child ends with that code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            async with asyncio.TaskGroup() as group:
                for stage in self.commands:
                    group.create_task(self._keep(stage))
        finally:
            for child in self._children.values():  # none, unless this very code failed
                _send(child, signal.SIGKILL)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        if self._misconfigured:
            raise Misconfigured(self._misconfigured)

    def stop(self) -> None:
        """Have all stages stop; the second time, kill them."""
        if self._stopping.is_set():
            for child in self._children.values():
                _send(child, signal.SIGKILL)
        self._stopping.set()

    async def _keep(self, stage: str) -> None:
        delay = self.first_delay
        while not self._stopping.is_set():
            clock = asyncio.get_running_loop().time
            begun = clock()
            code, words = await self._run_once(stage)
            if self._stopping.is_set():
                return
            if code == MISCONFIGURED:
                self._misconfigured = f"stage {stage}: {words or 'its words are above'}"
                self._stopping.set()
                return
            if clock() - begun >= self.steady:
                delay = self.first_delay
            self.say(f"{stage} ended {_how(code)}; it starts again in {delay:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
            delay = min(2 * delay, self.longest_delay)

    async def _run_once(self, stage: str) -> tuple[int, str]:
        """Run the stage until it ends, or is to end; return its exit code and its last words, if any."""
        child = await asyncio.create_subprocess_exec(
            *self.commands[stage],
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then stops all in order
        )
        self._children[stage] = child
        words = asyncio.create_task(self._tell(stage, child))
        ended = asyncio.create_task(child.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            _send(child, signal.SIGTERM)
            done, _ = await asyncio.wait((ended,), timeout=self.grace)
            if not done:
                self.say(f"{stage} did not stop within {self.grace:g} s and is killed; it loses nothing by it")
                _send(child, signal.SIGKILL)
        code = await ended
        del self._children[stage]
        return code, await words

    async def _tell(self, stage: str, child: asyncio.subprocess.Process) -> str:
        """Pass on what the child writes, each line with its stage before it.

        Returns what it said last in Khabar's own name, which may be several lines.
        """
        assert child.stdout  # noqa: S101 - a pipe was asked for
        width = max(map(len, self.commands))
        rest = b""
        last: list[str] = []

        def pass_on(raw: bytes) -> None:
            line = raw.decode("utf-8", "replace").rstrip()
            self.say(f"{stage:<{width}} | {line}")
            if ours := re.match(r"khabar[a-z ]*: ", line):
                last[:] = [line[ours.end() :]]
            elif last:
                last.append(line)

        while chunk := await child.stdout.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                pass_on(line)
        if rest:
            pass_on(rest)
        return "\n".join(last)


def _send(child: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(number)


def _how(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has no name
        return f"by signal {-code}"
