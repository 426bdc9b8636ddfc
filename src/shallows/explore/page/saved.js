// Predictions from a grid that the page carries.
import { Refused } from "./sources.js";

export class SavedSource {
  constructor(settings, grid) {
    Object.assign(this, { settings, grid, kind: "saved", fixed: [] });
    throw new Refused("not yet");
  }
}
