// Sliders with a number beside each: the number is exact, the slider moves in steps of about a percent.
import { NAMES, accept, isWhole, limits, placeOf, rangeOf, shownValue, valueAt } from "./view.js";

const SLIDER_STEPS = 400;

export function element(tag, attributes = {}, ...children) {
  const out = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) out[name] = value;
    else if (value !== null && value !== false) out.setAttribute(name, value === true ? "" : value);
  }
  out.append(...children);
  return out;
}

export class Controls {
  // changed(name, value): told what the user set. complain(text): what of it could not be used.
  constructor(host, settings, changed, complain) {
    Object.assign(this, { settings, changed, complain, rows: {} });
    for (const [name, [label, sign, hint]] of Object.entries(NAMES)) {
      const id = `explorer-${name}`;
      const slider = element("input", { type: "range", id: `${id}-slider`, min: 0, max: SLIDER_STEPS, step: 1, "aria-label": `${label}, slider`, "data-slider": name });
      const field = element("input", { type: "text", inputmode: "decimal", id, autocomplete: "off", size: 9, "data-field": name });
      const row = element("div", { class: "control", title: hint },
        element("label", { for: id }, label, " ", element("i", {}, sign)), field, slider);
      slider.oninput = () => this.changed(name, this.fromSlider(name, Number(slider.value) / SLIDER_STEPS));
      field.onchange = () => this.typed(name, field);
      field.onfocus = () => { field.value = field.dataset.exact ?? field.value; };
      field.onblur = () => { if (this.view && !field.classList.contains("wrong")) this.show(this.view, this.sight, this.fixed); };
      field.onkeydown = (event) => { if (event.key === "Escape") this.show(this.view, this.sight, this.fixed); };
      this.rows[name] = { row, slider, field };
      host.append(row);
    }
  }

  fromSlider(name, place) {
    return valueAt(place, rangeOf(name, this.view, this.sight, this.settings), isWhole(name));
  }

  typed(name, field) {
    const value = accept(name, field.value, this.settings);
    field.classList.toggle("wrong", value === null);
    if (value === null) this.complain(`${NAMES[name][0]}: ${limits(name, this.settings)}`);
    else this.changed(name, value);
  }

  // Put sliders and numbers where the view is; fixed: names that cannot be changed here.
  show(view, sight, fixed = []) {
    Object.assign(this, { view, sight, fixed });
    const network = this.settings.networks[view.network];
    for (const [name, { row, slider, field }] of Object.entries(this.rows)) {
      row.hidden = (name === "width" && !network.has_width) || (name === "depth" && network.depth === null);
      if (row.hidden) continue;
      const off = fixed.includes(name);
      const range = rangeOf(name, view, sight, this.settings);
      const value = shownValue(name, view, this.settings);
      slider.disabled = field.disabled = off;
      row.classList.toggle("fixed", off);
      if (document.activeElement !== slider || off) slider.value = Math.round(SLIDER_STEPS * placeOf(value, range));
      if (document.activeElement !== field) field.value = Number(value.toPrecision(6));
      field.dataset.exact = Number(value.toPrecision(12));
      field.classList.remove("wrong");
      slider.setAttribute("aria-valuetext", `${value}`);
    }
  }
}
