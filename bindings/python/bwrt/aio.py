# SPDX-License-Identifier: Apache-2.0
"""Waves in asyncio: `await wave` and `async for wave in bwrt.as_finished(waves)`.

For waves of Delivery.QUEUE.  While somebody awaits one, the loop watches the runtime's event fd;
when it is readable the loop polls, and each wave that ended resolves its futures, in whatever loop
and thread they live.  No thread is started and nothing is asked for in between.
"""

import asyncio
from typing import TYPE_CHECKING, Any, AsyncIterator, Iterable

from . import errors

if TYPE_CHECKING:
    from .wave import Completion, Wave


async def wait(wave: "Wave", *, check: bool = True) -> "Completion":
    """The completion of a wave; `await wave` with check.  A cancelled task leaves the wave to run:
    cancel() it, and await it again before its memory is used."""
    if wave._completion is None:
        raise ValueError("the wave was not submitted")
    if wave._flying:
        if not wave._queued:
            raise TypeError("only a wave of Delivery.QUEUE can be awaited")
        loop = asyncio.get_running_loop()
        future: "asyncio.Future[None]" = loop.create_future()
        wave._waiting.append((loop, future))
        _watch(wave.runtime, loop)
        try:
            if not wave._flying:  # ended on another thread meanwhile
                resolve(wave)
            await future
        finally:
            _unwatch(wave.runtime, loop)
    completion = wave._completion
    if check and completion.status:
        raise errors.from_completion(completion)
    return completion


async def as_finished(waves: Iterable["Wave"]) -> AsyncIterator["Wave"]:
    """The waves in the order in which they end; a failed one is given out like any other."""
    pending = {asyncio.ensure_future(wait(wave, check=False)): wave for wave in waves}
    try:
        while pending:
            ended, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(ended, key=lambda task: pending[task]._completion.finished_ns):
                task.result()
                yield pending.pop(task)
    finally:
        for task in pending:
            task.cancel()


def resolve(wave: "Wave") -> None:
    """Wakes those who await a wave that has ended; on any thread."""
    waiting, wave._waiting = wave._waiting, []
    for loop, future in waiting:
        try:
            loop.call_soon_threadsafe(_set, future)
        except RuntimeError:
            pass  # the loop is closed: nobody awaits


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _watch(runtime: Any, loop: asyncio.AbstractEventLoop) -> None:
    count = runtime._watchers.get(loop, 0)
    if count == 0:
        loop.add_reader(runtime.event_fd(), _on_readable, runtime, loop)
    runtime._watchers[loop] = count + 1


def _unwatch(runtime: Any, loop: asyncio.AbstractEventLoop) -> None:
    count = runtime._watchers.pop(loop, 0)
    if count > 1:
        runtime._watchers[loop] = count - 1
    elif count == 1:
        loop.remove_reader(runtime._event_fd)


def _on_readable(runtime: Any, loop: asyncio.AbstractEventLoop) -> None:
    try:
        runtime.poll()
    except errors.ClosedError:
        runtime._watchers.pop(loop, 0)
        loop.remove_reader(runtime._event_fd)
