// A run as a Python program or a command that makes its tokens again, copied from a small menu.

import { copied, make, set } from "./dom.mjs";

const CODE_KINDS = ["Python", "Command"];

export class CodeMenu {
  /** codeOf(kind): a promise of the text, null where the server no longer has the run. */
  constructor(codeOf) {
    this.codeOf = codeOf;
    this.element = make("details", "codemenu");
    this.told = make("p", "", "", { role: "status" });
    const choices = make("div", "codes");
    for (const kind of CODE_KINDS) {
      const button = make("button", "", kind, { type: "button" });
      button.addEventListener("click", () => this.copy(kind));
      choices.append(button);
    }
    choices.append(this.told);
    this.element.append(make("summary", "", "Copy as…"), choices);
    this.element.addEventListener("keydown", ({ key }) => key === "Escape" && this.close());
    this.element.addEventListener("focusout", ({ relatedTarget }) => {
      if (!this.element.contains(relatedTarget)) this.element.open = false;
    });
  }

  close() {
    this.element.open = false;
    this.element.querySelector("summary").focus();
  }

  async copy(kind) {
    const text = await this.codeOf(kind).catch(() => null);
    if (text === null) return set(this.told, "The server no longer has this run.");
    set(this.told, (await copied(text)) ? "Copied." : "This browser lets no page copy.");
  }
}
