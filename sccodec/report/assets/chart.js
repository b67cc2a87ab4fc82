"use strict";

// Everything on the page is built by these two: texts become text nodes, never markup.
function build(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((c) => c !== null && c !== undefined));
  return made;
}
const html = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const N_COLOURS = 10;
const SHAPES = [
  (r) => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
  (r) => `M${-r} ${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
  (r) => `M0 ${-1.3 * r}L${1.2 * r} ${r}H${-1.2 * r}z`,
  (r) => `M0 ${-1.4 * r}L${1.4 * r} 0L0 ${1.4 * r}L${-1.4 * r} 0z`,
  (r) => `M0 ${1.3 * r}L${1.2 * r} ${-r}H${-1.2 * r}z`,
];

// Colour and shape of the i-th codec; the shapes go round 5, the colours 10, out of step after ten.
const look = (i) => ({ colour: `c${i % N_COLOURS}`, shape: SHAPES[(i + Math.floor(i / N_COLOURS)) % SHAPES.length] });

function swatch(series) {
  const { colour, shape } = look(series.index);
  return svg("svg", { width: 26, height: 14, viewBox: "-13 -7 26 14", class: "swatch", "aria-hidden": "true" },
    svg("g", { class: colour + (series.published ? " published" : "") },
      svg("path", { class: "curve", d: "M-13 0H13" }), svg("path", { class: "mark", d: shape(3.6) })));
}

// Round numbers between low and high, about n of them.
function ticks(low, high, n) {
  const rough = (high - low) / Math.max(1, n);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((m) => m * power >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

function logTicks(low, high, most) {
  for (const digits of [[1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]]) {
    const found = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
      for (const d of digits) {
        const value = Number((d * 10 ** e).toPrecision(6));
        if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
      }
    if (found.length <= most || digits.length === 1) return found;
  }
  return [];
}

// curves: [{series, points: [{x, y, lines}]}]. options: {log, most (the highest rate, or null), xTitle, yTitle}.
// Draws into host, which keeps a tip that shows a point's lines.
function drawChart(host, curves, options) {
  const width = Math.max(300, Math.round(host.clientWidth || 900));
  const height = Math.round(Math.min(560, Math.max(300, width * 0.58)));
  const box = { left: 58, right: width - 16, top: 16, bottom: height - 48 };
  const within = (p) => options.most === null || p.x <= options.most;
  const seen = curves.flatMap((c) => c.points.filter(within));
  host.replaceChildren();
  if (!seen.length) return;

  const xs = seen.map((p) => p.x), ys = seen.map((p) => p.y);
  let [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  if (options.log) [x0, x1] = x1 / x0 < 1.3 ? [x0 / 1.3, x1 * 1.3] : [x0 / 1.1, x1 * 1.1];
  else [x0, x1] = [0, x1 * 1.04];
  let [y0, y1] = [Math.min(...ys), Math.max(...ys)];
  const margin = (y1 - y0 || Math.abs(y1) || 1) * 0.06;
  [y0, y1] = [y0 - margin, y1 + margin];
  const along = options.log ? (v) => Math.log(v / x0) / Math.log(x1 / x0) : (v) => (v - x0) / (x1 - x0);
  const px = (v) => box.left + along(v) * (box.right - box.left);
  const py = (v) => box.bottom - ((v - y0) / (y1 - y0)) * (box.bottom - box.top);

  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${options.yTitle} over ${options.xTitle}` });
  const clip = svg("clipPath", { id: "plot" }, svg("rect", { x: box.left, y: box.top - 6, width: box.right - box.left + 8, height: box.bottom - box.top + 12 }));
  root.append(svg("defs", {}, clip));
  for (const v of options.log ? logTicks(x0, x1, width / 55) : ticks(x0, x1, width / 90)) {
    root.append(svg("line", { class: "grid", x1: px(v), x2: px(v), y1: box.top, y2: box.bottom }),
      svg("text", { x: px(v), y: box.bottom + 17, "text-anchor": "middle" }, String(v)));
  }
  for (const v of ticks(y0, y1, height / 55)) {
    root.append(svg("line", { class: "grid", x1: box.left, x2: box.right, y1: py(v), y2: py(v) }),
      svg("text", { x: box.left - 7, y: py(v) + 4, "text-anchor": "end" }, String(v)));
  }
  root.append(svg("rect", { class: "frame", x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top }),
    svg("text", { class: "axis-title", x: (box.left + box.right) / 2, y: height - 10, "text-anchor": "middle" }, options.xTitle),
    svg("text", { class: "axis-title", transform: `translate(15 ${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, options.yTitle));

  const layer = svg("g", { "clip-path": "url(#plot)" });
  const targets = [];
  for (const curve of curves) {
    const { colour, shape } = look(curve.series.index);
    const group = svg("g", { class: colour + (curve.series.published ? " published" : "") });
    if (curve.points.length > 1)
      group.append(svg("path", { class: "curve", d: "M" + curve.points.map((p) => `${px(p.x).toFixed(1)} ${py(p.y).toFixed(1)}`).join("L") }));
    for (const p of curve.points.filter(within)) {
      group.append(svg("path", { class: "mark", d: shape(3.6), transform: `translate(${px(p.x).toFixed(1)} ${py(p.y).toFixed(1)})` }));
      targets.push({ x: px(p.x), y: py(p.y), group, lines: p.lines });
    }
    layer.append(group);
  }
  const ring = svg("circle", { class: "near", r: 7, visibility: "hidden" });
  root.append(layer, ring);
  const tip = html("div", { class: "tip", hidden: true });
  host.append(root, tip);

  const hide = () => {
    tip.hidden = true;
    ring.setAttribute("visibility", "hidden");
    for (const g of layer.children) g.classList.remove("dim");
  };
  const show = (event) => {
    const area = root.getBoundingClientRect();
    const scale = width / area.width;
    const [x, y] = [(event.clientX - area.left) * scale, (event.clientY - area.top) * scale];
    let best = null, least = 45 ** 2;
    for (const t of targets) {
      const d = (t.x - x) ** 2 + (t.y - y) ** 2;
      if (d < least) [best, least] = [t, d];
    }
    if (!best) return hide();
    ring.setAttribute("cx", best.x);
    ring.setAttribute("cy", best.y);
    ring.setAttribute("visibility", "visible");
    for (const g of layer.children) g.classList.toggle("dim", g !== best.group);
    tip.replaceChildren(html("b", {}, best.lines[0]), ...best.lines.slice(1).map((l) => html("div", {}, l)));
    tip.hidden = false;
    const [left, top] = [best.x / scale, best.y / scale];
    tip.style.left = `${Math.max(4, Math.min(left + 14, area.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${top + 16 + tip.offsetHeight > area.height ? Math.max(4, top - tip.offsetHeight - 14) : top + 16}px`;
  };
  root.addEventListener("pointermove", show);
  root.addEventListener("pointerdown", show);
  root.addEventListener("pointerleave", hide);
}
