// The view: plain settings, how an address holds them, and what a slider's place means.
import { rounded } from "./numbers.js";

export const NAMES = {
  samples: ["Samples", "n", "how many examples the network is trained on"],
  weight_decay: ["Weight decay", "λ", "how strongly large weights are punished"],
  noise: ["Label noise", "Δ", "variance of the noise on the labels"],
  gamma: ["Teacher's decay", "γ", "mode k of the teacher is as large as k to the power of minus γ"],
  dim: ["Dimension", "d", "number of inputs"],
  width: ["Width", "p", "hidden units; at d and beyond the training problem is convex"],
  covariance: ["Covariance", "a", "variance k of the inputs falls as k to the power of minus a; 0: all equal"],
  depth: ["Depth", "L", "trained layers"],
};
const ALWAYS = ["network", "dim", "samples", "weight_decay", "gamma", "noise"];
const ORDER = [...ALWAYS.slice(0, 6), "energy", "width", "covariance", "depth", "teacher"];
const WHOLE = ["dim", "samples", "width", "depth"];
const TEXT = ["network", "teacher"];

// The view that an address describes, and what in the address could not be used.
export function parseQuery(text, settings) {
  const view = { ...settings.plain };
  const problems = [];
  for (const [name, value] of new URLSearchParams(text)) {
    if (!(name in view)) {
      problems.push(`${name} is not a setting`);
    } else if (name === "network") {
      if (value in settings.networks) view.network = value;
      else problems.push(`there is no network called ${value}`);
    } else if (name === "teacher") {
      view.teacher = value;
    } else {
      const found = accept(name, value, settings);
      if (found === null) problems.push(`${name} = ${value} ${limits(name, settings)}`);
      else view[name] = found;
    }
  }
  return { view: fitting(view, settings), problems };
}

export function limits(name, settings) {
  const [low, high] = settings.limits[name];
  return `must be ${WHOLE.includes(name) ? "an integer" : "a number"} from ${low} to ${high}`;
}

// A typed number within its limits, else null.
export function accept(name, text, settings) {
  const value = String(text).trim() === "" ? NaN : Number(text);
  const [low, high] = settings.limits[name];
  const whole = WHOLE.includes(name);
  return Number.isFinite(value) && value >= low && value <= high && (!whole || Number.isInteger(value)) ? value : null;
}

// Without what the network has no use for.
export function fitting(view, settings) {
  const network = settings.networks[view.network];
  const out = { ...view };
  if (!network.has_width || out.width === out.dim) out.width = null;
  if (network.depth === null || out.depth === network.depth) out.depth = null;
  return out;
}

export function queryOf(view, settings) {
  const words = [];
  for (const name of ORDER) {
    const value = view[name];
    if (value === null || value === "") continue;
    if (!ALWAYS.includes(name) && value === settings.plain[name]) continue;
    words.push(`${name}=${TEXT.includes(name) ? encodeURIComponent(value) : Number(value.toPrecision(12))}`);
  }
  return words.join("&");
}

// What does not change along the diagram.
export function everywhere(view) {
  return JSON.stringify(ORDER.filter((name) => name !== "samples" && name !== "weight_decay").map((name) => view[name]));
}

// Range of a slider: [low, high, logarithmic].
export function rangeOf(name, view, sight, settings) {
  if (name === "samples") return [...sight.samples, true];
  if (name === "weight_decay") return [...sight.weight_decay, true];
  if (name === "width") return [Math.max(1, Math.round(view.dim / 50)), 2 * view.dim, true];
  if (name === "depth") return [settings.networks[view.network].depth, 6, false];
  return [...settings.sliders[name], name !== "covariance" && name !== "gamma"];
}

export function placeOf(value, [low, high, log]) {
  const share = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0));
}

export function valueAt(place, [low, high, log], whole) {
  const value = log ? low * (high / low) ** place : low + (high - low) * place;
  return whole ? Math.max(1, Math.round(value < 1e6 ? rounded(value, value < 100 ? 3 : 4) : rounded(value))) : rounded(value);
}

export function isWhole(name) {
  return WHOLE.includes(name);
}

// Settings that the view has in force: the network's own where none is given.
export function shownValue(name, view, settings) {
  if (name === "width") return view.width ?? view.dim;
  if (name === "depth") return view.depth ?? settings.networks[view.network].depth;
  return view[name];
}
