// Presenting: the canvas alone on the whole window, its tokens large enough for the last row of a room.

import { set } from "./dom.mjs";

const STAGED = "staged";

export class Stage {
  /** root: of the canvas; button: enters and leaves; changed(): everything has another size now. */
  constructor(root, button, changed) {
    Object.assign(this, { root, button, changed, hidden: [] });
    button.addEventListener("click", () => this.toggle());
  }

  get on() {
    return this.root.classList.contains(STAGED);
  }

  toggle() {
    if (this.on) this.leave();
    else this.enter();
  }

  enter() {
    this.root.classList.add(STAGED);
    // What is covered is not to be reached with Tab, nor read.
    for (let node = this.root; node !== document.body; node = node.parentElement) {
      this.hidden.push(...[...node.parentElement.children].filter((each) => each !== node && !each.inert));
    }
    for (const each of this.hidden) each.inert = true;
    this.listening = new AbortController();
    const leave = (event) => event.key === "Escape" && !event.defaultPrevented && this.leave();
    document.addEventListener("keydown", leave, { signal: this.listening.signal });
    this.show();
  }

  leave() {
    this.listening.abort();
    this.root.classList.remove(STAGED);
    for (const each of this.hidden) each.inert = false;
    this.hidden = [];
    this.show();
    this.button.focus();
  }

  show() {
    set(this.button, this.on ? "Leave" : "Present");
    this.button.title = this.on ? "Back to the page (Escape)" : "The board alone, large (F)";
    this.changed();
  }
}

/** Whether a key pressed on an element belongs to it: a field takes letters, a list and a row of tabs arrows. */
function takesKeys(element) {
  return element.closest("input, textarea, select, [contenteditable], [role=tablist], [role=listbox]") !== null;
}

const FREE = ["ArrowLeft", "ArrowRight", "[", "]"]; // keys that nothing else has a use for on a page

/**
 * Hand over the keys that are pressed while nothing on the page wants them, as long as the canvas is seen: all
 * keys where it is presented, else those that the page itself has no use for. press(event): what to do with one.
 */
export function listenAnywhere(root, press) {
  document.addEventListener("keydown", (event) => {
    const staged = root.classList.contains(STAGED);
    if (event.defaultPrevented || takesKeys(event.target) || !(staged || root.offsetParent)) return;
    const idle = event.target === document.body && (staged || FREE.includes(event.key));
    if (idle || event.key.toLowerCase() === "f") press(event);
  });
}
