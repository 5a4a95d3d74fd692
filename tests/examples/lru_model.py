# SPDX-License-Identifier: Apache-2.0
"""A model of the replay's two caches, with nothing of its code.

    lru_model.py make SEED                        a trace on standard output
    lru_model.py check MEMORY DISK TRACE RESULT   compares a replay's counts

Write-through: whatever is computed goes to memory and to disk.  A request counts its leading
run of blocks that are in memory or on disk.  Then its blocks are used, last to first, so that a
parent is never older than its children: before the new ones are put in, or making room for
these would evict the others, and once more with them.
"""

import collections
import json
import random
import sys


def make(seed):
    """Conversations that grow and branch; some never come back."""
    chance = random.Random(seed)
    conversations = [[0, 1]]
    next_id = 2
    time_ms = 0
    for _ in range(400):
        base = chance.choice(conversations[-80:])
        kept = base[: chance.randint(2, len(base))]
        fresh = list(range(next_id, next_id + chance.randint(1, 6)))
        next_id += len(fresh)
        blocks = (kept + fresh)[:40]
        conversations.append(blocks)
        time_ms += chance.choice([0, 0, 3000])
        print(json.dumps({"timestamp": time_ms, "hash_ids": blocks}))


class Lru:
    def __init__(self, capacity):
        self.capacity = capacity
        self.blocks = collections.OrderedDict()  # oldest first

    def touch(self, blocks):
        for block in reversed(blocks):
            if block in self.blocks:
                self.blocks.move_to_end(block)

    def insert(self, block):
        """True when the block was not there."""
        if block in self.blocks:
            return False
        if len(self.blocks) == self.capacity:
            self.blocks.popitem(last=False)
        self.blocks[block] = True
        return True


def replay(lines, memory_capacity, disk_capacity):
    memory, disk = Lru(memory_capacity), Lru(disk_capacity)
    counts = collections.Counter(blocks_loaded=0)
    for line in lines:
        blocks = json.loads(line)["hash_ids"]
        prefix = 0
        for block in blocks:
            if block in memory.blocks:
                counts["blocks_from_memory"] += 1
            elif block in disk.blocks:
                counts["blocks_loaded"] += 1
            else:
                break
            prefix += 1
        counts["blocks_computed"] += len(blocks) - prefix
        there = set(disk.blocks)
        memory.touch(blocks)
        disk.touch(blocks)
        for block in blocks:
            if memory.insert(block) and block not in there:
                counts["blocks_stored"] += disk.insert(block)
        memory.touch(blocks)
        disk.touch(blocks)
    return counts


def check(memory_capacity, disk_capacity, trace, result):
    with open(trace) as lines:
        expected = replay(lines, memory_capacity, disk_capacity)
    with open(result) as text:
        found = json.load(text)
    wrong = {
        name: f"{found[name]}, the model says {expected[name]}"
        for name in ("blocks_from_memory", "blocks_loaded", "blocks_computed", "blocks_stored")
        if found[name] != expected[name]
    }
    if wrong or min(expected.values()) == 0:
        sys.exit(f"{wrong} {dict(expected)}")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(int(sys.argv[2]))
    else:
        check(int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:6])
