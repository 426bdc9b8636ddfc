// "Train one now": networks trained in the background, one after the other.
import { element } from "./controls.js";
import { number } from "./numbers.js";
import { everywhere } from "./view.js";

const ASK_EVERY = 200;

export class TrainingPanel {
  // trained(): told when there is a new point.
  constructor(host, source, trained) {
    Object.assign(this, { source, trained, points: [], seed: 0, job: null });
    this.button = element("button", { type: "button", class: "train", id: "explorer-train" }, "Train one now");
    this.stop = element("button", { type: "button", id: "explorer-cancel", hidden: true }, "Cancel");
    this.bar = element("progress", { max: 1, value: 0, hidden: true, "aria-label": "training" });
    this.status = element("p", { class: "status", role: "status", id: "explorer-training" });
    host.append(element("div", { class: "row" }, this.button, this.stop), this.bar, this.status);
    this.button.onclick = () => this.start();
    this.stop.onclick = () => this.cancel();
    if (!source.train) {
      this.button.disabled = true;
      this.status.textContent = "Training needs the program itself: shallows explore.";
    }
  }

  setView(view, trainable) {
    this.view = view;
    this.button.disabled = !this.source.train || this.job !== null || !trainable;
  }

  busy(on) {
    this.stop.hidden = this.bar.hidden = !on;
    this.button.disabled = on || !this.source.train;
  }

  async start() {
    const view = { ...this.view };
    this.busy(true);
    this.bar.removeAttribute("value");
    this.status.textContent = "starting";
    try {
      this.job = (await this.source.train(view, this.seed)).job;
      this.seed += 1;
      let news = { state: "running" };
      while (news.state === "running") {
        await new Promise((resolve) => setTimeout(resolve, ASK_EVERY));
        news = await this.source.training(this.job);
        this.status.textContent = news.message;
        if (news.share > 0) this.bar.value = news.share;
      }
      this.finish(view, news);
    } catch (error) {
      this.status.textContent = error.message;
    } finally {
      this.job = null;
      this.busy(false);
    }
  }

  async cancel() {
    if (this.job !== null) await this.source.cancel(this.job).catch(() => null);
  }

  finish(view, news) {
    const found = news.result;
    if (news.state === "done" && !found.ok) this.status.textContent = `not trained: ${found.status}; ${found.advice}`;
    if (news.state !== "done" || !found.ok) return;
    this.points.push({ ...found, problem: everywhere(view) });
    const here = this.at(view).map((point) => point.excess_risk);
    const mean = here.reduce((sum, value) => sum + value, 0) / here.length;
    const count = here.length === 1 ? "one network" : `${here.length} networks`;
    this.status.textContent = `Trained (${found.trainer}, ${found.seconds.toPrecision(2)} s): excess risk ${number(found.excess_risk)}`
      + (here.length > 1 ? `; mean of ${count} here ${number(mean)}` : "");
    this.trained();
  }

  // A measured point that was given, such as a fit's own.
  add(point, view) {
    this.points.push({ ...point, problem: everywhere(view), weights: [] });
  }

  ofProblem(view) {
    return this.points.filter((point) => point.problem === everywhere(view));
  }

  ofCurve(view) {
    return this.ofProblem(view).filter((point) => Math.abs(point.weight_decay - view.weight_decay) <= 1e-9 * view.weight_decay);
  }

  at(view) {
    return this.ofCurve(view).filter((point) => point.samples === view.samples);
  }
}
