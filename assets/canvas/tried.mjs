// The candidates that the text of a block was chosen from. A button beside the block (in its gutter) lists
// them, rejected ones too, and the text that stood there before, where there was one.

import { make, set } from "./dom.mjs";

export class Tried {
  constructor() {
    this.shown = null;
    this.button = make("button", "tried", "", { type: "button", "aria-expanded": "false" });
    this.list = make("ol", "candidates");
    this.button.hidden = this.list.hidden = true;
    this.button.addEventListener("click", () => this.open(this.list.hidden));
  }

  open(yes) {
    this.list.hidden = !yes;
    this.button.setAttribute("aria-expanded", String(yes));
  }

  /** what: a frame's `tried`, or null. */
  show(what) {
    if (what === this.shown) return;
    this.shown = what;
    this.button.hidden = !what;
    if (!what) return this.open(false);
    set(this.button, `${what.list.length} tried`);
    const before = what.before === null ? [] : [this.line("before", null, what.before, what.won < 0)];
    const lines = what.list.map(([score, text], i) => this.line(`${i + 1}`, score, text, i === what.won));
    this.list.replaceChildren(...before, ...lines);
  }

  line(name, score, text, kept) {
    const item = make("li", kept ? "kept" : "");
    const lead = make("span", "lead", kept ? `${name} · kept` : name);
    item.append(lead, make("span", "mark", score === null ? "" : score.toFixed(2)));
    item.append(make("span", "mono", text.replaceAll("\n", "↵ ")));
    return item;
  }
}
