// Predictions from a grid that the page carries: cubics along samples, weight decay, exponent and noise.
import { NAMES } from "./view.js";

const AXES = ["samples", "weight_decay", "gamma", "noise"];
const LOGARITHMIC = { samples: true, weight_decay: true, gamma: false, noise: true };
const LOG_FIELDS = ["excess_risk", "train_error", "noise_scale", "threshold"];
const PARTS = ["overfitting", "underfitting", "approximation"];

function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

// The four points around a place, and their weights in the cubic through them.
function cubicWeights(axis, at) {
  const count = Math.min(4, axis.length);
  let cell = 0;
  while (cell + 2 < axis.length && axis[cell + 1] < at) cell++;
  const first = Math.min(Math.max(cell - 1, 0), axis.length - count);
  return Array.from({ length: count }, (_, i) => {
    let weight = 1;
    for (let k = 0; k < count; k++) {
      if (k !== i) weight *= (at - axis[first + k]) / (axis[first + i] - axis[first + k]);
    }
    return [first + i, weight];
  });
}

function linearWeights(axis, at) {
  let cell = 0;
  while (cell + 2 < axis.length && axis[cell + 1] < at) cell++;
  const t = Math.min(1, Math.max(0, (at - axis[cell]) / (axis[cell + 1] - axis[cell])));
  return [[cell, 1 - t], [cell + 1, t]];
}

// Sum of values over the product of weights, one list for each direction of the shape.
function mixedAt(values, shape, weights) {
  const walk = (direction, offset) => {
    if (direction === shape.length) return values[offset];
    let sum = 0;
    for (const [index, weight] of weights[direction]) {
      if (weight !== 0) sum += weight * walk(direction + 1, offset * shape[direction] + index);
    }
    return sum;
  };
  return walk(0, 0);
}

export class SavedSource {
  constructor(settings, grid) {
    Object.assign(this, { settings, grid, kind: "saved", digits: 3, grids: ["fine"], footer: `${grid.statement} Made by shallows ${settings.version}; works offline.` });
    this.fixed = ["network", ...Object.keys(NAMES).filter((name) => !AXES.includes(name)), "energy", "teacher"];
    this.axes = AXES.map((name) => grid.axes[name].map((v) => (LOGARITHMIC[name] ? Math.log(v) : v)));
    this.halved = [this.axes[0].filter((_, i) => i % 2 === 0), this.axes[1].filter((_, i) => i % 2 === 0), this.axes[2], this.axes[3]];
    this.fields = {};
    for (const [name, text] of Object.entries(grid.fields)) {
      const values = unpacked(text);
      this.fields[name] = LOG_FIELDS.includes(name) ? Float64Array.from(values, Math.log) : values;
    }
    this.bayesRisk = Float64Array.from(unpacked(grid.bayes.risk), Math.log);
    if (grid.laws) {
      this.laws = Object.fromEntries(["density", "modes", "overlaps"].map((name) => [name, unpacked(grid.laws[name])]));
    }
    settings.sliders = { ...settings.sliders, gamma: this.ends("gamma"), noise: this.ends("noise") };
    settings.limits = { ...settings.limits };
    for (const name of AXES) settings.limits[name] = this.ends(name);
    settings.limits.samples = [Math.ceil(this.ends("samples")[0]), Math.floor(this.ends("samples")[1])];
  }

  ends(name) {
    return [this.grid.axes[name][0], this.grid.axes[name].at(-1)];
  }

  place(view) {
    return AXES.map((name) => (LOGARITHMIC[name] ? Math.log(view[name]) : view[name]));
  }

  read(name, weights) {
    const axes = LOG_FIELDS.includes(name) ? this.axes : this.halved;
    const found = mixedAt(this.fields[name], axes.map((axis) => axis.length), weights);
    return LOG_FIELDS.includes(name) ? Math.exp(found) : found;
  }

  weightsAt(view, axes = this.axes) {
    const at = this.place(view);
    return axes.map((axis, k) => cubicWeights(axis, at[k]));
  }

  async point(view) {
    const full = this.weightsAt(view), half = this.weightsAt(view, this.halved);
    const numbers = Object.fromEntries(LOG_FIELDS.map((name) => [name, this.read(name, full)]));
    const ok = Number.isFinite(numbers.excess_risk);
    const trust = this.trust(view);
    const answer = {
      status: { ok, name: ok ? "interpolated" : "no answer in the grid", advice: "theory has no solution next to this setting; move away from it" },
      trust: ok ? trust : null, sight: this.grid.sight, dim: view.dim, null_risk: this.grid.null_risk,
      effective_samples: view.samples / this.grid.per_effective, curve: this.curve(full), lines: this.lines(view),
    };
    if (!ok) return answer;
    numbers.test_error = view.noise + numbers.excess_risk;
    const best = this.bayes(view);
    numbers.bayes_risk = best !== null && best <= numbers.excess_risk ? best : null; // nothing does better
    const shares = PARTS.map((name) => this.read(name, half));
    const parts = Object.fromEntries(PARTS.map((name, k) => [name, shares[k] * numbers.excess_risk]));
    const known = shares.every(Number.isFinite);
    return {
      ...answer, numbers, phase: this.phase(view), bayes_reachable: null,
      decomposition: known ? { ...parts, alignment: (1 - shares[0] - shares[1] - shares[2]) * numbers.excess_risk } : null,
      spectrum: this.laws ? this.spectrum(view, numbers, half) : null,
    };
  }

  trust(view) {
    if (!this.grid.convex) {
      return { comfortable: false, statement: "narrower than its inputs: theory can leave trained networks; shallows explore tells where" };
    }
    let best = this.grid.trust[0];
    for (const each of this.grid.trust) if (each.samples <= view.samples) best = each;
    const statement = best.statement.replace(/n_eff = [^ ]+/, `n_eff = ${Number((view.samples / this.grid.per_effective).toPrecision(4))}`);
    return { comfortable: best.comfortable, statement };
  }

  curve(weights) {
    const shape = this.axes.map((axis) => axis.length);
    const risks = this.grid.axes.samples.map((_, i) => Math.exp(mixedAt(this.fields.excess_risk, shape, [[[i, 1]], ...weights.slice(1)])));
    return { samples: this.grid.axes.samples, excess_risk: risks.map((v) => (Number.isFinite(v) ? v : null)) };
  }

  bayes(view, samples = view.samples) {
    const axes = [this.grid.bayes.samples.map(Math.log), this.axes[2], this.axes[3]];
    const at = [Math.log(samples), view.gamma, Math.log(view.noise)];
    const found = mixedAt(this.bayesRisk, axes.map((axis) => axis.length), axes.map((axis, k) => cubicWeights(axis, at[k])));
    return Number.isFinite(found) ? Math.exp(found) : null;
  }

  map(view) {
    const { gamma, maps } = this.grid.phases;
    return maps[Math.round(((view.gamma - gamma[0]) / (gamma.at(-1) - gamma[0])) * (gamma.length - 1))];
  }

  phase(view) {
    if (!this.grid.phases) return null;
    const cells = this.map(view).cells, { samples, weight_decay: decays } = this.grid.sight;
    const index = ([low, high], value, count) => Math.min(count - 1, Math.max(0, Math.round((Math.log(value / low) / Math.log(high / low)) * (count - 1))));
    const code = cells[index(samples, view.samples, cells.length)].charCodeAt(index(decays, view.weight_decay, cells[0].length)) - 65;
    const name = this.grid.phases.names[code];
    return name ? { name, rate: this.grid.phases.rates[name] ?? "" } : null;
  }

  async diagram(view) {
    const shape = this.axes.map((axis) => axis.length);
    const [, , gamma, noise] = this.weightsAt(view);
    const { samples, weight_decay: decays } = this.grid.axes;
    const risk = samples.map((_, i) => decays.map((_, j) => Math.exp(mixedAt(this.fields.excess_risk, shape, [[[i, 1]], [[j, 1]], gamma, noise]))));
    const listed = risk.map((row) => row.map((v) => (Number.isFinite(v) ? v : null)));
    return { samples, weight_decay: decays, excess_risk: listed, phases: this.grid.phases ? this.map(view) : null, floors: this.floors(view, risk) };
  }

  // The lowest risk along the weight decay, by the parabola through three points; nowhere where it hardly matters.
  floors(view, risk) {
    const { samples, weight_decay: decays } = this.grid.axes;
    const step = Math.log(decays[1] / decays[0]);
    const best = risk.map((row) => {
      const j = row.reduce((low, value, k) => (value < row[low] ? k : low), 0);
      if (j === 0 || j === row.length - 1 || !(row[0] > 1.01 * row[j]) || !(this.grid.null_risk > row[j] * (1 + 1e-6))) return [null, null];
      const [a, b, c] = [j - 1, j, j + 1].map((k) => Math.log(row[k]));
      const shift = (0.5 * (a - c)) / (a - 2 * b + c || 1);
      return [decays[j] * Math.exp(step * shift), Math.exp(b - 0.25 * (a - c) * shift)];
    });
    return {
      samples, weight_decay: best.map((pair) => pair[0]), excess_risk: best.map((pair) => pair[1]),
      bayes_risk: samples.map((n) => this.bayes(view, n)),
    };
  }

  spectrum(view, numbers, half) {
    const laws = this.grid.laws, scale = numbers.noise_scale;
    const axes = [this.axes[2], laws.scale.map(Math.log), laws.ratio.map(Math.log)];
    const ratio = Math.min(laws.ratio.at(-1), Math.max(laws.ratio[0], numbers.threshold / scale));
    const weights = [view.gamma, Math.log(scale), Math.log(ratio)].map((at, k) => linearWeights(axes[k], at));
    const shape = axes.map((axis) => axis.length);
    const zero = Math.min(1, Math.max(0, this.read("mass_at_zero", half)));
    const count = Math.max(0, this.read("count", half)), edge = scale * this.read("edge", half);
    const density = zero > 1 - 1e-9 ? [] : laws.size.map((_, k) => mixedAt(this.laws.density, [...shape, laws.size.length], [...weights, [[k, 1]]]));
    const [g] = weights[0].reduce((a, b) => (a[1] >= b[1] ? a : b));
    return {
      mass_at_zero: zero, bulk: edge > 0 ? [0, edge] : null, size: density.length ? laws.size.map((v) => v * scale) : [], density,
      low: laws.size[0] * scale, spikes: this.spikes(shape, weights).slice(0, Math.round(count)), count, teacher: laws.teachers[g],
    };
  }

  // Learned modes, each between the laws next to this one that have it.
  spikes(shape, weights) {
    const { modes_kept: kept } = this.grid.laws, { modes, overlaps } = this.laws;
    const out = [];
    for (let k = 0; k < kept; k++) {
      let total = 0, learned = 0, overlap = 0;
      for (const [a, u] of weights[0]) for (const [b, v] of weights[1]) for (const [c, w] of weights[2]) {
        const at = ((a * shape[1] + b) * shape[2] + c) * kept + k;
        if (!(modes[at] > 0)) continue;
        total += u * v * w;
        learned += u * v * w * Math.log(modes[at]);
        overlap += u * v * w * overlaps[at];
      }
      if (total > 0) out.push({ learned: Math.exp(learned / total), overlap: overlap / total });
    }
    return out;
  }

  lines(view) {
    const words = ["shallows predict", `--network ${view.network}`, `--dim ${view.dim}`, `--gamma ${view.gamma}`];
    if (view.energy !== 1) words.push(`--energy ${view.energy}`);
    words.push(`--samples ${view.samples}`, `--noise ${view.noise}`);
    if (view.width !== null) words.push(`--width ${view.width}`);
    if (view.depth !== null) words.push(`--depth ${view.depth}`);
    if (view.covariance) words.push(`--covariance ${view.covariance}`);
    const network = view.depth === null ? view.network : `${view.network}:depth=${view.depth}`;
    const names = ["PowerLaw", "Problem", "predict"];
    const given = [`samples=${view.samples}`, `noise=${view.noise}`];
    if (view.width !== null) given.push(`width=${view.width}`);
    if (view.covariance) {
      names.unshift("GaussianDesign");
      given.push(`design=GaussianDesign(${view.covariance})`);
    }
    const energy = view.energy === 1 ? "" : `, energy=${view.energy}`;
    return {
      shell: [...words, `--weight-decay ${view.weight_decay}`].join(" "),
      python: `from shallows import ${names.join(", ")}\n\nteacher = PowerLaw(dim=${view.dim}, gamma=${view.gamma}${energy})\n`
        + `problem = Problem("${network}", teacher, ${given.join(", ")})\nprediction = predict(problem, weight_decay=${view.weight_decay})\nprint(prediction)`,
    };
  }
}
