"""Runs the stages: one in this process, or several in a process each under a supervisor."""

import asyncio
import ctypes
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

from deploy.console import say
from deploy.supervisor import Supervisor
from streams import cluster, lanes
from streams.lag import VIEWS
from streams.settings import Settings

__all__ = ["die_with", "run_stage", "supervise", "supervisor_of"]

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1  # prctl(2)


def supervise(stages: Sequence[str], settings: Settings) -> None:
    """Run each stage in a process of its own until SIGTERM or SIGINT; raises Misconfigured when one of them is."""
    say(f"working on lane {settings.lane} at {settings.broker}: {', '.join(stages)}; Ctrl-C stops")
    asyncio.run(supervisor_of(stages, settings).run())


def supervisor_of(stages: Sequence[str], settings: Settings) -> Supervisor:
    """A supervisor, not yet running, whose stages end with this process however it ends."""
    verbose = ["--verbose"] if log.isEnabledFor(logging.INFO) else []
    command = [sys.executable, "-m", "deploy", *verbose, "worker", "--owner", str(os.getpid())]
    return Supervisor(
        commands={stage: [*command, stage] for stage in stages},
        environment=os.environ | settings.environment(),
        say=say,
    )


def run_stage(stage: str, settings: Settings) -> None:
    """Run one stage in this process until SIGTERM or SIGINT, then exit.

    Lane `live` gets the topics that it lacks; any other lane must exist, which the stage sees to, and gets those that
    came with a later version.
    """
    asyncio.run(_complete(stage, settings))
    os.environ.update(settings.environment())  # the agent's module makes its app, and with it its own Settings
    app = importlib.import_module(f"agents.{stage}.agent").app
    log.info("stage %s starts on lane %s at %s", stage, settings.lane, settings.broker)
    app.work()


async def _complete(stage: str, settings: Settings) -> None:
    if settings.lane == "live":
        await cluster.create(settings)
    elif stage in VIEWS and (lane := await lanes.find(settings)) is not None:
        await cluster.create(settings, lane.kind)


def die_with(owner: int) -> None:
    """Have this process killed as soon as its parent `owner` is gone, however that ended.

    A stage without its supervisor would go on unseen, and hold its partitions against the next worker.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(owner,), daemon=True).start()
    if os.getppid() != owner:  # it was gone before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(owner: int) -> None:
    while os.getppid() == owner:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)
