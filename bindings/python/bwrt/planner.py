# SPDX-License-Identifier: Apache-2.0
"""The planner of waves that are submitted with planned=True: how it is described."""

import ctypes
from ctypes import pointer
from dataclasses import dataclass
from typing import Any

from . import _abi
from ._checks import signed, unsigned

_WIDE = ("window_ns", "min_io_bytes", "caller_budget_bytes", "host_budget_bytes",
         "disk_budget_bytes", "half_life_ns", "prefetch_bytes_max", "prefetch_horizon_ns")
_NARROW = ("operation_count_max", "row_count_max", "alpha_milli", "beta_milli", "pmin_milli",
           "age_first", "age_max", "prefetch_wasted_milli", "prefetch_chain_count_max")
_SWITCHES = {"filters": _abi.BWRT_PLANNER_NO_FILTER, "credits": _abi.BWRT_PLANNER_NO_CREDITS,
             "budgets": _abi.BWRT_PLANNER_NO_BUDGETS, "merges": _abi.BWRT_PLANNER_NO_MERGE,
             "feedback": _abi.BWRT_PLANNER_NO_FEEDBACK}


@dataclass(frozen=True)
class Planner:
    """What waits for plans, and how long: Runtime(planner=Planner(...)).

    The fields are those of bwrt_planner, where 0 stands for the default:

      window_ns            between two plans; 100,000 to 10^10; 20 ms
      min_io_bytes         what is smaller waits for company; 0: nothing does
      caller_budget_bytes  into the callers' memory in a window; 0: as many as come
      host_budget_bytes    into the host tier
      disk_budget_bytes    onto disks
      operation_count_max  of each of the three in a window; 0: as many as come
      row_count_max        runs of blocks and pieces of waves in a window; 2,048 to 2^20; 4,096
      alpha_milli          popularity = alpha x heat + beta x 1, in thousandths; 1,000
      beta_milli           0
      pmin_milli           no more popular than this and no more slack than umin is late; 1,000
      umin_milli           0; may be negative
      age_first            what was carried so often goes before all that is younger; to 254; 4
      age_max              and so often it ends with AgainError; to 255; twice age_first
      half_life_ns         of heat, how often blocks are asked for; 69.3 s
      prefetch_bytes_max   of the host tier, for chains that are read before they are asked for;
                           to half of it; 0: none are
      prefetch_horizon_ns  what is not to be used so soon is not read; 20 s
      prefetch_wasted_milli     how much of that may be in vain, in thousandths; to 900; 200
      prefetch_chain_count_max  chains that are remembered; to 2^24; 65,536
      takes_late           what would be late by the measured rates moves all the same
      filters, credits, budgets, merges, feedback   False: the stage is switched off
    """

    window_ns: int = 0
    min_io_bytes: int = 0
    caller_budget_bytes: int = 0
    host_budget_bytes: int = 0
    disk_budget_bytes: int = 0
    operation_count_max: int = 0
    row_count_max: int = 0
    alpha_milli: int = 0
    beta_milli: int = 0
    pmin_milli: int = 0
    umin_milli: int = 0
    age_first: int = 0
    age_max: int = 0
    half_life_ns: int = 0
    prefetch_bytes_max: int = 0
    prefetch_horizon_ns: int = 0
    prefetch_wasted_milli: int = 0
    prefetch_chain_count_max: int = 0
    takes_late: bool = False
    filters: bool = True
    credits: bool = True
    budgets: bool = True
    merges: bool = True
    feedback: bool = True

    def as_c(self) -> Any:
        """A pointer to the bwrt_planner."""
        struct = _abi.bwrt_planner(ctypes.sizeof(_abi.bwrt_planner))
        struct.flags = _abi.BWRT_PLANNER_TAKE_LATE if self.takes_late else 0
        for name, flag in _SWITCHES.items():
            struct.flags |= 0 if getattr(self, name) else flag
        for names, bits in ((_WIDE, 64), (_NARROW, 32)):
            for name in names:
                setattr(struct, name, unsigned(getattr(self, name), bits, name))
        struct.umin_milli = signed(self.umin_milli, "umin_milli", 32)
        return pointer(struct)
