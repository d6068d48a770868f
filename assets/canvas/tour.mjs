// Four steps that show a newcomer around. Whoever has seen or skipped them is not asked again in this browser.

import { keep, kept, make, whenThere } from "./dom.mjs";

const SEEN = "lz-tour"; // in the browser
const NARROW = 820; // px; there the card lies at the bottom
const GAP = 14;
const STEPS = [
  {
    at: "#canvas .stage", side: "inside", title: "Watch an answer appear",
    text: "Each hatched box is a mask. The model turns masks into words, the surest first; the bar under a word says how sure it was. Choose a word to see its history.",
  },
  {
    at: "#prompt", side: "right", title: "Ask something",
    text: "Type a problem, or take one of the examples under the field. Run, or Ctrl+Enter, writes the answer live.",
  },
  {
    at: "#sampler", side: "right", title: "Choose how it is written",
    text: "A sampler decides which masks become words at each step, and whether words are taken back when they look wrong.",
  },
  {
    at: "#canvas .transport", side: "above", title: "Go back in time",
    text: "Drag the slider to any moment of the run, play it again, or change the pace. On the slider, ← and → go one frame.",
  },
];

/** Where a card goes, in px of the window. box: of what it points at; size: of the card; view: of the window. */
export function placeOfCard(side, box, size, view) {
  const within = (at, size, all) => Math.max(GAP, Math.min(at, all - size - GAP));
  const middle = (box.top + box.bottom - size.height) / 2;
  const left = { right: box.right + GAP, inside: box.right - size.width - GAP, above: (box.left + box.right - size.width) / 2 };
  const top = { right: box.top, inside: middle, above: box.top - size.height - GAP };
  return { left: within(left[side], size.width, view.width), top: within(top[side], size.height, view.height) };
}

export class Tour {
  constructor() {
    this.at = -1; // the step that is shown, -1: none
    this.card = make("section", "lz-tour", "", { role: "dialog", "aria-labelledby": "lz-tour-title" });
    this.count = make("p", "count");
    this.title = make("h2", "", "", { id: "lz-tour-title", tabindex: "-1" });
    this.text = make("p");
    this.skip = make("button", "quiet", "Skip", { type: "button" });
    this.back = make("button", "", "Back", { type: "button" });
    this.next = make("button", "go", "Next", { type: "button" });
    const row = make("div", "row");
    row.append(this.skip, this.back, this.next);
    this.card.append(this.count, this.title, this.text, row);
    this.skip.addEventListener("click", () => this.end());
    this.back.addEventListener("click", () => this.show(this.at - 1));
    this.next.addEventListener("click", () => (this.at + 1 < STEPS.length ? this.show(this.at + 1) : this.end()));
  }

  /** Begin by itself for somebody who has not seen it, where there is room beside what plays; the focus stays. */
  offer() {
    if (kept(SEEN) || window.innerWidth <= NARROW) return;
    whenThere(STEPS[1].at, () => this.at < 0 && this.begin(false));
  }

  /** Begin. focused: move the focus into the card, for it was asked for. */
  begin(focused = true) {
    this.end(false);
    this.from = document.activeElement;
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    window.addEventListener("resize", () => this.place(), { signal });
    document.addEventListener("scroll", () => this.place(), { signal, capture: true, passive: true });
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.end(), { signal });
    document.addEventListener("click", (event) => event.target.closest?.("#run") && this.end(), { signal });
    document.querySelector(".gradio-container").append(this.card);
    this.show(0, focused);
  }

  show(at, focused = true) {
    this.target?.classList.remove("lz-toured");
    this.at = at;
    const step = STEPS[at];
    this.target = document.querySelector(step.at);
    this.target.classList.add("lz-toured");
    this.count.textContent = `${at + 1} of ${STEPS.length}`;
    this.title.textContent = step.title;
    this.text.textContent = step.text;
    this.back.hidden = at === 0;
    this.skip.hidden = at + 1 === STEPS.length;
    this.next.textContent = at + 1 === STEPS.length ? "Done" : "Next";
    if (focused) this.target.scrollIntoView({ block: "nearest" });
    this.place();
    if (focused) this.title.focus({ preventScroll: true });
  }

  place() {
    const view = { width: window.innerWidth, height: window.innerHeight };
    this.card.classList.toggle("sheet", view.width <= NARROW);
    const { left, top } = placeOfCard(STEPS[this.at].side, this.target.getBoundingClientRect(), this.card.getBoundingClientRect(), view);
    this.card.style.left = `${left}px`;
    this.card.style.top = `${top}px`;
  }

  /** End it. seen: do not offer it again. */
  end(seen = true) {
    if (this.at < 0) return;
    if (seen) keep(SEEN, "seen");
    const inside = this.card.contains(document.activeElement);
    this.at = -1;
    this.leaving.abort();
    this.target.classList.remove("lz-toured");
    this.card.remove();
    if (inside && this.from?.isConnected) this.from.focus({ preventScroll: true });
  }
}
