# SPDX-License-Identifier: Apache-2.0
"""What a browser made of a report: report_page.py numbers|marks|runs|names PAGE [SAID [LEAF_LRU TRACE]].

PAGE is the page's DOM as the browser wrote it out, SAID what the same run printed with --json.
  numbers   the tables that a reader sees have the numbers of the run
  marks     what the probe of test_report.sh found in the charts: they are drawn
  runs      three policies stand side by side
  names     strangers' names are text and nothing else
"""
import json
import re
import subprocess
import sys
from html.parser import HTMLParser


class Page(HTMLParser):
    """Texts by id, tables by id as rows of cells, keys of cells, and how many of each element."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.tables, self.keyed, self.counts, self.open = {}, {}, {}, {}, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag in ("meta", "link", "img", "br"):
            return
        self.open.append((tag, attributes))
        if tag == "table":
            self.tables[attributes["id"]] = self.rows = []
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        for tag, attributes in self.open:
            if "id" in attributes:
                self.texts[attributes["id"]] = self.texts.get(attributes["id"], "") + data
            if tag in ("th", "td"):
                self.rows[-1][-1] += data
            if "data-key" in attributes:
                self.keyed[attributes["data-key"]] = data

    def rows_of(self, name):
        return self.tables[name][1:]  # without the heads


def number(text):
    """"27.89 %", "1.20 GiB", "-" for none: in the unit that --json has."""
    units = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
    words = text.replace(",", "").split()
    return float(words[0]) * units.get(words[-1], 1)


def same(shown, value, what):
    """To the digits that are shown."""
    digits = len(shown.split()[0].partition(".")[2])
    scale = number(shown) / float(shown.split()[0].replace(",", "")) if number(shown) else 1
    if abs(number(shown) - value) > 0.51 * scale / 10**digits + 1e-5 * abs(value):
        sys.exit(f"{what}: shown is {shown}, measured was {value}")


def check_numbers(page, said, leaf_lru, trace):
    for key, value in said.items():
        if key in page.keyed:
            in_seconds = key.endswith("_ms") and page.keyed[key].endswith(" s")
            same(page.keyed[key], value / 1000 if in_seconds else value, key)
    missing = [key for key in ("hit_percent", "ttft_p99_ms", "disk_read_bytes", "cpu_s",
                               "wrong_block_count") if key not in page.keyed]
    missing += [key for key in page.keyed if key not in said]
    if missing or len(page.keyed) < 20:
        sys.exit(f"not in the table, or not measured: {missing}")
    check_over_time(page, said)
    check_curve(page, said, leaf_lru, trace)


def check_over_time(page, said):
    hits, waits, disk = (page.rows_of(f"table-{name}") for name in ("hits", "times", "bandwidth"))
    data = json.loads(page.texts["data"])
    parts = data["runs"][0]["parts"]
    if not 3 < len(hits) <= 120 or len(hits) != len(waits) or len(hits) != len(disk):
        sys.exit(f"{len(hits)} parts")
    for rows in (hits, waits):
        same("%d" % sum(number(row[1]) for row in rows), said["request_count"], "requests")
    found = sum(number(row[4]) * blocks for row, blocks in zip(hits, parts["blocks"]) if blocks)
    same("%.1f" % (found / said["block_count"]), said["hit_percent"], "hits over time")
    for column, key in ((3, "disk_read_bytes"), (4, "disk_written_bytes")):
        moved = sum(number(row[column]) for row in disk if row[column] != "\u2013")
        if abs(moved - said[key]) > 0.01 * said[key]:
            sys.exit(f"{key}: {moved} over time, {said[key]} in all")
    for rank, key in (("50.0", "ttft_p50_ms"), ("90.0", "ttft_p90_ms"), ("99.0", "ttft_p99_ms")):
        row = next(row for row in page.rows_of("table-distribution") if row[0] == rank)
        same(row[1], said[key], f"{rank} % of the times to first token")


def check_curve(page, said, leaf_lru, trace):
    rows = page.rows_of("table-curve")
    room = json.loads(page.texts["data"])["curve"]["host_room_bytes"]
    if not 0.9 * said["host_bytes"] < room <= said["host_bytes"]:
        sys.exit(f"blocks took {room} of {said['host_bytes']}")
    at = next(row for row in rows if row[0] == f"{room / 2**20:.2f} MiB")
    blocks = at[1].replace(",", "")
    printed = subprocess.run([sys.executable, leaf_lru, trace, blocks], check=True,
                             capture_output=True, text=True).stdout
    same(at[3], float(printed), f"leaf-LRU of {blocks} blocks")
    if len(rows) < 10 or rows[-1][2] != "100.00":
        sys.exit(f"the curve ends too early: {rows}")
    if f"would have been {float(rows[-1][3]):.1f} %" not in page.texts["reasons"]:
        sys.exit(f"the ceiling is {rows[-1][3]}, and said is: {page.texts['reasons']}")


def check_marks(page):
    """The probe's: of each chart its name, and how many pixels have each of the page's colours."""
    probe = json.loads(page.texts["probe"])
    if probe["errors"] or probe["asked"]:
        sys.exit(f"errors {probe['errors']}, asked of a network {probe['asked']}")
    wanted = {"chart-curve": 3, "chart-hits": 2, "chart-times": 3, "chart-distribution": 1,
              "chart-occupancy": 2, "chart-bandwidth": 3}
    if set(probe["charts"]) != set(wanted):
        sys.exit(f"charts: {sorted(probe['charts'])}")
    for name, pixels in probe["charts"].items():
        drawn = sum(1 for count in pixels if count > 60)
        if drawn != wanted[name]:
            sys.exit(f"{name}: {drawn} lines are drawn, not {wanted[name]}: {pixels}")


def check_runs(page):
    """A column or a row for each, and bars before all else."""
    titles = ["policy 0", "policy 1", "policy 2"]
    if [row[:2] for row in page.rows_of("table-policies")] != [
            [title, f"{10 * number + 5}.00"] for number, title in enumerate(titles)]:
        sys.exit(f"hits: {page.tables['table-policies']}")
    if [row[3] for row in page.rows_of("table-waits")] != ["70.0", "71.0", "72.0"]:
        sys.exit(f"times: {page.tables['table-waits']}")
    if page.texts["next"] != "What to do next with policy 2":
        sys.exit(f"the advice is headed: {page.texts['next']}")
    if "policy 2: prefix hits together" not in page.texts["short"]:
        sys.exit(f"in short: {page.texts['short']}")
    p50 = next(row for row in page.rows_of("figures") if row[0] == "time to first token, p50")
    if p50[1] != "12.3 s" or not p50[2].endswith(" ms"):
        sys.exit(f"times: {p50}")
    if page.tables["figures"][0] != [""] + titles:
        sys.exit(f"figures: {page.tables['figures'][0]}")
    if page.rows_of("table-hits")[0][2:] != ["20.00", "21.00", "22.00"]:
        sys.exit(f"hits over time: {page.rows_of('table-hits')[0]}")
    if page.counts["canvas"] != 8:
        sys.exit(f"{page.counts['canvas']} charts")


def check_names(page):
    """Names that the test gave the trace and its tenants."""
    data = json.loads(page.texts["data"])
    if "\ufffd<img src=x onerror=alert(1)>&amp;.jsonl" not in data["made"]["trace"]:
        sys.exit(f"the trace is {data['made']['trace']}")
    if page.counts["script"] != 3 or "img" in page.counts or "b" not in page.counts:
        sys.exit(f"elements: {page.counts}")
    if "<img src=x onerror=alert(1)>&amp;.jsonl" not in page.texts["title"]:
        sys.exit(f"the title is {page.texts['title']}")
    if "</script><script>document.body" not in page.texts["figures"]:
        sys.exit(f"the tenant is not in: {page.texts['figures']}")


def main():
    what, path, *more = sys.argv[1:]
    page = Page(open(path, encoding="utf-8").read())
    if what == "numbers":
        check_numbers(page, json.load(open(more[0])), *more[1:])
    elif what == "marks":
        check_marks(page)
    elif what == "runs":
        check_runs(page)
    else:
        check_names(page)


main()
