# SPDX-License-Identifier: Apache-2.0
"""Plans of other programs, held by the library: parsed, printed, run with the regions they name."""

import ctypes
import time
from ctypes import byref, c_uint64, pointer
from enum import IntEnum
from typing import Any, List, Mapping, Optional, Sequence, Tuple, Union

from . import _abi, errors
from ._checks import duration_ns, unsigned
from ._core import SLICE_NS, Core
from ._library import RELEASING
from .completion import Completion, Late, Priority
from .memory import Region

Place = Union[Region, int, Tuple[Union[Region, int], int]]


class PlanKind(IntEnum):
    """What a text is."""

    CACHE = _abi.BWRT_PLAN_CACHE
    SWAP = _abi.BWRT_PLAN_SWAP
    WAVE_SPEC = _abi.BWRT_PLAN_WAVE_SPEC


def _place(place: Optional[Place], name: str) -> Tuple[int, int]:
    region, offset = place if isinstance(place, tuple) else (place, 0)
    handle = region.handle if isinstance(region, Region) else region
    return (unsigned(handle or 0, 64, name), unsigned(offset, 64, f"{name} offset"))


class PlanWaves:
    """What a plan runs as: the wave that moves and the one that computes, either or both.

    Dropped, they run to their end, and what they touch stays alive until then."""

    def __init__(self, runtime: Core, handles: Sequence[int], held: Any):
        self._runtime = runtime
        self._handles = [handle for handle in handles if handle]
        self._held = held
        self.completions: List[Completion] = []

    def __del__(self) -> None:
        for handle in self._handles:
            self._runtime._dropped_waves.append((c_uint64(handle), self._held))

    def wait(self, timeout: Optional[float] = None) -> List[Completion]:
        """Waits for both, for at most `timeout` seconds; raises what the first that failed ended
        with."""
        until_ns = None
        if timeout is not None:
            until_ns = time.monotonic_ns() + duration_ns(timeout, "timeout")
        while self._handles:
            left_ns = SLICE_NS if until_ns is None else max(0, until_ns - time.monotonic_ns())
            completion = Completion()
            try:
                self._runtime._call(RELEASING.wait, self._handles[0], min(left_ns, SLICE_NS),
                                    byref(completion))
            except errors.TimeoutError:
                if left_ns <= SLICE_NS and until_ns is not None:
                    raise
                continue
            self._handles.pop(0)
            self.completions.append(completion)
        self._held = None
        for completion in self.completions:
            if completion.status:
                raise errors.from_completion(completion)
        return self.completions


class Plan:
    """Made by Runtime.parse_plan() or plan_window(); release() lets it go, as does dropping it."""

    def __init__(self, runtime: Core, kind: int, text: Union[str, bytes]):
        self.handle = 0
        self._runtime = runtime
        self.kind = PlanKind(kind)
        data = text.encode() if isinstance(text, str) else bytes(text)
        if runtime._dropped_handles:  # of plans there is room for few
            runtime._reap_handles()
        handle = c_uint64()
        runtime._call(RELEASING.plan_parse, self.kind, data, len(data), byref(handle))
        self.handle = handle.value

    @classmethod
    def of_handle(cls, runtime: Core, kind: int, handle: int) -> "Plan":
        """One that the library has made itself, and that is this object's from now on."""
        plan = cls.__new__(cls)
        plan.handle, plan._runtime, plan.kind = handle, runtime, PlanKind(kind)
        return plan

    def json(self) -> str:
        """The plan as it was understood."""
        length = c_uint64()
        self._runtime._call(RELEASING.plan_print, self.handle, None, byref(length))
        text = ctypes.create_string_buffer(length.value)
        self._runtime._call(RELEASING.plan_print, self.handle, text, byref(length))
        return text.raw[: length.value].decode()

    def submit(self, sources: Mapping[str, Place], targets: Mapping[str, Place], *,
               page_bytes: int = 0, deadline_s: Optional[float] = None, late: int = Late.FINISH,
               priority: int = Priority.NORMAL, planned: bool = False) -> PlanWaves:
        """Runs it.

        sources, targets: for each name a region, or a region and an offset in it: the URIs of
        transfers, the layers of extents, and "a", "b" (sources) and "c" (target) of a product.
        page_bytes: of a wave spec that does not say.
        """
        names = sorted({*sources, *targets})
        array = (_abi.bwrt_plan_binding * max(1, len(names)))()
        for binding, name in zip(array, names):
            binding.name = name.encode()
            binding.source, binding.source_offset_bytes = _place(sources.get(name), name)
            binding.target, binding.target_offset_bytes = _place(targets.get(name), name)
        wave = _abi.bwrt_wave(ctypes.sizeof(_abi.bwrt_wave))
        wave.priority, wave.late = Priority(priority), Late(late)
        wave.flags = _abi.BWRT_WAVE_PLANNED if planned else 0
        if deadline_s is not None:
            wave.flags |= _abi.BWRT_WAVE_DEADLINE_RELATIVE
            wave.deadline_ns = max(1, duration_ns(deadline_s, "deadline_s"))
        run = _abi.bwrt_plan_run(ctypes.sizeof(_abi.bwrt_plan_run), len(names), array,
                                 ctypes.sizeof(_abi.bwrt_plan_binding), 0, pointer(wave),
                                 unsigned(page_bytes, 64, "page_bytes"))
        if self._runtime._dropped_waves:
            self._runtime._reap_waves()
        waves = (c_uint64 * 2)()
        held = (dict(sources), dict(targets))
        try:
            self._runtime._call(RELEASING.plan_submit, self.handle, byref(run), waves)
        except errors.Error:
            PlanWaves(self._runtime, waves, held)  # the first of them may run: dropped at once
            raise
        return PlanWaves(self._runtime, waves, held)

    def release(self) -> None:
        """Lets it go; what it runs goes on."""
        if self.handle:
            handle, self.handle = self.handle, 0
            self._runtime._call(RELEASING.release, handle)

    def __del__(self) -> None:
        if self.handle:
            self._runtime._dropped_handles.append(self.handle)
