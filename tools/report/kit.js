// SPDX-License-Identifier: Apache-2.0
//
// kit.js — what a report is made with: words, tables and charts of the JSON object in #data, whose
// fields docs/operations.md describes.  page.js stands behind it in the same script.
//
// Names in the object are strangers': they become text nodes, never markup.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const subject = data.runs[data.subject];
const isOne = data.runs.length === 1;

// ---- words

const fixed = (value, digits) =>
    value === null || value === undefined ? "\u2013" : value.toFixed(digits).replace(/^-(?=[0.]*$)/, "");
const grouped = value => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");

const counted = (value, what) => `${grouped(value)} ${what}${value === 1 ? "" : "s"}`;

// Of milliseconds nobody reads more than four digits.
const figureText = figure => figure.key.endsWith("_ms") && figure.value >= 10000 ?
    `${(figure.value / 1000).toFixed(1)} s` : figure.text;

function bytesText(value) {
    if (value === null || value === undefined) return "\u2013";
    const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    for (; value >= 1024 && unit + 1 < units.length; unit++) value /= 1024;
    return `${value.toFixed(unit === 0 ? 0 : 2)} ${units[unit]}`;
}

function element(name, text, attributes = {}) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
}

const fill = (id, ...children) => document.getElementById(id).append(...children);

// rows: arrays of texts, or of [text, key] where a figure has a name.
function fillTable(table, heads, rows) {
    const head = element("tr");
    for (const text of heads) head.append(element("th", text, {scope: "col"}));
    table.append(element("thead"), element("tbody"));
    table.tHead.append(head);
    for (const row of rows) {
        const line = element("tr");
        row.forEach((cell, index) => {
            const [text, key] = Array.isArray(cell) ? cell : [cell];
            const made = element(index === 0 ? "th" : "td", text);
            if (index === 0) made.scope = "row";
            if (key) made.dataset.key = key;
            line.append(made);
        });
        table.tBodies[0].append(line);
    }
    return table;
}

// ---- charts: {id, title, about, whole, heads, rows, config(colours)}

const charts = [];

function addChart(chart) {
    const figure = element("figure", undefined, chart.whole ? {class: "whole"} : {});
    const plot = element("div", undefined, {class: "plot"});
    plot.append(element("canvas", undefined,
        {id: `chart-${chart.id}`, role: "img", "aria-label": chart.title}));
    const details = element("details");
    const wide = element("div", undefined, {class: "wide"});
    wide.append(fillTable(element("table", undefined, {id: `table-${chart.id}`}),
        chart.heads, chart.rows));
    details.append(element("summary", "The numbers"), wide);
    figure.append(element("h3", chart.title), element("p", chart.about, {class: "about"}), plot,
        details);
    fill("charts", figure);
    charts.push(chart);
}

const dashes = [[], [7, 4], [2, 3], [9, 3, 2, 3], [14, 4], [4, 4], [1, 2], [12, 3, 3, 3]];

// The n-th line of a chart, of points {x, y}; y is null where there is nothing to tell.
function line(colours, index, label, points, more = {}) {
    const colour = colours.series[index % colours.series.length];
    return {label, data: points, borderColor: colour, backgroundColor: colour, borderWidth: 2,
        borderDash: dashes[index % dashes.length], pointRadius: points.length > 40 ? 0 : 2,
        pointHoverRadius: 4, tension: 0, spanGaps: false, ...more};
}

// The line of a run: that of the subject among several is drawn over the others, thick and whole.
function lineOf(colours, index, run, points, more = {}) {
    const made = line(colours, index, run.title, points, more);
    if (isOne) return made;
    return run === subject ? {...made, order: 0, borderWidth: 4, borderDash: []} :
        {...made, order: 1, borderWidth: 1.5};
}

const zip = (xs, ys) => xs.map((x, i) => ({x, y: ys[i]}));

function axis(colours, title, more = {}) {
    return {title: {display: true, text: title, color: colours.muted},
        grid: {color: colours.grid, borderColor: colours.line},
        ticks: {color: colours.muted, maxRotation: 0, autoSkipPadding: 14, includeBounds: false},
        ...more};
}

// Tens, and 2 and 5 times tens, as people write them.
function logAxis(colours, title, text, more = {}) {
    const made = axis(colours, title, {type: "logarithmic", ...more});
    made.ticks = {...made.ticks, callback: value => {
        const digit = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
        return [1, 2, 5].some(one => Math.abs(digit - one) < 1e-6) ? text(value) : null;
    }};
    return made;
}

function linesConfig(colours, datasets, x, y, tooltip) {
    return {type: "line", data: {datasets}, options: {
        animation: false, responsive: true, maintainAspectRatio: false, parsing: false,
        interaction: {mode: "nearest", axis: "x", intersect: false},
        scales: {x, y},
        plugins: {
            legend: {position: "bottom", display: datasets.length > 1, labels: {color: colours.ink,
                boxWidth: 26, boxHeight: 0, padding: 12,
                filter: item => !item.text.startsWith("measured")}},
            tooltip: {callbacks: tooltip || {}}}}};
}
