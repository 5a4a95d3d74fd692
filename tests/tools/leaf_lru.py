# SPDX-License-Identifier: Apache-2.0
"""Prefix hits of leaf-LRU over a trace: leaf_lru.py TRACE CAPACITY prints their share in per cent.

The plainest form: of the resident blocks without a resident child that the running request does not
ask for, the one that was used longest ago goes, found by looking at all.  A request's leading hits
are used first, then what is missing comes block by block, as long as something can go for it.
"""
import json
import sys

path, capacity = sys.argv[1], int(sys.argv[2])
used, parent, children = {}, {}, {}
hits = references = 0

for number, line in enumerate(open(path)):
    blocks = json.loads(line)["hash_ids"]
    references += len(blocks)
    for before, block in zip([None] + blocks, blocks):
        parent.setdefault(block, before)
    leading = next((i for i, block in enumerate(blocks) if block not in used), len(blocks))
    hits += leading
    for block in blocks[:leading]:
        used[block] = number
    running = set(blocks)
    for block in blocks[leading:]:
        if block not in used and len(used) >= capacity:
            free = [one for one in used if not children.get(one) and one not in running]
            if not free:
                break
            gone = min(free, key=used.get)
            del used[gone]
            if parent[gone] in used:
                children[parent[gone]] -= 1
        if block not in used:
            children[block] = 0
            if parent[block] in used:
                children[parent[block]] += 1
        used[block] = number

print(f"{100 * hits / references:.4f}")
