# SPDX-License-Identifier: Apache-2.0
"""Prints the requests of the tiering workload of one seed: tiering_workload.py SEED.

Each line: request, session, window, pages of the session's prefix, pages in all, interactive or
not; in the order in which they come.  The draws are those of the workload that tiering.h tells of,
in its order, by numpy's own generator (1.24).  Ends with status 77, skipped, without numpy.
"""
import sys

try:
    import numpy
except ImportError:
    print("numpy is not installed", file=sys.stderr)
    sys.exit(77)

SESSIONS, REQUESTS, WINDOWS = 40, 600, 12
PREFIX_PAGES_MIN, PREFIX_PAGES_MAX, TAIL_PAGES_MAX, TAIL_EXPONENT = 8, 32, 48, 1.6

draw = numpy.random.default_rng(int(sys.argv[1]))
prefix_pages = draw.integers(PREFIX_PAGES_MIN, PREFIX_PAGES_MAX + 1, SESSIONS)
session_of = draw.integers(0, SESSIONS, REQUESTS)
window_of = numpy.zeros(REQUESTS, int)
for window, requests in enumerate(numpy.array_split(draw.permutation(REQUESTS), WINDOWS)):
    window_of[requests] = window
order = draw.permutation(REQUESTS)
interactive = set(draw.choice(SESSIONS, max(1, SESSIONS // 4), replace=False).tolist())

rows = []
for request in order:
    tail_pages = min(max(int(draw.zipf(TAIL_EXPONENT)) - 1, 1), TAIL_PAGES_MAX)
    session = session_of[request]
    pages = prefix_pages[session] + tail_pages
    rows.append((window_of[request], session in interactive, request, session, pages))
for window, is_interactive, request, session, pages in sorted(rows):
    print(request, session, window, prefix_pages[session], pages, int(is_interactive))
