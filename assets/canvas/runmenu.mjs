// What can be done with the run on a board, beside its download: keep it, and give it away as a file.

import { make, set } from "./dom.mjs";
import { ExportDialog } from "./exporting.mjs";
import { visitorKey } from "./visitor.mjs";

export class RunMenu {
  /** canvas: beside whose download this stands; keeps, exports: whether runs can be kept and exported. */
  constructor(canvas, keeps, exports) {
    const { server, parts: { save } } = canvas;
    this.server = server;
    this.run = null;
    this.keep = make("button", "quiet", "Keep this run", { type: "button", disabled: "" });
    this.keep.hidden = !keeps;
    this.keep.addEventListener("click", () => this.keepIt());
    this.export = make("button", "quiet", "Export…", { type: "button", disabled: "", "aria-haspopup": "dialog" });
    this.export.hidden = !exports;
    this.export.addEventListener("click", () => {
      const { index, last } = canvas.player;
      new ExportDialog(server, { id: this.run, frames: [Math.max(index, 0)], lasts: [last] }, this.export);
    });
    this.told = make("span", "kept", "", { role: "status" });
    const group = make("div", "runmenu");
    save.replaceWith(group);
    group.append(this.told, this.keep, this.export, save);
  }

  /** Another run is on the board. */
  begin(run) {
    this.run = run;
    this.keep.disabled = false;
    this.export.disabled = false;
    set(this.keep, "Keep this run");
    set(this.told, "");
  }

  async keepIt() {
    const { run } = this;
    this.keep.disabled = true;
    let answer = {};
    try {
      answer = await this.server.keep({ run, key: visitorKey() });
    } catch {
      answer = { error: "The server does not answer: reload the page." };
    }
    if (run !== this.run) return;
    this.keep.disabled = !answer.error;
    set(this.told, answer.error ?? "");
    if (!answer.error) set(this.keep, "Kept, see Traces");
  }
}
