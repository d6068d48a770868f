// The header's own buttons, and every other button that says with data-do what it does.

import { keep, kept, whenThere } from "./dom.mjs";
import { closeOutside } from "./fold.mjs";
import { followRefusals } from "./marks.mjs";
import { plays } from "./opening.mjs";
import { Tour } from "./tour.mjs";
import { tellChanges } from "./typed.mjs";

const THEME = "lz-theme"; // in the browser: "dark", "light"; none: as the system has it
const OFFER_AFTER = 2500; // ms: first something moves

/** The theme that the reader chose here; "" where none was chosen, or the address says one. */
export function chosenTheme(search, stored) {
  if (new URLSearchParams(search).has("__theme")) return "";
  return ["dark", "light"].includes(stored) ? stored : "";
}

export class Help {
  /** canvas: of the Visualize tab. */
  constructor(canvas) {
    this.canvas = canvas;
    this.tour = new Tour();
    followRefusals();
    tellChanges();
    document.addEventListener("click", (event) => {
      const button = event.target.closest?.("[data-do]");
      if (button) this.does(button.dataset.do, button);
    });
    const theme = chosenTheme(window.location.search, kept(THEME));
    if (theme) this.dress(theme === "dark");
    this.dress(document.body.classList.contains("dark"));
    if (plays(window.location.search)) setTimeout(() => this.tour.offer(), OFFER_AFTER);
  }

  does(what, button) {
    if (what === "help") return this.open(button, button.getAttribute("aria-expanded") !== "true");
    if (what === "theme") return this.choose(!document.body.classList.contains("dark"));
    this.open(document.querySelector("#help"), false);
    document.querySelector("[role=tab][aria-controls]")?.click(); // Visualize is the first
    if (what === "tour") requestAnimationFrame(() => this.tour.begin());
    else if (what === "opening") this.canvas.open(this.canvas.first, true);
    else if (what === "keys") this.keys();
  }

  /** Open the menu, or close it. */
  open(button, yes) {
    const menu = document.querySelector("#help-menu");
    if (!menu || menu.hidden !== yes) return;
    menu.hidden = !yes;
    button.setAttribute("aria-expanded", String(yes));
    if (yes) closeOutside(menu.parentElement, button, () => !menu.hidden);
    else menu.parentElement.closing?.abort();
  }

  choose(dark) {
    keep(THEME, dark ? "dark" : "light");
    this.dress(dark);
    this.canvas.schedule(true);
  }

  /** Light or dark. */
  dress(dark) {
    document.body.classList.toggle("dark", dark);
    whenThere("[data-do=theme]", (button) => button.setAttribute("aria-pressed", String(dark)));
  }

  /** Show the list of shortcuts, which stands under the slider. */
  keys() {
    const { help, keys } = this.canvas.parts;
    if (help.hidden) keys.click();
    help.scrollIntoView({ block: "center" });
    keys.focus({ preventScroll: true });
  }
}
