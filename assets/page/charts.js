"use strict";
// Charts: each figure of a document as a configuration of Observable Plot, with points that keys reach.

const PREFIXES = [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "u"], [1e-9, "n"]];
const SIZES = [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];
const SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "cross", "hexagon", "wye"];
const COLOURS = SYMBOLS.map((_, i) => `var(--series-${i})`);

/** Symbol of a series: beyond as many series as there are colours, a colour comes again with another symbol. */
function symbolOf(i) {
  return SYMBOLS[(i + 3 * Math.floor(i / COLOURS.length)) % SYMBOLS.length];
}

/** A mark of an axis in words: 10 TFLOP/s, 64 KiB, 1/16. */
function words(value, unit, digits = 3) {
  const plain = (number) => String(Number(number.toPrecision(digits)));
  if (unit === "B") {
    const [scale, name] = SIZES.find(([scale]) => value >= scale) ?? [1, "B"];
    return `${plain(value / scale)} ${name}`;
  }
  if (unit === "" || unit === "FLOP/B") return value < 1 ? `1/${plain(1 / value)}` : String(Math.round(value));
  if (value === 0) return `0 ${unit}`;
  const [scale, prefix] = PREFIXES.find(([scale]) => value >= scale * 0.9999) ?? [1e-9, "n"];
  return `${plain(value / scale)} ${prefix}${unit}`;
}

/** Parts of a decade that have marks where the decades are few, the most first. */
const PARTS = [[1, 2, 5], [1, 5]];

/** Powers of the base of an axis within its ends, at most `most` of them, evenly spaced; where decades are few, parts of them. */
function marksOf(base, [low, high], most) {
  const log = (value) => Math.log(value) / Math.log(base);
  const first = Math.ceil(log(low) - 1e-9);
  const last = Math.floor(log(high) + 1e-9);
  const step = Math.max(1, Math.ceil((last - first + 1) / most));
  if (base === 10) {
    const within = (parts) => d3.range(first - 1, last + 1)
      .flatMap((power) => parts.map((part) => part * 10 ** power))
      .filter((mark) => mark >= low && mark <= high);
    const found = PARTS.map(within).find((marks) => marks.length <= most);
    if (found) return found;
  }
  const marks = [];
  for (let power = Math.ceil(first / step) * step; power <= last; power += step) marks.push(base ** power);
  return marks;
}

/** The ends of what is drawn, a little apart from the outermost of it. */
function ends(values, margin) {
  const [low, high] = d3.extent(values);
  return [low / margin, high * margin];
}

function logarithmic(axis, domain, most) {
  const unit = axis.unit && axis.unit !== "B" ? `, ${axis.unit}` : "";
  return {
    type: "log",
    base: axis.base,
    domain,
    label: `${axis.name}${axis.base === 2 ? unit : ""}`,
    ticks: marksOf(axis.base, domain, most),
    tickFormat: (value) => words(value, axis.unit),
  };
}

/** An axis whose numbers are places, each with its name: marks stand at as many of them as there is room for. */
function ordered(axis, most) {
  const step = Math.max(1, Math.ceil(axis.places.length / most));
  return {
    type: "linear",
    domain: [-0.5, axis.places.length - 0.5],
    label: axis.name,
    ticks: d3.range(0, axis.places.length, step),
    tickFormat: (place) => axis.places[place] ?? "",
  };
}

/** An axis whose marks are evenly apart, with as many digits as tell one from the next. */
function linear(axis, values, most) {
  const [low, high] = d3.extent(values);
  const margin = Math.max((high - low) * 0.1, Math.max(Math.abs(low), Math.abs(high)) * 1e-3) || 1;
  const domain = [low - margin, high + margin];
  const ticks = d3.ticks(...domain, most);
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : margin;
  const digits = Math.min(15, Math.max(3, Math.ceil(Math.log10(Math.max(...domain.map(Math.abs)) / step)) + 1));
  return { type: "linear", domain, label: axis.name, ticks, tickFormat: (value) => words(value, axis.unit, digits) };
}

/** The scale of an axis over `values`; a logarithmic one goes a little beyond them, by the factor `margin`. */
function scaleOf(axis, values, margin, most) {
  if (axis.places) return ordered(axis, most);
  return axis.base ? logarithmic(axis, ends(values, margin), most) : linear(axis, values, most);
}

/** A long id on two lines: the kernel has the second. */
function broken(name) {
  const at = name.lastIndexOf("/") + 1;
  return name.length > 38 && at > 0 ? `${name.slice(0, at)}\n${name.slice(at)}` : name;
}

/** Lines of the roofs of several adapters, told from each other without colour. */
const DASHES = ["none", "9 4", "2 4", "12 4 2 4"];

/** Series of a plane: those of several adapters by their letters, others in the order in which they come up. */
function seriesOf({ roofs, points }) {
  const names = [...new Set([...roofs, ...points].map((item) => item.series).filter(Boolean))];
  return roofs.some((roof) => roof.series) ? names.sort() : names;
}

/** Axes whose every mark has its words: the library's own leave out those between powers. */
function axes(plane, width) {
  const { x, y } = planeFrame(plane, width);
  return [
    Plot.axisX(x.ticks, { text: x.tickFormat, label: x.label }),
    Plot.axisY(y.ticks, { text: y.tickFormat, label: y.label }),
  ];
}

/** What a point says where it is hovered over or focused. */
const told = (point) => [broken(point.name), ...point.facts].join("\n");
const spoken = (point) => [point.name, ...point.facts].join(", ");

/** What stands beside the points says nothing to who hears the page: each point says it all. */
const unheard = { ariaHidden: "true" };
const TIP = { fontSize: 12, lineHeight: 1.35, lineWidth: 60, ...unheard };

/** Size, margins and scales of a plane: of its chart, and of what is laid over it. */
function planeFrame({ x, y, roofs, points }, width) {
  const corners = roofs.flatMap((roof) => roof.ends);
  const xs = [...points.map((p) => p.x), ...corners.map((c) => c[0])];
  const ys = [...points.map((p) => p.y), ...corners.map((c) => c[1])];
  return {
    width,
    height: Math.round(Math.min(480, Math.max(300, width * 0.55))),
    marginLeft: width < 520 ? 76 : 84,
    marginRight: 16,
    marginTop: 28,
    marginBottom: 44,
    style: { fontSize: "12px" },
    x: scaleOf(x, xs, roofs.length ? 1 : 1.2, Math.max(3, Math.floor(width / (x.places ? 110 : 80)))),
    y: scaleOf(y, ys, 1.6, 8),
  };
}

/** Roofs: those of one adapter by what they are, those of several each in the colour and with the line of its series. */
function roofLines({ roofs, points }) {
  const [x1, y1, x2, y2] = [(r) => r.ends[0][0], (r) => r.ends[0][1], (r) => r.ends[1][0], (r) => r.ends[1][1]];
  const line = { x1, y1, x2, y2, strokeWidth: 2, title: "name", ...unheard };
  if (!roofs.some((roof) => roof.series)) {
    return [Plot.link(roofs, { ...line, stroke: (r) => (r.is_slanted ? "var(--memory)" : "var(--compute)") })];
  }
  return seriesOf({ roofs, points }).map((name, i) => Plot.link(roofs.filter((roof) => roof.series === name), {
    ...line, stroke: "series", strokeDasharray: DASHES[i % DASHES.length],
  }));
}

function planeMarks(plane) {
  const { roofs, points, joined } = plane;
  const flat = roofs.filter((roof) => !roof.is_slanted && roof.label);
  const slanted = roofs.filter((roof) => roof.is_slanted && roof.label);
  const halo = { fill: "var(--text)", stroke: "var(--raised)", strokeWidth: 5, fontSize: 11, fontWeight: 600, ...unheard };
  return [
    ...roofLines(plane),
    joined ? Plot.line(points, { x: "x", y: "y", z: "series", stroke: "series", strokeWidth: 2, ...unheard }) : null,
    Plot.text(flat, { x: (r) => r.ends[1][0], y: (r) => r.ends[1][1], text: "label", textAnchor: "end", dy: -9, ...halo }),
    Plot.text(slanted, { x: (r) => r.ends[0][0], y: (r) => r.ends[0][1], text: "label", textAnchor: "start", dx: 14, dy: 6, ...halo }),
    Plot.dot(points, { x: "x", y: "y", fill: "series", symbol: "series", stroke: "var(--raised)", strokeWidth: 1, r: 5.5, ariaLabel: spoken }),
  ];
}

function plane(figure) {
  const { points } = figure.plane;
  const names = seriesOf(figure.plane);
  const tip = { x: "x", y: "y", title: told, ...TIP };
  return {
    items: points,
    tip: (some) => Plot.tip(some, tip),
    frame: (width) => planeFrame(figure.plane, width),
    chart: (width) => Plot.plot({
      ...planeFrame(figure.plane, width),
      grid: true,
      color: { domain: names, range: names.map((_, i) => COLOURS[i % COLOURS.length]) },
      symbol: { domain: names, range: names.map((_, i) => symbolOf(i)), legend: names.length > 0 },
      marks: [...axes(figure.plane, width), ...planeMarks(figure.plane), Plot.tip(points, Plot.pointer({ ...tip, maxRadius: 60 }))],
    }),
  };
}

function bars(figure) {
  const { bars } = figure.bars;
  const places = new Map(bars.map((bar, i) => [bar, i]));
  const y = (bar) => places.get(bar);
  const tip = { x: (bar) => bar.value / 2, y, title: told, ...TIP };
  const frame = (width) => ({
    width,
    height: bars.length * 42 + 14,
    marginLeft: 1, marginRight: 8, marginTop: 2, marginBottom: 10,
    style: { fontSize: "12px" },
    x: { axis: null, domain: [0, d3.max(bars, (bar) => bar.value)] },
    y: { axis: null, domain: d3.range(bars.length), padding: 0 },
  });
  return {
    items: bars,
    tip: (some) => Plot.tip(some, tip),
    frame,
    chart: (width) => Plot.plot({
      ...frame(width),
      marks: [
        Plot.barX(bars, {
          x: "value", y, insetTop: 20, insetBottom: 4, rx: 2,
          fill: (bar) => (y(bar) === bars.length - 1 ? "var(--series-2)" : "var(--series-0)"),
          ariaLabel: spoken,
        }),
        Plot.text(bars, {
          x: 0, y, text: (bar) => `${bar.name}  ${bar.facts[0] ?? ""}`, textAnchor: "start", dy: -11,
          fill: "var(--text)", ...unheard,
        }),
        Plot.tip(bars, Plot.pointerY(tip)),
      ],
    }),
  };
}

/**
 * One stop of the tabulator for all points of a chart, arrows from point to point, from left to right. `show` is called with
 * the item of the point that has the focus, and with none where it leaves. `holder` listens: a drawing that did so itself would
 * be a stop of the tabulator too.
 */
function withKeys(holder, svg, items, label, show) {
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", label);
  svg.querySelectorAll(":scope > g[aria-label]").forEach((part) => {
    if (!part.matches('[aria-label="dot"], [aria-label="bar"]')) part.setAttribute("aria-hidden", "true");
    else part.removeAttribute("aria-label");
  });
  const points = [...svg.querySelectorAll("g > [aria-label]")].filter((node) => !node.closest("[aria-hidden]"));
  const item = (node) => items[node.__data__];
  const order = points.toSorted((a, b) => (item(a).x ?? 0) - (item(b).x ?? 0) || (item(a).y ?? 0) - (item(b).y ?? 0));
  order.forEach((node, i) => {
    node.setAttribute("role", "img");
    node.setAttribute("tabindex", i ? "-1" : "0");
  });
  holder.addEventListener("keydown", (event) => {
    const at = order.indexOf(event.target);
    const next = {
      ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: order.length - 1,
    }[event.key];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    const node = order[Math.min(order.length - 1, Math.max(0, next))];
    order[at].setAttribute("tabindex", "-1");
    node.setAttribute("tabindex", "0");
    node.focus();
  });
  holder.addEventListener("focusin", (event) => {
    if (order.includes(event.target) && event.target.matches(":focus-visible")) show(item(event.target));
  });
  holder.addEventListener("focusout", () => show());
}

/** Draws `figure` into `place`, and again where the place gets another width. */
function draw(figure, place) {
  const roofs = figure.plane?.roofs.map((roof) => roof.name).join(", ");
  const label = [figure.title, figure.about, roofs].filter(Boolean).join(". ");
  const drawing = place.querySelector(".drawing");
  const keys = place.querySelector(".keys");
  const { items, tip, frame, chart } = figure.plane ? plane(figure) : bars(figure);
  if (keys) keys.hidden = items.length === 0;
  let drawn = 0;
  const render = () => {
    const width = Math.floor(drawing.clientWidth);
    if (width < 100 || width === drawn) return;
    drawn = width;
    const node = chart(width);
    const svg = node.matches("svg") ? node : [...node.children].findLast((child) => child.matches("svg"));
    const holder = element("div", {}, node);
    drawing.replaceChildren(holder);
    withKeys(holder, svg, items, label, (item) => {
      drawing.querySelector(".told")?.remove();
      if (!item) return;
      const { x, y, ...rest } = frame(width);
      const over = Plot.plot({ ...rest, x: { ...x, axis: null }, y: { ...y, axis: null }, marks: [tip([item])] });
      over.classList.add("told");
      over.setAttribute("aria-hidden", "true");
      drawing.append(over);
    });
  };
  new ResizeObserver(render).observe(drawing);
  render();
}
