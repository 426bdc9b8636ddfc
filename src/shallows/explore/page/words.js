// Sentences: the words are Python's, the numbers are filled in here.
import { number } from "./numbers.js";

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function times(ratio) {
  return ratio < 10 ? ratio.toFixed(2) : number(ratio, 3);
}

// What the decomposition says, as the reports have it.
export function reading(answer, words, digits = 4) {
  const terms = answer.decomposition;
  const total = answer.numbers.excess_risk;
  if (!terms) return "";
  if (total <= 0) return words.vanished;
  const name = Object.keys(terms).reduce((best, key) => (terms[key] > terms[best] ? key : best));
  let meaning = words.meanings[name] ?? words.other;
  if (answer.spectrum && answer.spectrum.mass_at_zero >= 1 - 1e-12) meaning = words.silent;
  const share = ((100 * terms[name]) / total).toFixed(0);
  const out = [fill(words.split, { total: number(total, digits), name, share, meaning })];
  if (terms.alignment < -1e-12 * total) out.push(words.hidden);
  const best = answer.numbers.bayes_risk;
  if (best) {
    out.push(fill(words.bayes, { best: number(best, digits), times: times(total / best) }));
    if (answer.bayes_reachable === false) out.push(words.unreachable);
  }
  return out.join(" ");
}

export function spectrumReading(answer, network) {
  const law = answer.spectrum;
  if (!law) return "The law of the learned weights is not known for this setting.";
  const zero = `${number(100 * law.mass_at_zero, 3)} % of the ${network.weights} are exactly zero`;
  if (law.mass_at_zero >= 1 - 1e-12) return `All ${network.weights} are zero: nothing is learned.`;
  const bulk = law.bulk ? `learned noise reaches up to ${number(law.bulk[1], 3)}` : "no bulk of learned noise survives";
  const count = Math.round(law.count);
  const modes = count === 0 ? "no mode of the teacher stands out" : `${number(count)} mode${count === 1 ? "" : "s"} of the teacher stand${count === 1 ? "s" : ""} out`;
  return `${zero}; ${bulk}; ${modes}.`;
}

// Rates as they are printed on terminals, in print's signs.
export function polished(text) {
  return text
    .replace(/lam/g, "λ").replace(/gamma/g, "γ").replace(/rho/g, "ρ").replace(/>=/g, "≥")
    .replace(/sqrt\((\w+)\)/g, "√$1").replace(/\^\(([^)]*)\)/g, "^($1)").replace(/\^2/g, "²").replace(/n_eff/g, "n_eff");
}
