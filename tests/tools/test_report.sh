#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test_report.sh CASE BWRT — one case of the tests of `bwrt replay --report`, in a folder of its own.
# A case is a function; it fails with the first command that does, and ends with 77 where it needs a
# browser and there is none.
#
# What a reader sees is asked of a real one, Chromium without a window: it opens the page, runs its
# scripts and writes out the DOM, whose tables report_page.py compares with what the run printed.
set -euo pipefail

test_case=$1
bwrt=$2
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir place

fail() {
    echo "$*" >&2
    exit 1
}

# Any address is one that is not found.
browse() { # PAGE: its DOM is in `dom` then
    local browser
    browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
        echo "skipped: no chromium"
        exit 77
    }
    timeout 100 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --no-first-run --user-data-dir="$folder/profile" --proxy-server=127.0.0.1:9 \
        --host-resolver-rules='MAP * ~NOTFOUND' --window-size=1200,900 --force-device-scale-factor=2 --dump-dom "file://$1" \
        >dom 2>browser.log || fail "the browser: $(tail -n 20 browser.log)"
}

# replay BLOCK_BYTES OPTIONS...: what it says is JSON in `said`, its report in out.html.
replay() {
    "$bwrt" --json replay --folder place --report out.html --block-bytes "$@" >said
    [ -z "$(ls place)" ] || fail "left behind: $(ls -R place)"
}

# The object in the report.  holds CONDITION: a Python expression over it.
holds() {
    python3 - "$1" <<'PYTHON'
import json
import re
import sys

page = open("out.html", encoding="utf-8").read()
it = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))
if not eval(f"({sys.argv[1]})", {"it": it}):
    sys.exit(f"not so: {sys.argv[1]}: {str(it)[:2000]}")
PYTHON
}

write_trace() { "$bwrt" trace --generate agent --seconds 40 --block-tokens 2048 --write trace.jsonl >/dev/null; }

a_reader_sees_the_numbers_of_the_run() {
    write_trace
    replay 16k trace.jsonl --speed 20 --dram 8m --disk 256m
    browse "$folder/out.html"
    python3 "$tests/report_page.py" numbers dom said "$tests/leaf_lru.py" trace.jsonl
}

# The probe stands in a copy of the page: it counts the pixels of each of the page's colours.
every_chart_is_drawn_and_no_network_is_asked() {
    write_trace
    replay 16k trace.jsonl --speed 20 --dram 8m --disk 256m
    python3 - <<'PYTHON'
page = open("out.html", encoding="utf-8").read()
head = """<head><script>window.found = {errors: [], asked: [], charts: {}};
addEventListener("error", event => found.errors.push(event.message));
addEventListener("securitypolicyviolation", event => found.asked.push(event.blockedURI));</script>"""
tail = """<pre id="probe"></pre><script>
const style = getComputedStyle(document.documentElement);
const colours = [0, 1, 2, 3, 4, 5].map(i => style.getPropertyValue(`--c${i}`).trim())
    .map(text => [1, 3, 5].map(i => parseInt(text.slice(i, i + 2), 16)));
for (const canvas of document.querySelectorAll("canvas")) {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const counts = colours.map(() => 0);
    for (let i = 0; i < pixels.length; i += 4) {
        const at = colours.findIndex(colour => pixels[i + 3] > 200 &&
            colour.every((value, k) => Math.abs(value - pixels[i + k]) < 3));
        if (at >= 0) counts[at]++;
    }
    found.charts[canvas.id] = counts;
}
found.asked.push(...performance.getEntriesByType("resource").map(entry => entry.name));
document.getElementById("probe").textContent = JSON.stringify(found);
</script></body>"""
page = page.replace("<head>", head, 1)
at = page.rindex("</body>")
open("probed.html", "w", encoding="utf-8").write(page[:at] + tail + page[at + len("</body>"):])
PYTHON
    browse "$folder/probed.html"
    python3 "$tests/report_page.py" marks dom
    # Nor could it be: addresses stand in the library's notices alone.
    [ "$(grep -cE '(https?:)?//[a-z]+\.' out.html)" -eq "$(grep -cE '^ \* https://' out.html)" ] ||
        fail "$(grep -oE '.{30}(https?:)?//[a-z]+\..{30}' out.html)"
}

# Of the object in a page a run is made three.
several_runs_stand_side_by_side() {
    replay 16k --generate agent --seconds 20 --speed 0 --disk-percent 0
    python3 - <<'PYTHON'
import copy
import json
import re

page = open("out.html", encoding="utf-8").read()
found = re.search(r'id="data">(.*?)</script>', page, re.S)
data = json.loads(found.group(1))
run = data["runs"][0]
data["runs"] = [copy.deepcopy(run) for _ in range(3)]
for number, one in enumerate(data["runs"]):
    one["title"] = f"policy {number}"
    one["hit_host_percent"] = 10 * number + 5
    one["parts"]["hit_host_percent"] = [20 + number for _ in run["parts"]["start_s"]]
    next(figure for figure in one["figures"] if figure["key"] == "ttft_p99_ms")["value"] = 70 + number
    p50 = next(figure for figure in one["figures"] if figure["key"] == "ttft_p50_ms")
    p50["value"] = 12345 if number == 0 else 9999
    p50["text"] = f"{p50['value']:.1f} ms"
data["subject"] = 2
text = json.dumps(data).replace("<", "\\u003c")
open("three.html", "w", encoding="utf-8").write(page[:found.start(1)] + text + page[found.end(1):])
PYTHON
    browse "$folder/three.html"
    python3 "$tests/report_page.py" runs dom
}

names_of_strangers_are_text() {
    local name=$'\xff<img src=x onerror=alert(1)>&amp;.jsonl'
    local tenant='</script><script>document.body.innerHTML=1</script>'
    for i in 1 2 3 4; do
        printf '{"timestamp": %d, "input_length": 512, "output_length": 1, "hash_ids": [%d], "tenant": "%s"}\n' \
            "$i" "$i" "$tenant$((i % 2))"
    done >"$name"
    replay 16k "$name" --speed 0 --disk-percent 0
    holds 'it["made"]["trace"].startswith("\ufffd<img")' # it is UTF-8
    browse "$folder/out.html"
    python3 "$tests/report_page.py" names dom
}

a_report_that_cannot_be_made_is_refused_before_the_replay() {
    local status=0 output
    mkfifo pipe
    for output in nowhere/out.html pipe place /proc/out.html; do
        status=0
        timeout 20 "$bwrt" replay --folder place --generate chat --seconds 600 --speed 1 \
            --report "$output" >said 2>&1 || status=$?
        [ "$status" -eq 1 ] || fail "status $status: $(cat said)"
        grep -qF "bwrt: $output" said || fail "$(cat said)"
    done
    [ -p pipe ] && [ "$(ls)" = "$(printf 'pipe\nplace\nsaid')" ] || fail "left behind: $(ls)"
}

a_report_without_room_is_told_and_the_figures_too() {
    local status=0
    echo old >out.html
    (ulimit -f 32 && trap '' XFSZ && "$bwrt" --json replay --folder place --generate chat --seconds 5 \
        --speed 0 --disk-percent 0 --report out.html >said 2>told) || status=$?
    [ "$status" -eq 1 ] || fail "status $status: $(cat said told)"
    grep -qF 'out.html: File too large' told || fail "$(cat told)"
    python3 -c 'import json; assert json.load(open("said"))["request_count"] > 3'
    [ "$(cat out.html)" = old ] && [ "$(ls)" = "$(printf 'out.html\nplace\nsaid\ntold')" ] || fail "$(ls)"
}

an_interrupted_replay_is_reported_as_far_as_it_came() {
    local status=0
    "$bwrt" --json replay --folder place --generate chat --seconds 600 --speed 1 --report out.html \
        >said &
    sleep 2
    kill -INT $!
    wait $! || status=$?
    [ "$status" -eq 130 ] || fail "status $status"
    holds 'it["runs"][0]["interrupted"] and 0 < it["trace"]["requests_served"] < 600'
    holds 'sum(it["runs"][0]["parts"]["requests"]) == it["trace"]["requests_served"]'
}

a_report_of_a_long_trace_is_no_larger() {
    replay 4k --generate chat --seconds 1500 --disk-percent 0 --speed 0 --sample
    holds 'it["trace"]["requests"] > 4000 and 60 <= len(it["runs"][0]["parts"]["start_s"]) <= 120'
    [ "$(stat -c %s out.html)" -lt 300000 ] || fail "$(stat -c %s out.html) bytes"
}

"$test_case"
