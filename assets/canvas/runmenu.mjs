// What can be done with the run on a board, beside its download: keep it.

import { make, set } from "./dom.mjs";
import { visitorKey } from "./visitor.mjs";

export class RunMenu {
  /** save: the button that this stands beside; keeps: whether runs can be kept. */
  constructor(save, server, keeps) {
    this.server = server;
    this.run = null;
    this.keep = make("button", "quiet", "Keep this run", { type: "button", disabled: "" });
    this.keep.hidden = !keeps;
    this.keep.addEventListener("click", () => this.keepIt());
    this.told = make("span", "kept", "", { role: "status" });
    const group = make("div", "runmenu");
    save.replaceWith(group);
    group.append(this.told, this.keep, save);
  }

  /** Another run is on the board. */
  begin(run) {
    this.run = run;
    this.keep.disabled = false;
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
