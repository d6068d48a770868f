// Which panels are open: a row of switches over them. The choice is one for the whole page, and remembered.
// Style sheets hide what is not chosen (panels.css); the server draws some of them, where the page asks it to.

import { keep, kept, make } from "./dom.mjs";

const KEPT_PANELS = "lz-panels"; // in the browser
export const DRAWN_HERE = [
  ["masks", "Masks left"],
  ["heat", "Confidence"],
  ["cell", "Least sure cells"],
];
export const DRAWN_BY_SERVER = [
  ["order", "Order"],
  ["drafts", "Drafts and flips"],
  ["regret", "Regret"],
  ["dependencies", "Dependencies"],
];
const PANEL_NAMES = [...DRAWN_HERE, ...DRAWN_BY_SERVER].map(([name]) => name);
const PANELS_CHANGED = "lz-panels";

/** The panels of a remembered text; without one, those that the canvas draws itself. */
export function panelsOf(text) {
  if (!text) return DRAWN_HERE.map(([name]) => name);
  const words = text.split(" ");
  return PANEL_NAMES.filter((name) => words.includes(name));
}

/** The names of the panels that are open. */
export function openPanels() {
  return panelsOf(document.documentElement.dataset.panels || kept(KEPT_PANELS));
}

export class PanelMenu {
  /** root: an empty element; drawn(): the server is to draw the panels that are open; null: it draws none. */
  constructor(root, drawn) {
    Object.assign(this, { drawn, switches: new Map() });
    root.replaceChildren(make("span", "lead", "Panels"));
    for (const [name, title] of drawn ? [...DRAWN_HERE, ...DRAWN_BY_SERVER] : DRAWN_HERE) {
      const button = make("button", "", title, { type: "button" });
      button.addEventListener("click", () => this.toggle(name));
      this.switches.set(name, button);
      root.append(button);
    }
    document.addEventListener(PANELS_CHANGED, () => this.show());
    this.show();
  }

  toggle(name) {
    const open = openPanels();
    const next = open.includes(name) ? open.filter((each) => each !== name) : [...open, name];
    const text = next.join(" ") || "none";
    keep(KEPT_PANELS, text);
    document.documentElement.dataset.panels = text;
    document.dispatchEvent(new Event(PANELS_CHANGED));
    if (DRAWN_BY_SERVER.some(([each]) => each === name)) this.drawn?.();
  }

  /** Another run is shown, of which the server does not know: have the panels drawn that are open. */
  draw() {
    const open = openPanels();
    if (DRAWN_BY_SERVER.some(([name]) => open.includes(name))) this.drawn?.();
  }

  show() {
    const open = openPanels();
    document.documentElement.dataset.panels = open.join(" ") || "none";
    for (const [name, button] of this.switches) button.setAttribute("aria-pressed", String(open.includes(name)));
  }
}
