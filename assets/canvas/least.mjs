// The cells that were written with the least confidence, to be chosen.

import { unsure } from "./cell.mjs";
import { make } from "./dom.mjs";
import { cividis, glyph, percent } from "./text.mjs";
import { isOpen } from "./timeline.mjs";

const LEAST = 5;

/** The positions of the least sure tokens, surest last; ends of text are left out. */
export function leastSure(cells, most = LEAST) {
  return cells
    .map((cell, pos) => ({ pos, cell }))
    .filter(({ cell }) => cell && !isOpen(cell.mark) && cell.mark !== "p" && cell.conf != null)
    .filter(({ cell }) => !/^<\|[^|]+\|>$/.test(cell.text))
    .sort((a, b) => a.cell.conf - b.cell.conf || a.pos - b.pos)
    .slice(0, most);
}

/** A bar for a confidence. */
export function barOf(conf) {
  const bar = make("span", "bar");
  const fill = bar.appendChild(make("i"));
  fill.style.width = `${(conf ?? 0) * 100}%`;
  fill.style.background = cividis(conf ?? 0);
  return bar;
}

export class LeastSure {
  /** title, note, body: of its card; onChoose(id): a listed cell was picked. */
  constructor(title, note, body, onChoose) {
    Object.assign(this, { body, onChoose, shown: "" });
    title.textContent = "Least sure cells";
    note.textContent = "choose one to ask it";
    this.draw(null, null);
  }

  draw(timeline, state) {
    const list = state ? leastSure(state.cells) : [];
    const key = JSON.stringify([list, Boolean(timeline), unsure(timeline?.meta)]);
    if (key === this.shown) return;
    this.shown = key;
    const none = unsure(timeline?.meta) ? "This run holds no confidences." : "No word is written yet.";
    this.body.replaceChildren(list.length ? this.table(list, state.order) : make("p", "none", none));
  }

  table(list, order) {
    const table = make("div", "bars");
    for (const { pos, cell } of list) {
      const { shown } = glyph(cell.text);
      const name = make("button", "mono", shown, { type: "button", "aria-label": `${shown}, cell ${pos}` });
      name.addEventListener("click", () => this.onChoose(order[pos]));
      table.append(name, barOf(cell.conf), make("span", "value", percent(cell.conf)));
    }
    return table;
  }
}
