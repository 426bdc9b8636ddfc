// Numbers as people write them, as `shallows._numbers.number` does.

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

export function raised(exponent) {
  return [...String(exponent)].map((sign) => RAISED[sign]).join("");
}

export function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return String(value);
  if (size >= 1e-3 && size < 1e6) return String(Number(value.toPrecision(digits)));
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const short = mantissa.replace(/0+$/, "").replace(/\.$/, "");
  const power = `10${raised(Number(exponent))}`;
  return short === "1" ? power : `${short}·${power}`;
}

export function rounded(value, digits = 4) {
  return Number(value.toPrecision(digits));
}

// Log-linear interpolation of y, with nulls, between increasing positive x; null outside and beside a null.
export function between(x, y, at) {
  for (let i = 0; i + 1 < x.length; i++) {
    if (at >= x[i] && at <= x[i + 1]) {
      if (!(y[i] > 0) || !(y[i + 1] > 0)) return null;
      const t = Math.log(at / x[i]) / Math.log(x[i + 1] / x[i]);
      return Math.exp(Math.log(y[i]) * (1 - t) + Math.log(y[i + 1]) * t);
    }
  }
  return null;
}
