
const block = (id) => JSON.parse(document.getElementById(id).textContent);
const data = block("data");
const state = { group: 0, metric: null, log: true, most: null, picture: null, hidden: new Set(), anchor: null };
const main = document.getElementById("main");
const format = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const signed = (value, digits) => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);
const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many || one + "s"}`;
const bytesText = (n) => `${Math.round(n).toLocaleString("en")} bytes`;
const bppText = (v) => `${v < 0.1 ? v.toFixed(4) : v.toFixed(3)} bpp`;
const withUnit = (metric, value) => `${format(value, metric.digits)}${metric.unit ? " " + metric.unit : ""}`;
const sum = (values) => values.reduce((a, b) => a + b, 0);
const average = (values) => sum(values) / values.length;

// On the scale on which curves are drawn.
const scaled = (metric, v) => (metric.decibels ? (v >= 1 ? Infinity : -10 * Math.log10(1 - v)) : v);
const column = (key) => 1 + data.figures.indexOf(key); // of a row: [bytes, figures...]
const group = () => data.groups[state.group];
const shownSeries = () => group().series.filter((s) => !state.hidden.has(s.index));

// The pictures that every setting of every measured codec of the list has, as numbers; key null: whatever was measured.
function sharedPictures(list, key) {
  const at = key === null ? 0 : column(key);
  let found = null;
  for (const series of list)
    for (const point of series.points.filter((p) => p.rows)) {
      const here = new Set();
      point.rows.forEach((row, i) => { if (row && row[at] !== null) here.add(i); });
      if (!here.size) continue; // a lossless codec has no PSNR, for example: no point of that curve
      found = found === null ? here : new Set([...found].filter((i) => here.has(i)));
    }
  return [...(found || [])].sort((a, b) => a - b);
}

const bppOf = (row, i) => (8 * row[0]) / (group().pictures[i].width * group().pictures[i].height);

function curveOf(series, key, pictures) {
  const metric = data.metrics[key], at = column(key);
  const points = [];
  for (const point of series.points) {
    let bpp, value, bytes = null;
    if (series.published) {
      if (point.figures[key] === undefined || state.picture !== null) continue;
      [bpp, value] = [point.bpp, point.figures[key]];
    } else {
      const rows = pictures.map((i) => point.rows[i]);
      if (!rows.length || rows.some((row) => !row || row[at] === null)) continue;
      bpp = average(pictures.map((i) => bppOf(point.rows[i], i)));
      value = average(rows.map((row) => row[at]));
      bytes = average(rows.map((row) => row[0]));
    }
    const y = scaled(metric, value);
    if (!Number.isFinite(y)) continue;
    const lines = [series.name + (series.published ? " (published)" : "")];
    if (point.setting) lines.push(point.setting);
    lines.push(bppText(bpp) + (bytes === null ? "" : `, ${pictures.length > 1 ? "mean of " : ""}${bytesText(bytes)}`));
    lines.push(`${metric.label} ${withUnit(metric, value)}` + (metric.decibels ? ` (${y.toFixed(2)} dB)` : ""));
    points.push({ x: bpp, y, value, bytes, setting: point.setting, lines });
  }
  return { series, points: points.sort((a, b) => a.x - b.x) };
}

function choice(label, entries, chosen, onchange) {
  const select = html("select", { onchange: (e) => onchange(e.target.value) },
    ...entries.map(([value, text]) => html("option", { value, selected: String(value) === String(chosen) }, text)));
  return html("label", { class: "control" }, label, select);
}

function table(head, rows, { text = [0], anchor = -1 } = {}) {
  const align = (i) => (text.includes(i) && i ? "text" : null);
  return html("div", { class: "scroll" }, html("table", {},
    html("thead", {}, html("tr", {}, ...head.map((h, i) => html("th", { scope: "col", class: align(i) }, h)))),
    html("tbody", {}, ...rows.map((row, r) => html("tr", { class: r === anchor ? "anchor" : null }, ...row.map((cell, i) => {
      const td = html("td", { class: [align(i), cell && cell.class].filter(Boolean).join(" ") || null });
      td.append(cell && cell.text !== undefined ? cell.text : cell === null || cell === undefined ? "–" : cell);
      return td;
    }))))));
}

const named = (series) => html("span", {}, swatch(series), series.name, series.published ? html("span", { class: "tag" }, "published") : null);

function renderControls(host) {
  const metrics = group().metrics.map((key) => [key, data.metrics[key].label]);
  const rates = [["", "all"], ...[0.05, 0.1, 0.25, 0.5, 1, 2, 4].map((v) => [v, `${v} bpp`])];
  host.replaceChildren(
    ...(data.groups.length > 1 ? [choice("data set", data.groups.map((g, i) => [i, g.dataset]), state.group, (v) => start(Number(v)))] : []),
    choice("metric", metrics, state.metric, (v) => { state.metric = v; render(); }),
    choice("rate axis", [["log", "logarithmic"], ["linear", "linear"]], state.log ? "log" : "linear", (v) => { state.log = v === "log"; render(); }),
    choice("rates up to", rates, state.most ?? "", (v) => { state.most = v === "" ? null : Number(v); render(); }),
    choice("pictures", [["", "mean"], ...group().pictures.map((p, i) => [i, p.name])], state.picture ?? "",
      (v) => { state.picture = v === "" ? null : Number(v); render(); }));
}

function renderLegend(host) {
  const set = (hidden) => { state.hidden = new Set(hidden); render(); };
  const chips = group().series.map((series) => html("li", {}, html("button", {
    type: "button", class: "chip", "aria-pressed": String(!state.hidden.has(series.index)), title: "show or hide; double click: this one alone",
    onclick: () => { state.hidden.has(series.index) ? state.hidden.delete(series.index) : state.hidden.add(series.index); render(); },
    ondblclick: () => set(group().series.filter((s) => s !== series).map((s) => s.index)),
  }, swatch(series), series.name, series.published ? html("span", { class: "tag" }, "published") : null)));
  const focused = [...host.querySelectorAll("button")].indexOf(document.activeElement);
  host.replaceChildren(...chips, html("li", { class: "screen" }, html("button", { type: "button", class: "chip", onclick: () => set([]) }, "all")));
  if (focused >= 0) host.querySelectorAll("button")[focused].focus(); // it was replaced under the keyboard
}

function renderCurves(part) {
  const metric = data.metrics[state.metric];
  const shared = sharedPictures(shownSeries(), state.metric);
  const pictures = state.picture === null ? shared : [state.picture];
  const curves = shownSeries().map((s) => curveOf(s, state.metric, pictures)).filter((c) => c.points.length);
  const own = curves.filter((c) => !c.series.published).length;
  const missing = shownSeries().filter((s) => !curves.some((c) => c.series === s)).map((s) => s.name);
  const total = group().pictures.length;
  let said;
  if (state.picture !== null) said = `One picture: ${group().pictures[state.picture].name}. Published curves are means over all pictures, and are not drawn.`;
  else if (!shared.length && shownSeries().some((s) => !s.published)) said = "No picture was measured at every setting of every codec shown: hide some of them.";
  else said = own ? `Means over the ${count(shared.length, "picture")} (of ${total}) that every setting of every codec shown has.` : "Published means.";
  if (missing.length) said += ` Not drawn, for want of ${metric.label}: ${missing.join(", ")}.`;
  part.said.replaceChildren(said);
  const yTitle = metric.label + (metric.decibels ? ", −10 log₁₀(1 − x), dB" : metric.unit ? `, ${metric.unit}` : "") + (metric.rising ? "" : " (lower is better)");
  part.curves = [curves, { log: state.log, most: state.most, xTitle: "bits per pixel of whole files", yTitle }];
  drawChart(part.chart, ...part.curves);
  const rows = curves.flatMap((c) => c.points.map((p) => [named(c.series), p.setting || "–", p.bytes === null ? null : Math.round(p.bytes).toLocaleString("en"),
    p.x.toFixed(4), format(p.value, metric.digits)]));
  part.values.replaceChildren(table(["codec", "setting", "bytes", "bpp", metric.label + (metric.unit ? `, ${metric.unit}` : "")], rows, { text: [0, 1] }));
}

function renderGains(part) {
  const metric = data.metrics[state.metric];
  const series = group().series, figures = group().bd;
  if (data.install) {
    part.gains.replaceChildren(html("p", { class: "warning" }, "Bjontegaard figures are computed when the report is written, by the package bjontegaard: ",
      html("code", {}, data.install), ", then write the report again."));
    return;
  }
  const anchor = series[state.anchor];
  const cells = (figures[state.metric] || {})[anchor.index] || {};
  const unscaled = (v) => format(metric.decibels ? 1 - 10 ** (-v / 10) : metric.rising ? v : -v, metric.digits);
  const gainDigits = metric.decibels || metric.unit ? 2 : 4;
  const each = group().spread.anchor === anchor.index ? group().spread.metrics[state.metric] || {} : {};
  const spread = (s) => {
    if (!each[s.index]) return "–";
    const [median, low, high, n, without] = each[s.index];
    return `${signed(median, 1)} % (${signed(low, 1)} to ${signed(high, 1)}; ${n}${without ? ` of ${n + without}` : ""})`;
  };
  const rows = shownSeries().map((s) => {
    if (s === anchor) return { rate: 0, cells: [named(s), "anchor", "–", "–", "–", "–", "–", "–"] };
    const c = cells[s.index];
    if (!c || (c.rate === null && c.gain === null))
      return { rate: Infinity, cells: [named(s), "–", "–", { text: (c && c.reason) || "not measured", class: "text" }, "–", "–", c && c.pictures ? c.pictures : "–", "–"] };
    const colour = (v, good) => (Math.abs(v) < 0.005 ? "" : v < 0 === good ? "good" : "bad");
    const low = metric.rising ? c.low : c.high, high = metric.rising ? c.high : c.low;
    return { rate: c.rate ?? 1e9, cells: [named(s),
      c.rate === null ? "–" : { text: `${signed(c.rate, 1)} %`, class: colour(c.rate, true) },
      c.gain === null ? "–" : { text: signed(c.gain, gainDigits), class: colour(c.gain, false) },
      c.low === null ? "–" : `${unscaled(low)} to ${unscaled(high)}`,
      c.from === null ? "–" : `${c.from.toFixed(3)} to ${c.to.toFixed(3)}`,
      c.dropped.join(" + "), c.pictures === null ? "published" : c.pictures, spread(s)] };
  }).sort((a, b) => a.rate - b.rate);
  const unit = metric.decibels || metric.unit ? ", dB" : "";
  part.gains.replaceChildren(
    html("div", { class: "controls" }, choice("anchor", series.map((s) => [s.index, s.name + (s.published ? " (published)" : "")]), state.anchor, (v) => { state.anchor = Number(v); render(); })),
    table(["codec", "rate at equal " + metric.label, `gain at equal rate${unit}`, `over ${metric.label}`, "over bpp", "points left out", "pictures", "picture by picture"], rows.map((r) => r.cells)),
    html("p", { class: "note" }, "Against the anchor, over the range that both curves cover, by PCHIP through mean curves (logarithmic rate",
      metric.decibels ? `; ${metric.label} as −10 log₁₀(1 − x)` : "", "). Each row is over the pictures that its codec and the anchor share at all their settings; ",
      "points that another point of the same curve beats are left out, so many of the anchor's and of the codec's. Picture by picture: ",
      "the median of the rates, their quartiles, and of how many pictures, against the anchor that the page starts with. Negative rates and positive gains are better than the anchor."));
}

function renderCosts(part) {
  const own = shownSeries().filter((s) => !s.published);
  const shared = sharedPictures(own, null);
  const at = { encode: column("encode_seconds"), decode: column("decode_seconds"), load: column("load_seconds"), peak: column("peak_rss_bytes") };
  const rows = own.map((s) => {
    const used = s.points.flatMap((p) => p.rows.map((row, i) => ({ row, i })).filter(({ row, i }) => row && (!shared.length || shared.includes(i))));
    const values = (k) => used.map(({ row }) => row[at[k]]).filter((v) => v !== null);
    const speed = (k) => {
      const timed = used.filter(({ row }) => row[at[k]] !== null);
      const seconds = sum(timed.map(({ row }) => row[at[k]]));
      return seconds ? sum(timed.map(({ i }) => group().pictures[i].width * group().pictures[i].height)) / seconds / 1e6 : null;
    };
    const time = (v) => (v === null ? null : v < 0.1 ? `${(v * 1000).toFixed(1)} ms` : `${v.toFixed(2)} s`);
    const mean = (k) => (values(k).length ? average(values(k)) : null);
    return [named(s), time(mean("encode")), format(speed("encode"), 2), time(mean("decode")), format(speed("decode"), 2), time(mean("load")),
      values("peak").length ? `${(Math.max(...values("peak")) / 2 ** 20).toFixed(0)} MiB` : null, new Set(used.map(({ i }) => i)).size, s.devices || "–", s.encoder || s.tag || "–"];
  });
  part.costs.replaceChildren(
    table(["codec", "encode", "Mpixel/s", "decode", "Mpixel/s", "model load", "most memory", "pictures", "device", "made by"], rows, { text: [0, 8, 9] }),
    html("p", { class: "note" }, shared.length ? `Means over all settings and the ${count(shared.length, "picture")} that all codecs shown have. `
      : "No picture is common to all codecs shown: each codec is over its own pictures, and only speeds per pixel compare. ",
      "Times are of one picture in a process that has loaded its model; loading is apart. Memory is the largest of the resident peaks."));
}

function card(item, picked, onclick) {
  return html("li", {}, html("button", { type: "button", class: "card", "aria-pressed": String(picked), onclick },
    html("img", { src: item.image, alt: "" }), html("b", {}, item.name),
    html("span", {}, item.bytes === null ? "not coded" : `${bytesText(item.bytes)}, ${bppText(item.bpp)}`),
    item.figures.length ? html("span", {}, item.figures[0]) : null, item.off ? html("span", { class: "mismatch" }, item.off) : null));
}

const gallery = { entry: 0, target: 0, left: 0, right: 1, at: 50 };

function renderGallery(host) {
  const entry = block(`gallery-${gallery.entry}`);
  const target = entry.targets[Math.min(gallery.target, entry.targets.length - 1)];
  const items = [{ name: "original", image: entry.image, bytes: null, bpp: 0, figures: [], off: "" }, ...target.items];
  const item = (i) => items[Math.min(i, items.length - 1)];
  const [left, right] = [item(gallery.left), item(gallery.right)];
  const pick = (side) => (v) => { gallery[side] = Number(v); renderGallery(host); };
  const side = (label, key, shown) => html("div", { class: "side" },
    html("div", { class: "screen" }, choice(label, items.map((it, i) => [i, it.name]), items.indexOf(shown), pick(key))),
    html("div", { class: "bytes" }, shown.bytes === null ? shown.name : `${shown.name}: ${bytesText(shown.bytes)}`),
    html("div", { class: "figures" }, [shown.bytes === null ? `${entry.width}×${entry.height} pixels` : bppText(shown.bpp), ...shown.figures].join(" · ")),
    shown.off ? html("div", { class: "mismatch" }, shown.off) : null, shown.spec ? html("code", { class: "figures" }, shown.spec) : null);
  const first = html("img", { src: right.image, alt: `${right.name}, on the right`, draggable: "false", width: entry.width, height: entry.height });
  const second = html("img", { src: left.image, alt: `${left.name}, on the left`, draggable: "false" });
  const handle = html("div", { class: "handle" });
  const move = (v) => {
    gallery.at = Number(v);
    second.style.clipPath = `inset(0 ${100 - gallery.at}% 0 0)`;
    handle.style.left = `${gallery.at}%`;
  };
  const input = html("input", { type: "range", min: 0, max: 100, step: 0.1, value: gallery.at, "aria-label": "where the left picture ends", oninput: (e) => move(e.target.value) });
  const slider = html("div", { class: "slider" }, first, second, handle, html("span", { class: "corner left" }, left.name), html("span", { class: "corner right" }, right.name), input);
  // No larger than the picture, but small ones (faces of 256 pixels) twice, and never higher than the window.
  const sides = html("div", { class: "sides" }, side("left", "left", left), side("right", "right", right));
  slider.style.maxWidth = `min(${Math.max(entry.width, Math.min(2 * entry.width, 640))}px, calc(85vh * ${entry.width / entry.height}))`;
  sides.style.maxWidth = slider.style.maxWidth;
  move(gallery.at);
  host.replaceChildren(
    html("div", { class: "controls screen" },
      ...(data.gallery.length > 1 ? [choice("picture", data.gallery.map((name, i) => [i, name]), gallery.entry, (v) => { gallery.entry = Number(v); renderGallery(host); })] : []),
      ...(entry.targets.length > 1 ? [choice("rate aimed at", entry.targets.map((t, i) => [i, bppText(t.bpp)]), gallery.target, (v) => { gallery.target = Number(v); renderGallery(host); })] : [])),
    html("p", { class: "note" }, (data.groups.length ? `${entry.name}, at ${bppText(target.bpp)} (${bytesText(target.bytes)}) or as close below as each codec comes. ` : "") + entry.shown),
    html("div", { class: "viewer" }, slider, sides),
    html("ul", { class: "cards" }, ...items.map((it, i) => card(it, it === right, () => pick("right")(i)))),
    ...(target.failed.length ? [html("p", { class: "warning" }, `Not coded: ${target.failed.map((f) => `${f.name} (${f.error})`).join("; ")}`)] : []));
}

function renderLists(part) {
  const g = group();
  const parts = [];
  if (g.failures.length) parts.push(html("details", { open: g.failures.length <= 5 }, html("summary", {}, `${count(g.failures.length, "measurement")} failed, and ${g.failures.length === 1 ? "is" : "are"} in no curve`),
    table(["spec", "picture", "error"], g.failures.map((f) => [f[0], f[1], { text: f[2], class: "wrap" }]), { text: [0, 1, 2] })));
  if (data.damaged.length) parts.push(html("details", {}, html("summary", {}, `${count(data.damaged.length, "damaged line")} skipped`),
    table(["line"], data.damaged.map((d) => [{ text: d, class: "wrap" }]))));
  if (g.absent.length) parts.push(html("details", {}, html("summary", {}, `${count(g.absent.length, "metric")} missing`),
    table(["codec", "metric", "measurements without it", "why"], g.absent.map((a) => [a[0], a[1], a[2], { text: a[3], class: "wrap" }]), { text: [0, 1, 3] })));
  const sources = g.series.filter((s) => s.published);
  if (sources.length) parts.push(html("details", { open: true }, html("summary", {}, "Published curves, not measured here"),
    table(["curve", "source"], sources.map((s) => [named(s), { text: s.source, class: "wrap" }]), { text: [0, 1] })));
  part.lists.replaceChildren(...(parts.length ? [html("h2", {}, "What is missing, and what is not ours"), ...parts] : []));
}

let page = null;

function render() {
  renderControls(page.controls);
  renderLegend(page.legend);
  renderCurves(page);
  renderGains(page);
  renderCosts(page);
  renderLists(page);
}

function start(chosen) {
  const metrics = data.groups[chosen].metrics;
  Object.assign(state, { group: chosen, hidden: new Set(), picture: null, anchor: data.groups[chosen].anchor });
  if (!metrics.includes(state.metric)) state.metric = metrics.includes(data.metric) ? data.metric : metrics[0];
  render();
}

if (data.groups.length && data.groups.some((g) => g.metrics.length)) {
  page = { controls: html("div", { class: "controls screen" }), legend: html("ul", { class: "legend" }), said: html("p", { class: "note" }), chart: html("div", { class: "chart", id: "chart" }),
    values: html("div"), gains: html("div", { id: "gains" }), costs: html("div", { id: "costs" }), lists: html("div", { id: "lists" }) };
  main.append(html("section", {}, html("h2", {}, "Rate and distortion"), page.controls, page.legend, page.chart, page.said,
    html("details", {}, html("summary", {}, "The values of these curves"), page.values)),
    html("section", {}, html("h2", {}, "Bjontegaard figures"), page.gains));
}
if (data.gallery.length) {
  const host = html("div", { id: "gallery" });
  main.append(html("section", {}, html("h2", {}, data.groups.length ? "Pictures at matched rates" : "Side by side"), host));
  renderGallery(host);
}
if (page) {
  main.append(html("section", {}, html("h2", {}, "Speed and memory"), page.costs), html("section", {}, page.lists));
  start(data.groups.findIndex((g) => g.metrics.length));
  let drawn = page.chart.clientWidth;
  // In a frame of its own: a chart that changes its size while it is observed is an error in the console.
  new ResizeObserver(() => requestAnimationFrame(() => {
    if (page.chart.clientWidth === drawn) return;
    drawn = page.chart.clientWidth;
    drawChart(page.chart, ...page.curves);
  })).observe(page.chart);
}
if (data.table) {
  main.append(html("section", {}, html("h2", {}, "Figures"), table(data.table.head, data.table.rows, { text: [0, 1] })));
}
document.documentElement.dataset.ready = "yes";
