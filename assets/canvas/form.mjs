// The form beside the canvas: what it asks decides what the board shows before a run, and whether the answer on
// it still belongs to the prompt.

import { set, whenThere } from "./dom.mjs";
import { giveTips } from "./tips.mjs";

const plain = (text) => (text ?? "").trim().replace(/\s+/g, " ");
const runButton = () => document.querySelector("#run");

/** Whether an answer belongs to another prompt than the form has; an empty form asks nothing. */
export function isStale(prompt, asked) {
  return plain(prompt) !== "" && !asked.some((each) => plain(each) === plain(prompt));
}

/** The sizes of an empty board; null: what was typed is no size. */
export function boardSizes(length, block) {
  const whole = (value) => Number.isInteger(value) && value > 0 && value <= 4096;
  if (!whole(length) || !whole(block)) return null;
  return { gen_length: length, block_length: Math.min(block, length) };
}

export class Form {
  /** canvas: the token canvas beside the form. */
  constructor(canvas) {
    this.canvas = canvas;
    this.prompt = "";
    this.pressed = null; // the prompt when Run was pressed
    this.asked = []; // what the shown answer is an answer to
    this.touched = false; // by the reader; forms are filled in by scripts, too
    const within = (event, where) => event.target.closest?.(where);
    for (const kind of ["pointerdown", "keydown", "input"]) {
      document.addEventListener(kind, (event) => (this.touched ||= Boolean(within(event, ".lz-form"))), true);
    }
    document.addEventListener("click", (event) => within(event, "#run") && (this.pressed = this.prompt), true);
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !within(event, "#prompt")) return;
      event.preventDefault();
      runButton().click();
    });
    canvas.parts.go.addEventListener("click", () => runButton()?.click());
    whenThere("#run", (run) => {
      const what = { attributes: true, subtree: true, characterData: true, childList: true };
      new MutationObserver(() => this.mirror()).observe(run, what);
      this.mirror();
    });
    // The hint changes while one types: it is heard with the field, and does not speak into the typing.
    whenThere("#prompt textarea", (field) => field.setAttribute("aria-describedby", "hint"));
    whenThere("[data-tips]", (place) => giveTips(JSON.parse(place.dataset.tips)));
  }

  /** The button on the empty board is the form's. */
  mirror() {
    const { go } = this.canvas.parts;
    go.disabled = runButton().disabled;
    set(go, runButton().textContent.trim());
  }

  /** The form was filled in or typed into. */
  changed(prompt, length, block) {
    this.prompt = prompt;
    const sizes = boardSizes(length, block);
    if (this.canvas.opened && this.touched) this.canvas.ghost(sizes ?? undefined);
    else if (!this.canvas.timeline && sizes) this.canvas.ghost(sizes);
    this.compare();
  }

  /** A run is on the board now. question: what it answers. */
  begun(question) {
    this.asked = [question, this.pressed ?? question];
    this.pressed = null;
    this.compare();
  }

  compare() {
    const { canvas } = this;
    const stale = Boolean(canvas.timeline) && !canvas.opened && isStale(this.prompt, this.asked);
    canvas.root.classList.toggle("stale", stale);
    canvas.parts.stale.hidden = !stale;
  }
}

/** Called by the page when one of these inputs of Visualize changes. */
export function formChanged(prompt, length, block) {
  document.querySelector("#canvas .lz")?.parentElement.tokenCanvas?.form.changed(prompt, length, block);
}
