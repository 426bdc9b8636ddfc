// Where answers come from. Each source has `point(view)` and `diagram(view, grid)`; some also train and load files.
import { queryOf } from "./view.js";

export class Refused extends Error {}

// A local server.
export class ServerSource {
  constructor(settings) {
    this.settings = settings;
    this.kind = "server";
    this.fixed = [];
    this.page = [...crypto.getRandomValues(new Uint8Array(12))].map((v) => v.toString(16).padStart(2, "0")).join("");
  }

  async ask(what, query, options = {}) {
    let answer;
    try {
      answer = await fetch(`api/${what}?${query}`, { ...options, headers: { "X-Page": this.page } });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused("The server does not answer any more: start shallows explore again.");
    }
    const content = await answer.json().catch(() => ({ error: `status ${answer.status}` }));
    if (!answer.ok) throw new Refused(content.error);
    return content;
  }

  point(view) { return this.ask("point", queryOf(view, this.settings)); }
  best(view) { return this.ask("best", queryOf(view, this.settings)); }
  diagram(view, grid) { return this.ask("diagram", `${queryOf(view, this.settings)}&grid=${grid}`); }
  train(view, seed) { return this.ask("train", `${queryOf(view, this.settings)}&seed=${seed}`, { method: "POST" }); }
  training(job) { return this.ask("training", `job=${job}`); }
  cancel(job) { return this.ask("cancel", `job=${job}`, { method: "POST" }); }
  load(file) {
    const name = encodeURIComponent(file.name.slice(-80));
    return this.ask("load", `name=${name}`, { method: "POST", body: file });
  }
}

// A notebook's kernel: the same questions as messages of a widget.
export class NotebookSource extends ServerSource {
  constructor(settings, model) {
    super(settings);
    this.kind = "notebook";
    this.model = model;
    this.waiting = new Map();
    this.next = 0;
    model.on("msg:custom", (message) => {
      const promise = this.waiting.get(message.id);
      if (!promise) return;
      this.waiting.delete(message.id);
      if (message.error) promise.reject(new Refused(message.error));
      else promise.resolve(message.answer);
    });
  }

  ask(what, query) {
    const id = `${this.page}-${this.next++}`;
    const given = Object.fromEntries(new URLSearchParams(query));
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.model.send({ id, what, given, page: this.page });
    });
  }

  async load(file) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const id = `${this.page}-${this.next++}`;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.model.send({ id, what: "load", given: { name: file.name.slice(-80) }, page: this.page }, undefined, [bytes.buffer]);
    });
  }
}
