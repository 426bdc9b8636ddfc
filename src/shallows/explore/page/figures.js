// The four figures, drawn by BokehJS.
import { number } from "./numbers.js";

const THEMES = {
  light: {
    ink: "#20262d", soft: "#5c6670", grid: "#e7eaed", paper: "#ffffff", blue: "#0072b2", orange: "#d55e00",
    green: "#00795a", grey: "#79838d", missing: "#c9cdd1",
    palette: ["#4f94cd", "#a9cbe6", "#f6f6f3", "#f5b99f", "#df5f3d"],
  },
  dark: {
    ink: "#e6e9ec", soft: "#a3adb7", grid: "#2c343c", paper: "#171c21", blue: "#5ab6ee", orange: "#ff9d5c",
    green: "#4fd3a7", grey: "#95a0aa", missing: "#3a4148",
    palette: ["#3d8fd1", "#275377", "#20262c", "#70402e", "#d0603c"],
  },
};
// Decades of the risk, over that of predicting zero, that colours show.
export const DECADES = [-4, 2];
const STEPS = 96;
const CELLS = [132, 104];
const FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif";
export const TERMS = ["overfitting", "underfitting", "approximation", "alignment"];

function mixed(a, b, t) {
  const part = (colour, k) => parseInt(colour.slice(1 + 2 * k, 3 + 2 * k), 16);
  const one = (k) => Math.round(part(a, k) * (1 - t) + part(b, k) * t).toString(16).padStart(2, "0");
  return `#${one(0)}${one(1)}${one(2)}`;
}

// Colours from far below the risk of predicting zero (place 2 of the palette) to far above it.
export function palette(stops) {
  const zero = -DECADES[0] / (DECADES[1] - DECADES[0]);
  const places = [0, zero / 2, zero, (1 + zero) / 2, 1];
  return Array.from({ length: STEPS }, (_, i) => {
    const share = i / (STEPS - 1);
    let k = places.findIndex((place) => share <= place);
    k = Math.max(1, k);
    return mixed(stops[k - 1], stops[k], (share - places[k - 1]) / (places[k] - places[k - 1]));
  });
}

export function theme() {
  return THEMES[matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"];
}

// log10 of the risk over the null risk, on an even grid of pixels; NaN where a neighbour was not solved.
function pixels(diagram, sight, nullRisk) {
  const { ndarray } = Bokeh.require("core/util/ndarray");
  const [columns, rows] = CELLS;
  const spread = (ends, count) => Array.from({ length: count },
    (_, i) => Math.log(ends[0]) + ((i + 0.5) / count) * Math.log(ends[1] / ends[0]));
  const find = (values, at) => {
    let k = 0;
    while (k + 2 < values.length && values[k + 1] < at) k++;
    return [k, Math.min(1, Math.max(0, (at - values[k]) / (values[k + 1] - values[k])))];
  };
  const logs = diagram.excess_risk.map((row) => row.map((v) => (v > 0 ? Math.log10(v / nullRisk) : v === 0 ? -99 : NaN)));
  const xs = diagram.samples.map(Math.log);
  const ys = diagram.weight_decay.map(Math.log);
  const across = spread(sight.samples, columns).map((at) => find(xs, at));
  const up = spread(sight.weight_decay, rows).map((at) => find(ys, at));
  const out = new Float64Array(columns * rows);
  up.forEach(([j, v], row) => across.forEach(([i, u], column) => {
    out[row * columns + column] = (logs[i][j] * (1 - u) + logs[i + 1][j] * u) * (1 - v)
      + (logs[i][j + 1] * (1 - u) + logs[i + 1][j + 1] * u) * v;
  }));
  return ndarray(out, { dtype: "float64", shape: [rows, columns] });
}

function solved(x, y) {
  return { x, y: y.map((value) => (value > 0 ? value : NaN)) };
}

// Ends of an axis, moved outward to the next quarter of a decade: axes stay while a slider moves a little.
function outward(low, high) {
  const quarter = (value, round) => 10 ** (round(4 * Math.log10(value)) / 4);
  return [quarter(low, Math.floor), quarter(high, Math.ceil)];
}

// The curve with the present point on it.
function withPoint(curve, x, y) {
  const k = curve.samples.findIndex((n) => n >= x);
  if (k < 1 || !(y > 0) || curve.samples[k] === x) return solved(curve.samples, curve.excess_risk);
  return solved(curve.samples.toSpliced(k, 0, x), curve.excess_risk.toSpliced(k, 0, y));
}

export class Figures {
  // hosts: elements by name; moved: told samples and weight decay where the user pointed; now: where the page is going.
  constructor(hosts, settings, moved, now) {
    Object.assign(this, { hosts, settings, moved, now, views: {}, figures: {}, sources: {} });
  }

  async build() {
    this.colours = theme();
    const log = { x_axis_type: "log", y_axis_type: "log" };
    this.figure("diagram", { ...log, x_axis_label: "samples n", y_axis_label: "weight decay λ" });
    this.figure("curve", { ...log, x_axis_label: "samples n", y_axis_label: "excess risk" });
    this.figure("spectrum", { x_axis_type: "log", x_axis_label: "size", y_axis_label: "share, and overlap of modes", y_range: [0, 1.12] });
    this.figure("bars", { y_range: [...TERMS].reverse(), x_axis_label: "percent of the excess risk" });
    this.fillDiagram();
    this.fillCurve();
    this.fillSpectrum();
    this.fillBars();
    for (const [name, host] of Object.entries(this.hosts)) {
      host.replaceChildren();
      this.views[name] = await Bokeh.Plotting.show(this.figures[name], host);
    }
    this.listen(this.hosts.diagram);
  }

  figure(name, options) {
    const c = this.colours;
    const range = ([low, high]) => new Bokeh.Range1d({ start: low, end: high });
    const figure = Bokeh.Plotting.figure({
      tools: "", toolbar_location: null, sizing_mode: "stretch_both", min_border_right: 14, min_border_top: 6,
      x_range: range([1, 10]), y_range: range([1, 10]), ...options,
      background_fill_color: null, border_fill_color: null, outline_line_color: null,
    });
    for (const axis of figure.axes) {
      axis.setv({
        axis_line_color: c.grey, major_tick_line_color: c.grey, minor_tick_line_color: null, major_label_text_color: c.soft,
        axis_label_text_color: c.ink, axis_label_text_font_style: "normal", axis_label_text_font: FONT,
        axis_label_text_font_size: "13px", major_label_text_font: FONT, major_label_text_font_size: "12px",
        major_tick_in: 0, axis_label_standoff: 6,
      });
    }
    for (const grid of figure.grids) grid.setv({ grid_line_color: c.grid });
    this.figures[name] = figure;
    return figure;
  }

  source(name, data) {
    this.sources[name] = new Bokeh.ColumnDataSource({ data });
    return { source: this.sources[name] };
  }

  fillDiagram() {
    const f = this.figures.diagram, c = this.colours, at = [{ field: "x" }, { field: "y" }];
    const blank = Bokeh.require("core/util/ndarray").ndarray(new Float64Array(1).fill(NaN), { dtype: "float64", shape: [1, 1] });
    const mapper = new Bokeh.LinearColorMapper({
      palette: palette(c.palette), low: DECADES[0], high: DECADES[1], nan_color: c.missing,
    });
    for (const grid of f.grids) grid.setv({ grid_line_color: null });
    f.image({ image: { field: "image" }, x: { field: "x" }, y: { field: "y" }, dw: { field: "dw" }, dh: { field: "dh" },
      color_mapper: mapper, ...this.source("heat", { image: [blank], x: [1], y: [1], dw: [9], dh: [9] }) });
    f.segment({ field: "x0" }, { field: "y0" }, { field: "x1" }, { field: "y1" },
      { line_color: c.ink, line_alpha: 0.55, line_width: 1.1, ...this.source("borders", { x0: [], y0: [], x1: [], y1: [] }) });
    f.line(...at, { line_color: c.orange, line_width: 2.5, ...this.source("best", { x: [], y: [] }) });
    f.text(...at, { field: "text" }, { text_color: c.ink, text_font: FONT, text_font_size: "14px", text_font_style: "bold",
      text_align: "center", text_baseline: "middle", ...this.source("names", { x: [], y: [], text: [] }) });
    f.segment({ field: "x0" }, { field: "y0" }, { field: "x1" }, { field: "y1" },
      { line_color: c.ink, line_alpha: 0.35, line_dash: "dotted", ...this.source("cross", { x0: [], y0: [], x1: [], y1: [] }) });
    f.scatter(...at, { marker: "circle", size: 15, fill_color: c.blue, line_color: c.paper, line_width: 2.5, ...this.source("here", { x: [], y: [] }) });
    f.scatter(...at, { marker: "circle", size: 8, fill_color: c.green, line_color: c.paper, ...this.source("trainedPlaces", { x: [], y: [] }) });
  }

  fillCurve() {
    const f = this.figures.curve, c = this.colours, at = [{ field: "x" }, { field: "y" }];
    f.segment({ field: "x0" }, { field: "y0" }, { field: "x1" }, { field: "y1" },
      { line_color: c.ink, line_alpha: 0.35, line_dash: "dotted", ...this.source("now", { x0: [], y0: [], x1: [], y1: [] }) });
    f.line(...at, { line_color: c.grey, line_dash: "dashed", line_width: 2, ...this.source("bayes", { x: [], y: [] }) });
    f.line(...at, { line_color: c.orange, line_width: 2, ...this.source("floor", { x: [], y: [] }) });
    f.line(...at, { line_color: c.blue, line_width: 2.5, ...this.source("risk", { x: [], y: [] }) });
    f.segment({ field: "x" }, { field: "low" }, { field: "x" }, { field: "high" },
      { line_color: c.green, line_width: 2, ...this.source("spread", { x: [], low: [], high: [] }) });
    f.scatter(...at, { marker: "circle", size: 13, fill_color: c.blue, line_color: c.paper, line_width: 2.5, ...this.source("point", { x: [], y: [] }) });
    f.scatter(...at, { marker: "circle", size: 8, fill_color: c.green, line_color: c.paper, line_width: 1, ...this.source("trained", { x: [], y: [] }) });
  }

  fillSpectrum() {
    const f = this.figures.spectrum, c = this.colours, at = [{ field: "x" }, { field: "y" }];
    f.varea({ field: "x" }, { field: "zero" }, { field: "y" }, { fill_color: c.blue, fill_alpha: 0.3, ...this.source("bulk", { x: [], y: [], zero: [] }) });
    f.line(...at, { line_color: c.blue, line_width: 1.5, source: this.sources.bulk });
    this.stems = f.segment({ field: "x" }, { field: "zero" }, { field: "x" }, { field: "y" }, { line_color: c.orange, line_width: 1.5, ...this.source("spikes", { x: [], y: [], zero: [] }) });
    f.scatter(...at, { marker: "circle", size: 6, fill_color: c.orange, line_color: null, source: this.sources.spikes });
    f.scatter(...at, { marker: "inverted_triangle", size: 7, fill_color: null, line_color: c.grey, ...this.source("teacher", { x: [], y: [] }) });
    f.scatter(...at, { marker: "dash", angle: Math.PI / 2, size: 12, line_color: c.green, line_width: 1.5, ...this.source("weights", { x: [], y: [] }) });
  }

  fillBars() {
    const f = this.figures.bars, c = this.colours;
    f.hbar({ field: "name" }, 0.62, { field: "value" }, 0, { fill_color: { field: "colour" }, line_color: null, ...this.source("terms", { name: [], value: [], colour: [], text: [], at: [] }) });
    f.text({ field: "at" }, { field: "name" }, { field: "text" }, { text_color: c.ink, text_font: FONT, text_font_size: "12px",
      text_baseline: "middle", x_offset: 6, source: this.sources.terms });
    f.ygrid.grid_line_color = null;
    f.xaxis.ticker = new Bokeh.BasicTicker({ desired_num_ticks: 5 });
  }

  // New data, unless they are those that are drawn.
  put(name, data) {
    const drawn = this.sources[name].data;
    const same = Object.keys(data).every((key) => {
      const a = drawn[key], b = data[key];
      return a === b || (a && a.length === b.length && b.every((value, k) => value === a[k]));
    });
    if (!same) this.sources[name].data = data;
  }

  showPoint(view, answer) {
    const ok = answer.status.ok;
    this.sight = answer.sight;
    this.place(this.figures.diagram, answer.sight.samples, answer.sight.weight_decay);
    const [x, y] = [view.samples, Math.max(view.weight_decay, answer.sight.weight_decay[0])];
    this.put("here", { x: [x], y: [y] });
    this.put("cross", {
      x0: [x, answer.sight.samples[0]], x1: [x, answer.sight.samples[1]],
      y0: [answer.sight.weight_decay[0], y], y1: [answer.sight.weight_decay[1], y],
    });
    this.put("risk", withPoint(answer.curve, x, ok ? answer.numbers.excess_risk : null));
    this.put("point", ok && answer.numbers.excess_risk > 0 ? { x: [x], y: [answer.numbers.excess_risk] } : { x: [], y: [] });
    this.showSpectrum(ok ? answer.spectrum : null, this.settings.networks[view.network]);
    this.showBars(ok ? answer.decomposition : null);
    this.fitCurve(x);
  }

  fitCurve(x) {
    const values = ["risk", "bayes", "floor", "trained", "point"].flatMap((name) => Array.from(this.sources[name].data.y)).filter((v) => v > 0);
    const ends = values.length ? outward(Math.min(...values) / 1.1, Math.max(...values) * 1.3) : [0.01, 1];
    this.place(this.figures.curve, this.sight.samples, ends);
    this.put("now", { x0: [x], x1: [x], y0: [ends[0]], y1: [ends[1]] });
  }

  place(figure, x, y) {
    figure.x_range.setv({ start: x[0], end: x[1] });
    if (y) figure.y_range.setv({ start: y[0], end: y[1] });
  }

  showSpectrum(law, network) {
    const empty = { x: [], y: [], zero: [] };
    this.figures.spectrum.xaxis.axis_label = network.quantity;
    if (!law) {
      for (const name of ["bulk", "spikes", "teacher"]) this.put(name, empty);
      return;
    }
    const top = Math.max(...law.density, 0);
    const bulk = { x: law.size, y: law.density.map((v) => (top > 0 ? (0.8 * v) / top : 0)), zero: law.size.map(() => 0) };
    const spikes = law.spikes.filter((spike) => spike.learned > 0);
    const crowded = spikes.length > 25;
    if (crowded !== this.crowded) this.stems.glyph.line_alpha = { value: crowded ? 0.35 : 1 };
    this.crowded = crowded;
    const teacher = law.teacher.filter((value) => value > 0);
    const largest = Math.max(law.size.at(-1) ?? 0, teacher[0] ?? 0, spikes[0]?.learned ?? 0) * 1.25 || 1;
    const low = law.low || largest / 500;
    this.put("bulk", bulk);
    this.put("spikes", { x: spikes.map((s) => s.learned), y: spikes.map((s) => s.overlap), zero: spikes.map(() => 0) });
    const seen = teacher.filter((value) => value > low);
    this.put("teacher", { x: seen, y: seen.map(() => 1.06), zero: seen });
    this.place(this.figures.spectrum, outward(low, largest));
  }

  showBars(terms) {
    const c = this.colours;
    if (!terms) {
      this.put("terms", { name: [], value: [], colour: [], text: [], at: [] });
      return;
    }
    const total = TERMS.reduce((sum, name) => sum + terms[name], 0) || 1;
    const values = TERMS.map((name) => (100 * terms[name]) / total);
    const most = Math.max(...values.map(Math.abs)) || 1;
    this.put("terms", {
      name: TERMS, value: values, colour: [c.orange, c.grey, c.blue, c.green], text: TERMS.map((name, k) => (this.settings.rough ? `≈ ${Math.round(values[k])} %` : number(terms[name], 3))),
      at: values.map((v) => Math.max(v, 0)),
    });
    const step = 20;
    this.place(this.figures.bars, [step * Math.floor((Math.min(0, ...values) - 0.02 * most) / step), step * Math.ceil((1.35 * most) / step)]);
  }

  showDiagram(diagram, nullRisk) {
    const { samples, weight_decay: decays } = this.sight;
    this.put("heat", {
      image: [pixels(diagram, this.sight, nullRisk)], x: [samples[0]], y: [decays[0]],
      dw: [samples[1] - samples[0]], dh: [decays[1] - decays[0]],
    });
    const phases = diagram.phases;
    this.put("borders", phases ? phases.segments : { x0: [], y0: [], x1: [], y1: [] });
    const labels = phases ? phases.labels : [];
    this.put("names", { x: labels.map((l) => l.samples), y: labels.map((l) => l.weight_decay), text: labels.map((l) => l.name) });
    this.showFloors(diagram.floors);
  }

  showFloors(floors) {
    const none = { samples: [], weight_decay: [], excess_risk: [], bayes_risk: [] };
    const found = floors ?? none;
    this.put("best", solved(found.samples, found.weight_decay));
    this.put("floor", solved(found.samples, found.excess_risk));
    this.put("bayes", solved(found.samples, found.bayes_risk));
    this.fitCurve(this.sources.here.data.x[0]);
  }

  // points: trained or given, of this problem; same: those at this weight decay; weights: of the last one here.
  showMeasured(points, same, weights) {
    this.put("trainedPlaces", { x: points.map((p) => p.samples), y: points.map((p) => p.weight_decay) });
    this.put("trained", { x: same.map((p) => p.samples), y: same.map((p) => p.excess_risk) });
    const spread = same.filter((p) => p.low !== undefined);
    this.put("spread", { x: spread.map((p) => p.samples), low: spread.map((p) => p.low), high: spread.map((p) => p.high) });
    this.put("weights", { x: weights, y: weights.map(() => 0.04) });
    this.fitCurve(this.sources.here.data.x[0]);
  }

  // Click or drag in the diagram, and arrow keys.
  listen(host) {
    const place = (event) => {
      const view = this.views.diagram, box = view.frame.bbox;
      const corner = view.canvas_view.el.getBoundingClientRect();
      const share = (value, low, high) => Math.min(1, Math.max(0, (value - low) / (high - low)));
      const u = share(event.clientX - corner.left, box.x0, box.x1);
      const v = share(event.clientY - corner.top, box.y1, box.y0);
      const on = ([low, high], t) => low * (high / low) ** t;
      return [on(this.sight.samples, u), on(this.sight.weight_decay, v)];
    };
    let held = false;
    host.onpointerdown = (event) => {
      if (event.button !== 0 || !this.sight) return;
      held = event.pointerType !== "touch";
      if (held) host.setPointerCapture(event.pointerId);
      this.moved(...place(event));
    };
    host.onpointermove = (event) => { if (held) this.moved(...place(event)); };
    host.onpointerup = host.onpointercancel = () => { held = false; };
    host.onkeydown = (event) => {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!steps || !this.sight) return;
      event.preventDefault();
      const size = event.shiftKey ? 0.002 : 0.02;
      const step = ([low, high], value, k) => Math.min(high, Math.max(low, value * (high / low) ** (size * k)));
      const here = this.now();
      let samples = step(this.sight.samples, here.samples, steps[0]);
      if (steps[0] && Math.round(samples) === here.samples) samples = here.samples + steps[0];
      this.moved(samples, step(this.sight.weight_decay, here.weight_decay, steps[1]));
    };
  }

  legend() {
    const c = this.colours;
    const marks = [[c.blue, "this weight decay; learned noise"], [c.orange, "best weight decay; learned modes by overlap"],
      [c.grey, "Bayes-optimal (dashed); teacher (triangles)"], [c.green, "trained"], [c.ink, "phases"]];
    return marks.map(([colour, text]) => `<tspan fill="${colour}">■</tspan><tspan fill="${c.ink}"> ${text}   </tspan>`).join("");
  }

  // All figures as one drawing, two by two.
  async svg(title) {
    const names = ["diagram", "curve", "spectrum", "bars"];
    const pieces = await Promise.all(names.map(async (name) => (await this.views[name].export("svg").to_blob()).text()));
    const sizes = names.map((name) => this.hosts[name].getBoundingClientRect());
    const width = Math.max(...sizes.map((s) => s.width)), height = Math.max(...sizes.map((s) => s.height));
    const inner = pieces.map((text, k) => {
      const x = (k % 2) * (width + 20), y = 60 + Math.floor(k / 2) * (height + 20);
      return text.replace(/^[\s\S]*?<svg /, `<svg x="${x}" y="${y}" `);
    });
    const safe = title.replace(/&/g, "&amp;").replace(/</g, "&lt;");
    return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${2 * width + 20}" height="${2 * height + 80}">`
      + `<rect width="100%" height="100%" fill="${this.colours.paper}"/>`
      + `<text x="8" y="22" font-family="Helvetica, Arial, sans-serif" font-size="14" fill="${this.colours.ink}">${safe}</text>`
      + `<text x="8" y="42" font-family="Helvetica, Arial, sans-serif" font-size="12">${this.legend()}</text>`
      + `${inner.join("")}</svg>`;
  }
}
