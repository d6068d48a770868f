// The chosen cell: what stands in it, when it was decided, how sure, and what happened before.
// While none is chosen: the cells that were written with the least confidence.

import { make } from "./dom.mjs";
import { cividis, exact, glyph, percent } from "./text.mjs";
import { isMask } from "./timeline.mjs";

const LEAST = 5;
const DONE = {
  p: "given",
  c: "written",
  e: "edited to",
  b: "back-masked, was",
  u: "re-masked by UPS, was",
  r: "re-masked, was",
};
const REASONS = { wino: "taken back by WINO, was", remdm: "re-masked by ReMDM, was", t2m: "reset, was" };

/** The positions of the least sure tokens, surest last; ends of text are left out. */
export function leastSure(cells, most = LEAST) {
  return cells
    .map((cell, pos) => ({ pos, cell }))
    .filter(({ cell }) => cell && !isMask(cell.mark) && cell.mark !== "p" && cell.conf != null)
    .filter(({ cell }) => !/^<\|[^|]+\|>$/.test(cell.text))
    .sort((a, b) => a.cell.conf - b.cell.conf || a.pos - b.pos)
    .slice(0, most);
}

/** One line of a cell's history as text. */
export function historyLine({ step, mark, text, conf, reason }) {
  const sure = (mark === "c" || mark === "e") && conf != null ? `, ${percent(conf)}` : "";
  return { when: mark === "p" ? "start" : `step ${step}`, done: REASONS[reason] ?? DONE[mark] ?? "", text: exact(text), sure };
}

export class Inspector {
  /** root holds the parts title, note and body; onChoose(position) when a listed cell is picked. */
  constructor(title, note, body, onChoose) {
    Object.assign(this, { title, note, body, onChoose, shown: "" });
    this.draw(null, null, -1, null);
  }

  /** Show the chosen cell, or the least sure ones, as of frame i. */
  draw(timeline, state, i, chosen) {
    const cell = chosen === null ? null : state?.cells[chosen];
    const past = cell ? timeline.history(chosen, i) : [];
    const list = cell || !state ? [] : leastSure(state.cells);
    const key = JSON.stringify([chosen, cell, past, list]);
    if (key === this.shown) return;
    this.shown = key;
    if (cell) this.cell(timeline, chosen, cell, past);
    else this.least(list);
  }

  cell(timeline, pos, cell, past) {
    const block = Math.floor(pos / timeline.meta.block_length) + 1;
    const written = past.at(-1);
    const masked = isMask(cell.mark);
    let when = "not decided yet";
    if (cell.mark === "p") when = "given from the start";
    else if (!masked && cell.conf == null) when = "filled in after an early stop";
    else if (!masked && written) when = `decided at step ${written.step}`;
    this.title.textContent = `Cell ${pos}`;
    this.note.textContent = `block ${block}, ${when}`;
    const parts = [];
    if (!masked && cell.conf != null) parts.push(this.bars([{ pos, cell }], false));
    else parts.push(make("p", "big mono", masked ? "mask" : exact(cell.text)));
    if (past.length > 1 || masked) parts.push(this.past(past));
    const back = make("button", "quiet", "Least sure cells", { type: "button" });
    back.addEventListener("click", () => this.onChoose(pos)); // choosing it again lets it go
    parts.push(back);
    this.body.replaceChildren(...parts);
  }

  past(past) {
    const list = make("ol", "past");
    for (const entry of past) {
      const line = historyLine(entry);
      const item = make("li");
      item.append(make("span", "when", line.when), ` ${line.done} `, make("span", "mono", line.text), line.sure);
      list.append(item);
    }
    return list;
  }

  least(list) {
    this.title.textContent = "Least sure cells";
    this.note.textContent = "choose one to see its history";
    if (list.length) this.body.replaceChildren(this.bars(list, true));
    else this.body.replaceChildren(make("p", "none", "No word is written yet."));
  }

  bars(list, buttons) {
    const table = make("div", "bars");
    for (const { pos, cell } of list) {
      const name = buttons
        ? make("button", "mono", glyph(cell.text).shown, { type: "button", "aria-label": `Cell ${pos}` })
        : make("span", "mono", exact(cell.text));
      if (buttons) name.addEventListener("click", () => this.onChoose(pos));
      const bar = make("span", "bar");
      const fill = bar.appendChild(make("i"));
      fill.style.width = `${cell.conf * 100}%`;
      fill.style.background = cividis(cell.conf);
      table.append(name, bar, make("span", "value", percent(cell.conf)));
    }
    return table;
  }
}
