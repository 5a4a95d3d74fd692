# SPDX-License-Identifier: Apache-2.0
"""What a wave is asked for, and what became of it."""

from enum import IntEnum

from . import _abi
from ._library import status_name


class Priority(IntEnum):
    NORMAL, URGENT, BACKGROUND = 0, 1, 2


class Delivery(IntEnum):
    """Who is told: Wave.wait(); Runtime.poll(), `await` and the event fd; nobody."""

    WAIT, QUEUE, DETACHED = 0, 1, 2


class Late(IntEnum):
    """What the deadline means: nothing but order; the wave ends there with what it has; and it is
    refused when the measured rates say that it cannot be met."""

    FINISH, ABORT, REFUSE = 0, 1, 2


class Verdict(IntEnum):
    LOADED, PARTIAL, RECOMPUTE = 1, 2, 3


class Result(_abi.bwrt_result):
    """What became of one entry of a wave; see bwrt_result, whose fields it has."""

    @property
    def ok(self) -> bool:
        """Whether its bytes are right."""
        return self.status == _abi.BWRT_OK

    @property
    def present(self) -> bool:
        """Of a put(): the block was there, and is as it was."""
        return bool(self.flags & _abi.BWRT_RESULT_PRESENT)

    def __repr__(self) -> str:
        return f"<bwrt.Result {status_name(self.status)}, {self.bytes} bytes>"


class Completion(_abi.bwrt_completion):
    """What became of a wave; see bwrt_completion, whose fields it has."""

    @property
    def ok(self) -> bool:
        """Whether all bytes are right."""
        return self.status == _abi.BWRT_OK

    @property
    def late(self) -> bool:
        """Whether it ended after its deadline."""
        return bool(self.flags & _abi.BWRT_COMPLETION_LATE)

    @property
    def duration_ns(self) -> int:
        """From submission to the end."""
        return self.finished_ns - self.submitted_ns

    def __repr__(self) -> str:
        return (f"<bwrt.Completion {status_name(self.status)}, {self.bytes} bytes, "
                f"{self.prefix_count} entries right, {self.duration_ns / 1000:.0f} us>")
