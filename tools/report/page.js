// SPDX-License-Identifier: Apache-2.0
//
// page.js — a report as people see it: what is shown, in its order.
//
// Each chart has a table of the very numbers that are drawn.  Charts are drawn anew when the colours
// change, and in those of paper before they are printed.

// ---- over time

const span = Math.max(data.trace.seconds, data.part_s);
const [timeUnit, timeSeconds] = span <= 300 ? ["s", 1] : span <= 3 * 3600 ? ["min", 60] : ["h", 3600];
const timeTitle = `time of the trace, ${timeUnit}`;
const times = run => run.parts.start_s.map(start => (start + data.part_s / 2) / timeSeconds);
const partTexts = run => run.parts.start_s.map(start => fixed(start, data.part_s < 1 ? 3 : 0));
const timeAxis = (colours, run) => axis(colours, timeTitle, {type: "linear", min: 0,
    max: (run.parts.start_s.length * data.part_s) / timeSeconds});
const partAbout = `In parts of ${+data.part_s.toPrecision(4)} s, by arrival.`;
const longest = data.runs.reduce((a, b) => a.parts.start_s.length >= b.parts.start_s.length ? a : b);

const totalHits = run => run.parts.hit_host_percent.map(
    (host, i) => host === null ? null : host + run.parts.hit_disk_percent[i]);

function addHits() {
    const y = colours => axis(colours, "of the blocks asked for, %", {min: 0, stacked: isOne,
        suggestedMax: 10});
    const area = (colours, index, label, values) => line(colours, index, label,
        zip(times(subject), values), {fill: index === 0 ? "origin" : "-1", borderDash: [],
            borderWidth: 1.5, pointRadius: 0, backgroundColor: colours.fills[index]});
    addChart({id: "hits", title: "Prefix hits over time", about: partAbout, whole: true,
        heads: ["from, s", "requests", ...(isOne ? ["memory, %", "disk, %", "together, %"] :
            data.runs.map(run => `${run.title}, %`))],
        rows: partTexts(longest).map((start, i) => [start, fixed(longest.parts.requests[i], 0),
            ...(isOne ? [fixed(subject.parts.hit_host_percent[i], 2),
                fixed(subject.parts.hit_disk_percent[i], 2), fixed(totalHits(subject)[i], 2)] :
                data.runs.map(run => fixed(totalHits(run)[i], 2)))]),
        config: colours => linesConfig(colours, isOne ?
            [area(colours, 0, "memory", subject.parts.hit_host_percent),
                area(colours, 1, "disk", subject.parts.hit_disk_percent)] :
            data.runs.map((run, i) => lineOf(colours, i, run, zip(times(run), totalHits(run)))),
        timeAxis(colours, longest), y(colours))});
}

// On an axis of logarithms nothing is 0.
const positive = values => values.map(value => value === null ? null : Math.max(value, 1e-3));
const msText = value => value >= 1000 ? `${value / 1000} s` : `${value} ms`;

function addTimes() {
    const ranks = ["p50", "p90", "p99"];
    const runs = isOne ? ranks.map(rank => [rank, subject, rank]) :
        data.runs.map(run => [run.title, run, "p90"]);
    addChart({id: "times", title: "Time to first token over time",
        about: isOne ? partAbout : `The 90th percentile. ${partAbout}`, whole: !isOne,
        heads: ["from, s", "requests", ...runs.map(([label]) => `${label}, ms`)],
        rows: partTexts(longest).map((start, i) => [start, fixed(longest.parts.requests[i], 0),
            ...runs.map(([, run, rank]) => fixed(run.parts[`ttft_${rank}_ms`][i], 1))]),
        config: colours => linesConfig(colours, runs.map(([label, run, rank], i) => lineOf(colours,
            i, run, zip(times(run), positive(run.parts[`ttft_${rank}_ms`])), {label})),
        timeAxis(colours, longest), logAxis(colours, "time to first token", msText))});
}

function addDistribution() {
    const ranks = subject.distribution.percent;
    addChart({id: "distribution", title: "Distribution of times to first token",
        about: "The share of requests whose first token was there within a time.", whole: !isOne,
        heads: ["of requests, %", ...data.runs.map(run => isOne ? "within, ms" : `${run.title}, ms`)],
        rows: ranks.map((rank, i) => [fixed(rank, 1),
            ...data.runs.map(run => fixed(run.distribution.ttft_ms[i], 1))]),
        config: colours => linesConfig(colours, data.runs.map((run, i) => lineOf(colours, i, run,
            zip(positive(run.distribution.ttft_ms), run.distribution.percent), {pointRadius: 0})),
        logAxis(colours, "time to first token", msText),
        axis(colours, "of the requests, %", {min: 0, max: 100}))});
}

// ---- the tiers of the run that is looked at

const tiers = [["memory", "host"], ["disk", "disk"]].filter(([, key]) => subject[`${key}_bytes`] > 0);
const ofSubject = isOne ? "" : ` Of ${subject.title}.`;

function addOccupancy() {
    const share = key => subject.parts[`${key}_used_bytes`].map(
        used => used === null ? null : 100 * used / subject[`${key}_bytes`]);
    addChart({id: "occupancy", title: "Occupancy of the tiers",
        about: `What of each tier blocks take, at the end of each part.${ofSubject}`,
        heads: ["from, s", ...tiers.map(([name]) => name), ...tiers.map(([name]) => `${name}, %`)],
        rows: partTexts(subject).map((start, i) => [start,
            ...tiers.map(([, key]) => bytesText(subject.parts[`${key}_used_bytes`][i])),
            ...tiers.map(([, key]) => fixed(share(key)[i], 1))]),
        config: colours => linesConfig(colours, tiers.map(([name, key], i) => line(colours, i,
            `${name} of ${bytesText(subject[`${key}_bytes`])}`, zip(times(subject), share(key)))),
        timeAxis(colours, subject), axis(colours, "of the tier, %", {min: 0, suggestedMax: 100}))});
}

function addBandwidth() {
    const rate = key => subject.parts[key].map((bytes, i) =>
        bytes === null || !subject.parts.wall_s[i] ? null : bytes / 1e6 / subject.parts.wall_s[i]);
    const ways = [["from memory", "host_read_bytes", "host"], ["from disk", "disk_read_bytes", "disk"],
        ["to disk", "disk_written_bytes", "disk"]].filter(([, , tier]) => subject[`${tier}_bytes`] > 0);
    addChart({id: "bandwidth", title: "Bandwidth of the tiers",
        about: "What was found in memory and went from and to the disk, by the library\u2019s counters, "
            + `in a second of the replay\u2019s own time.${ofSubject}`,
        heads: ["from, s", "took, s", ...ways.map(([name]) => name),
            ...ways.map(([name]) => `${name}, MB/s`)],
        rows: partTexts(subject).map((start, i) => [start, fixed(subject.parts.wall_s[i], 3),
            ...ways.map(([, key]) => bytesText(subject.parts[key][i])),
            ...ways.map(([, key]) => fixed(rate(key)[i], 1))]),
        config: colours => linesConfig(colours, ways.map(([name, key], i) => line(colours, i, name,
            zip(times(subject), rate(key)))),
        timeAxis(colours, subject), axis(colours, "MB/s", {min: 0, suggestedMax: 1}))});
}

// ---- what a larger tier would give

function addCurve() {
    const curve = data.curve;
    const total = subject.hit_host_percent + subject.hit_disk_percent;
    const stands = tiers.map(([name, key]) => ({name, bytes: curve[`${key}_room_bytes`],
        measured: key === "host" ? subject.hit_host_percent : total,
        by: curve[`${key}_room_percent`]})).filter(stand => stand.bytes > 0);
    const mark = (colours, stand, i) => {
        const colour = colours.series[i + 1];
        return [{label: `${stand.name} now, ${bytesText(stand.bytes)}`, borderColor: colour,
            backgroundColor: colour, borderWidth: 1.5, borderDash: [3, 3], pointRadius: 0,
            data: [{x: stand.bytes, y: 0}, {x: stand.bytes, y: stand.by}]},
        {label: stand.name === "memory" ? "measured in memory" : "measured in all tiers",
            showLine: false, borderColor: colour, backgroundColor: colour, pointRadius: 6,
            pointStyle: i === 0 ? "circle" : "rectRot",
            data: [{x: stand.bytes, y: stand.measured}]}];
    };
    const x = colours => {
        const made = axis(colours, "capacity", {type: "logarithmic", base: 2,
            min: Math.min(curve.bytes[0], ...stands.map(stand => stand.bytes)),
            max: 1.1 * Math.max(curve.bytes.at(-1), ...stands.map(stand => stand.bytes))});
        made.afterBuildTicks = scale => {
            scale.ticks = [];
            for (let at = 2 ** Math.ceil(Math.log2(scale.min)); at <= scale.max; at *= 2)
                scale.ticks.push({value: at});
        };
        made.ticks = {...made.ticks, callback: value => bytesText(value).replace(".00", "")};
        return made;
    };
    const ceiling = colours => ({label: `without bounds, ${fixed(curve.ceiling_percent, 1)} %`,
        borderColor: colours.muted, backgroundColor: colours.muted, borderWidth: 1, pointRadius: 0,
        borderDash: [1, 3], data: [x(colours).min, x(colours).max].map(at => ({x: at,
            y: curve.ceiling_percent}))});
    addChart({id: "curve", title: "What a tier of another size would have", whole: true,
        about: "Prefix hits of leaf-LRU in one tier, by the trace, at each capacity. The marks are what"
            + ` was measured, at what blocks took of a tier at most.${ofSubject}`,
        heads: ["capacity", "blocks", "of the different blocks, %", "prefix hits, %"],
        rows: curve.bytes.map((bytes, i) => [bytesText(bytes), grouped(curve.blocks[i]),
            fixed(100 * curve.blocks[i] / data.trace.blocks_served, 2),
            fixed(curve.hit_percent[i], 2)]),
        config: colours => linesConfig(colours, [
            line(colours, 0, "leaf-LRU", zip(curve.bytes, curve.hit_percent), {pointRadius: 0}),
            ceiling(colours), ...stands.flatMap((stand, i) => mark(colours, stand, i))],
        x(colours), axis(colours, "of the blocks asked for, %", {min: 0}),
        {title: items => items.length ? bytesText(items[0].parsed.x) : ""})});
}

// ---- side by side

// A row for each run: bars from 0, or points, since a logarithm has no 0 to begin at.
function rowsConfig(colours, type, datasets, x) {
    const isStacked = type === "bar";
    return {type, data: {labels: data.runs.map(run => run.title), datasets}, options: {
        indexAxis: "y", animation: false, responsive: true, maintainAspectRatio: false,
        scales: {x: {...x, stacked: isStacked},
            y: {type: "category", offset: true, stacked: isStacked,
                grid: {display: !isStacked, color: colours.grid}, ticks: {color: colours.ink}}},
        plugins: {legend: {position: "bottom", labels: {color: colours.ink, boxWidth: 14,
            usePointStyle: !isStacked}}}}};
}

const bar = (colours, index, label, values) => ({label, data: values,
    backgroundColor: colours.series[index], borderWidth: 0, maxBarThickness: 18});
const point = (colours, index, label, values) => ({label, data: values, showLine: false,
    pointRadius: 5, pointHoverRadius: 7, pointStyle: ["circle", "rect", "triangle"][index],
    borderColor: colours.series[index], backgroundColor: colours.series[index]});
const figureOf = (run, key) => run.figures.find(figure => figure.key === key);

function addSideBySide() {
    addChart({id: "policies", title: "Prefix hits side by side", about: "Of the whole trace, by tier.",
        heads: ["", "memory, %", "disk, %", "together, %"],
        rows: data.runs.map(run => [run.title, fixed(run.hit_host_percent, 2),
            fixed(run.hit_disk_percent, 2), fixed(run.hit_host_percent + run.hit_disk_percent, 2)]),
        config: colours => rowsConfig(colours, "bar", [
            bar(colours, 0, "memory", data.runs.map(run => run.hit_host_percent)),
            bar(colours, 1, "disk", data.runs.map(run => run.hit_disk_percent))],
        axis(colours, "of the blocks asked for, %", {min: 0}))});
    const ranks = ["p50", "p90", "p99"];
    const value = (run, rank) => (figureOf(run, `ttft_${rank}_ms`) || {value: null}).value;
    addChart({id: "waits", title: "Time to first token side by side", about: "Of the whole trace.",
        heads: ["", ...ranks.map(rank => `${rank}, ms`)],
        rows: data.runs.map(run => [run.title, ...ranks.map(rank => fixed(value(run, rank), 1))]),
        config: colours => rowsConfig(colours, "line", ranks.map((rank, i) => point(colours, i,
            rank, positive(data.runs.map(run => value(run, rank))))),
        logAxis(colours, "time to first token", msText))});
}

// ---- colours, and drawing

function coloursNow() {
    const style = getComputedStyle(document.documentElement);
    const of = name => style.getPropertyValue(name).trim();
    const series = [0, 1, 2, 3, 4, 5, 6, 7].map(i => of(`--c${i}`));
    return {ink: of("--ink"), muted: of("--muted"), grid: of("--grid"), line: of("--line"), series,
        fills: series.map(colour => `${colour}99`)};
}

let drawn = [];
function draw() {
    for (const chart of drawn) chart.destroy();
    const colours = coloursNow();
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    drawn = charts.map(chart => new Chart(document.getElementById(`chart-${chart.id}`),
        chart.config(colours)));
}

// ---- the page

function fillHead() {
    const trace = data.trace;
    document.getElementById("title").textContent = document.title;
    const cut = subject.interrupted ? `, interrupted after ${grouped(trace.requests_served)}` : "";
    fill("subtitle", `${counted(trace.requests, "request")} in ${grouped(trace.seconds)} s${cut} `
        + `\u00b7 ${counted(trace.blocks, "different block")} of ${bytesText(trace.block_bytes)}, `
        + `${counted(trace.block_tokens, "token")} each`);
    const keys = ["hit_host_percent", "hit_disk_percent", "hit_percent", "ttft_p50_ms", "ttft_p99_ms"];
    for (const figure of keys.map(key => figureOf(subject, key)).filter(Boolean)) {
        const box = element("div");
        box.append(element("b", figureText(figure)),
            element("span", isOne ? figure.label : `${subject.title}: ${figure.label}`));
        fill("short", box);
    }
}

function fillWords() {
    if (!isOne) document.getElementById("next").textContent += ` with ${subject.title}`;
    fill("verdict", data.advice.verdict);
    for (const reason of data.advice.reasons) fill("reasons", element("li", reason));
    for (const note of data.notes) fill("notes", element("li", note));
    for (const [name, text] of Object.entries(data.made)) {
        fill("made", element("dt", name), element("dd", text, {class: name}));
    }
    fillTable(document.getElementById("figures"), ["", ...data.runs.map(run => run.title)],
        subject.figures.map((figure, row) => [figure.label,
            ...data.runs.map(run => [figureText(run.figures[row]), figure.key])]));
}

fillHead();
fillWords();
if (!isOne) addSideBySide();
if (data.trace.requests_served > 0) {
    addCurve();
    addHits();
    addTimes();
    addDistribution();
    if (tiers.length && subject.parts.wall_s.some(seconds => seconds !== null)) {
        addOccupancy();
        addBandwidth();
    }
}
draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
matchMedia("print").addEventListener("change", draw);
