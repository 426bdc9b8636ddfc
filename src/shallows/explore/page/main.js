// The explorer: the parts above, tied to one view.
import { Controls, element } from "./controls.js";
import { DECADES, Figures, palette, theme } from "./figures.js";
import { between, number } from "./numbers.js";
import { NotebookSource, Refused, ServerSource } from "./sources.js";
import { SavedSource } from "./saved.js";
import { TrainingPanel } from "./training.js";
import { accept, everywhere, fitting, parseQuery, queryOf } from "./view.js";
import { polished, reading, spectrumReading } from "./words.js";

const REST = 250;
const CARDS = {
  diagram: ["Phase diagram", "Colour: predicted excess risk. Lines: where phases of theory meet. Click or drag to move, or use the arrow keys."],
  curve: ["Learning curve", ""],
  spectrum: ["Learned spectrum", ""],
  bars: ["Where the excess risk comes from", ""],
};

export class Explorer {
  constructor(root, source, settings, options = {}) {
    Object.assign(this, { root, source, settings, options, serial: 0, busy: 0, waiting: null, diagramOf: null, timings: [], group: `explorer-network-${crypto.getRandomValues(new Uint32Array(1))[0]}` });
    root.classList.add("shallows-explorer");
    this.frame();
  }

  frame() {
    const get = (id) => this.root.querySelector(`#explorer-${id}`);
    const button = (id, text, act) => element("button", { type: "button", id: `explorer-${id}`, onclick: act }, text);
    const switches = element("div", { class: "switch", role: "radiogroup", "aria-label": "network" },
      ...Object.keys(this.settings.networks).map((name) => element("label", {},
        element("input", { type: "radio", name: this.group, value: name, onchange: () => this.change({ network: name }) }),
        element("span", {}, name))));
    const tools = element("div", { class: "tools" },
      button("share", "Copy link", () => this.copy(this.address(), "Link copied.")),
      button("code", "Code", () => this.showCode()),
      button("svg", "SVG", () => this.saveSvg()));
    const fact = (id, label) => element("div", { class: "fact" }, element("span", {}, label), element("b", { id: `explorer-${id}` }, "–"), element("small", { id: `explorer-${id}-note` }));
    const figures = element("div", { class: "figures" });
    const hosts = {};
    for (const [name, [title, hint]] of Object.entries(CARDS)) {
      hosts[name] = element("div", { class: "drawing", id: `explorer-${name}` });
      figures.append(element("figure", { class: name }, element("h2", {}, title), hosts[name],
        element("figcaption", { id: `explorer-${name}-caption` }, hint)));
    }
    Object.assign(hosts.diagram, { tabIndex: 0 });
    hosts.diagram.setAttribute("role", "application");
    hosts.diagram.setAttribute("aria-label", "phase diagram: arrow keys move the present point");
    const controls = element("form", { class: "controls", "aria-label": "settings", onsubmit: () => false });
    const panel = element("div", { class: "training" });
    const side = element("aside", {}, controls, panel, this.loader());
    this.root.replaceChildren(
      element("header", {}, element("h1", {}, "shallows ", element("span", {}, "explorer")), switches, tools),
      element("p", { class: "notice", id: "explorer-notice", role: "alert", hidden: true }),
      element("section", { class: "facts", "aria-label": "prediction" },
        fact("risk", "Excess risk"), fact("bayes", "Bayes-optimal"), fact("best", "Best weight decay"), fact("phase", "Phase"), fact("trust", "At this size")),
      element("p", { class: "reading", id: "explorer-reading", "aria-live": "polite" }),
      element("div", { class: "body" }, side, figures),
      element("footer", { id: "explorer-footer" }, this.options.footer ?? "Theory of arXiv:2509.24882, computed as you move. Nothing leaves this machine."),
      this.codeDialog());
    this.get = get;
    this.controls = new Controls(controls, this.settings, (name, value) => this.change({ [name]: value }), (text) => this.notice(text));
    this.training = new TrainingPanel(panel, this.source, () => this.drawMeasured());
    this.figures = new Figures(hosts, { ...this.settings, rough: this.source.kind === "saved" }, (samples, decay) => this.move(samples, decay), () => this.waiting ?? this.view);
  }

  loader() {
    const field = element("input", { type: "file", id: "explorer-file", accept: ".npy,.csv,.txt,.json", hidden: true, tabindex: -1 });
    field.onchange = () => { if (field.files[0]) this.load(field.files[0]).finally(() => { field.value = ""; }); };
    const open = element("button", { type: "button", id: "explorer-load", title: "numbers in a .npy, .csv or .txt file, or fit.json of a folder that shallows fit --out wrote", onclick: () => field.click() }, "Load a spectrum or a fit");
    const back = element("button", { type: "button", id: "explorer-unload", hidden: true, onclick: () => this.change({ teacher: "" }) }, "Back to power laws");
    return element("div", { class: "loader", hidden: !this.source.load }, field, element("div", { class: "row" }, open, back), element("p", { class: "status", id: "explorer-loaded" }));
  }

  codeDialog() {
    const copy = (id) => element("button", { type: "button", onclick: () => this.copy(this.get(id).textContent, "Copied.") }, "Copy");
    return element("dialog", { id: "explorer-dialog", "aria-label": "code that reproduces this view" },
      element("h2", {}, "Python"), element("pre", { id: "explorer-python" }), copy("python"),
      element("h2", {}, "Shell"), element("pre", { id: "explorer-shell" }), copy("shell"),
      element("form", { method: "dialog" }, element("button", { id: "explorer-close" }, "Close")));
  }

  async start(query) {
    await this.figures.build();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
    if (this.options.address) addEventListener("popstate", () => this.open(this.options.address.read()));
    this.legends();
    await this.open(query);
  }

  async open(query) {
    const { view, problems } = parseQuery(query, this.settings);
    for (const name of this.source.fixed) view[name] = this.settings.plain[name];
    if (problems.length) this.notice(`Left out of the address: ${problems.join("; ")}.`, true);
    await this.look(view, problems.length > 0);
  }

  change(part) {
    this.began ??= performance.now();
    const view = { ...(this.waiting ?? this.view), ...part };
    if ("network" in part) view.depth = null;
    if ("dim" in part && this.view.width !== null) view.width = Math.max(1, Math.round((this.view.width * view.dim) / this.view.dim));
    return this.look(fitting(view, this.settings));
  }

  move(samples, decay) {
    const whole = Math.max(1, Math.round(samples < 1e4 ? samples : Number(samples.toPrecision(4))));
    return this.change({ samples: whole, weight_decay: Number(decay.toPrecision(4)) });
  }

  // Show a view. While one answer is awaited, only the latest of those asked for meanwhile is kept.
  async look(view, keepNotice = false) {
    if (!keepNotice) this.notice("");
    this.waiting = view;
    if (this.asking) return this.asking;
    this.asking = this.lookOn();
    try {
      await this.asking;
    } finally {
      this.asking = null;
    }
  }

  async lookOn() {
    while (this.waiting) {
      const view = this.waiting, began = this.began ?? performance.now();
      this.began = null;
      this.state("busy");
      let answer;
      try {
        answer = await this.source.point(view);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (this.waiting === view) this.waiting = null;
        this.refuse(view, error.message);
        continue;
      }
      if (this.waiting === view) this.waiting = null;
      Object.assign(this, { view, answer });
      this.show();
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
      this.timings.push(performance.now() - began);
      this.followUp();
    }
  }

  // A view that cannot be had: stay where we were, or start over.
  refuse(view, message) {
    this.notice(message, true);
    if (this.view) {
      this.controls.show(this.view, this.answer.sight, this.fixedNow());
      this.markNetwork();
    } else if (view.teacher) {
      this.waiting = { ...view, teacher: "" };
    } else {
      this.waiting = { ...this.settings.plain };
    }
    this.state("ready");
  }

  fixedNow() {
    return [...this.source.fixed, ...(this.view.teacher ? ["dim", "gamma"] : [])];
  }

  markNetwork() {
    for (const input of this.root.querySelectorAll(".switch input")) {
      input.checked = input.value === this.view.network;
      input.disabled = this.source.fixed.includes("network") && !input.checked;
    }
  }

  show() {
    const { view, answer } = this;
    if (view.teacher) view.dim = answer.dim;
    this.markNetwork();
    this.controls.show(view, answer.sight, this.fixedNow());
    if (everywhere(view) !== this.diagramOf) this.root.classList.add("stale");
    this.figures.showPoint(view, answer);
    this.drawMeasured();
    this.showFacts();
    this.training.setView(view, answer.status.ok);
    this.get("unload").hidden = !view.teacher;
    if (!view.teacher) this.get("loaded").textContent = "";
    this.options.address?.write(queryOf(view, this.settings));
  }

  showFacts() {
    const { answer, view } = this, ok = answer.status.ok, numbers = answer.numbers;
    const told = (value) => number(value, this.source.digits ?? 4);
    const put = (id, text, note = "") => { this.get(id).textContent = text; this.get(`${id}-note`).textContent = note; };
    this.get("risk").dataset.value = ok ? numbers.excess_risk : "";
    put("risk", ok ? told(numbers.excess_risk) : "no answer", ok ? `test error ${told(numbers.test_error)}, train error ${told(numbers.train_error)}` : answer.status.name);
    const best = ok ? numbers.bayes_risk : null;
    put("bayes", best === null ? "–" : told(best), best ? `this is ${number(numbers.excess_risk / best, 3)} times that` : "");
    put("phase", ok && answer.phase ? answer.phase.name : "–", ok && answer.phase ? polished(answer.phase.rate) : "named for power laws with noise");
    this.get("trust").parentElement.classList.toggle("careful", ok && !answer.trust.comfortable);
    put("trust", ok ? (answer.trust.comfortable ? "quantitative" : "with care") : "–", ok ? polished(answer.trust.statement) : "");
    this.get("reading").textContent = ok ? reading(answer, this.settings.words, this.source.digits) : `${answer.status.name}: ${answer.status.advice}`;
    this.get("spectrum-caption").lastChild.textContent = !ok ? "" : this.source.kind === "saved"
      ? "Drawn between laws at neighbouring settings: a sketch, whose numbers are not given."
      : spectrumReading(answer, this.settings.networks[view.network]);
    this.showBest();
  }

  showBest() {
    const floors = this.diagramOf === everywhere(this.view) ? this.floors : null;
    const decay = floors && between(floors.samples, floors.weight_decay, this.view.samples);
    const risk = floors && between(floors.samples, floors.excess_risk, this.view.samples);
    this.get("best").textContent = decay ? `≈ ${number(decay, 2)}` : "–";
    this.get("best-note").textContent = decay && risk ? `excess risk ≈ ${number(risk, 3)} there` : floors ? "none within sight" : "";
  }

  // What takes longer than a moment: the diagram, once the view rests.
  followUp() {
    const view = this.view, wanted = everywhere(view);
    clearTimeout(this.timer);
    if (wanted === this.diagramOf) {
      if (!this.waiting) this.state("ready");
      return;
    }
    const serial = ++this.serial;
    this.timer = setTimeout(async () => {
      for (const grid of this.source.grids ?? ["rough", "fine"]) {
        let found;
        try {
          found = await this.source.diagram(view, grid);
        } catch (error) {
          if (serial === this.serial) { this.notice(error.message, true); this.state("ready"); }
          return;
        }
        if (found.superseded || serial !== this.serial) return;
        this.floors = found.floors;
        if (found.floors) this.diagramOf = wanted;
        this.root.classList.remove("stale");
        this.figures.showDiagram(found, this.answer.null_risk || 1);
        this.showBest();
      }
      if (!this.waiting) this.state("ready");
    }, this.timings.length === 1 ? 0 : REST);
  }

  drawMeasured() {
    const near = this.training.at(this.view).filter((point) => point.weights.length);
    const weights = near.length ? near.at(-1).weights : [];
    this.figures.showMeasured(this.training.ofProblem(this.view), this.training.ofCurve(this.view), weights);
  }

  state(word) {
    this.root.dataset.state = word;
  }

  notice(text, stays = false) {
    const place = this.get("notice");
    if (!text && this.noticeStays && performance.now() - this.noticed < 4000) return;
    Object.assign(this, { noticeStays: stays, noticed: performance.now() });
    place.textContent = text;
    place.hidden = !text;
  }

  legends() {
    const c = this.figures.colours;
    const mark = (colour, kind, text) => element("span", { class: `mark ${kind}`, style: `--c:${colour}` }, text);
    const stops = palette(c.palette);
    const zero = (100 * -DECADES[0]) / (DECADES[1] - DECADES[0]);
    const bar = element("span", { class: "scale", style: `background:linear-gradient(90deg,${stops.join(",")})` });
    this.get("diagram-caption").replaceChildren(
      element("span", { class: "colours" }, "risk 10⁻⁴ ", bar, " 10² of that of predicting zero"),
      mark(c.blue, "dot", "here"), mark(c.orange, "", "best weight decay"), mark(c.green, "dot", "measured"), mark(c.ink, "thin", "phases"),
      element("span", {}, "Click or drag to move, or use the arrow keys."));
    this.root.style.setProperty("--zero", `${zero}%`);
    this.get("curve-caption").replaceChildren(mark(c.blue, "", "this weight decay"), mark(c.orange, "", "best weight decay"),
      mark(c.grey, "dashed", "Bayes-optimal"), mark(c.green, "dot", "measured"));
    this.get("spectrum-caption").replaceChildren(mark(c.blue, "area", "learned weights by size; learned noise below the spikes"), mark(c.orange, "dot", "learned modes, as high as their overlap"),
      mark(c.grey, "triangle", "teacher"), mark(c.green, "tick", "trained here"), element("span", {}, ""));
    this.get("bars-caption").replaceChildren(`Four parts that add up to the excess risk; beside each bar its ${this.source.kind === "saved" ? "rough share" : "size"}. Alignment may be negative.`);
  }

  async recolour() {
    await this.figures.build();
    this.legends();
    this.diagramOf = null;
    await this.look({ ...this.view });
  }

  address() {
    return this.options.address ? location.href : queryOf(this.view, this.settings);
  }

  async copy(text, done) {
    try {
      await navigator.clipboard.writeText(text);
      this.notice(done);
    } catch {
      this.notice(text);
    }
  }

  showCode() {
    this.get("python").textContent = this.answer.lines.python;
    this.get("shell").textContent = this.answer.lines.shell;
    this.get("dialog").showModal();
  }

  async saveSvg() {
    const text = await this.figures.svg(`${this.answer.lines.shell}`);
    const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "image/svg+xml" })), download: "shallows-explorer.svg" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    this.drawn = text;
  }

  async load(file) {
    try {
      await this.take(await this.source.load(file));
    } catch (error) {
      this.notice(error.message, true);
    }
  }

  // Stand inside what was loaded.
  async take(found) {
    const given = { ...found.settings };
    const view = { ...(this.view ?? this.settings.plain), teacher: "", energy: 1, width: null, depth: null };
    for (const [name, text] of Object.entries(given)) {
      view[name] = name === "network" || name === "teacher" ? text : accept(name, text, this.settings) ?? view[name];
    }
    await this.look(fitting(view, this.settings));
    this.get("loaded").textContent = found.note;
    if (found.measured) {
      this.training.add(found.measured, this.view);
      this.drawMeasured();
    }
  }
}

// The address bar: after the question mark, or after the hash where a file has no server.
export function addressBar() {
  const own = location.protocol === "file:" ? "hash" : "search";
  return {
    read: () => location.search.slice(1) || location.hash.slice(1),
    write: (query) => {
      try {
        history.replaceState(null, "", own === "hash" ? `#${query}` : `?${query}`);
      } catch { /* a frame without an address of its own */ }
    },
  };
}

export async function startPage(data) {
  const root = document.getElementById("explorer");
  const address = addressBar();
  const source = data.grid ? new SavedSource(data.settings, data.grid) : new ServerSource(data.settings);
  const explorer = new Explorer(root, source, data.settings, { address, footer: data.grid ? source.footer : undefined });
  globalThis.explorer = explorer;
  await explorer.start(address.read() || data.first);
  if (data.opened) await explorer.take(data.opened);
}

if (document.getElementById("explorer-data")) startPage(JSON.parse(document.getElementById("explorer-data").textContent));
