// The chosen cell: what stands in it, when it was decided, how sure, and what happened before.
// While none is chosen: the cells that were written with the least confidence.

import { unsure } from "./cell.mjs";
import { make } from "./dom.mjs";
import { cividis, exact, glyph, percent } from "./text.mjs";
import { blockOf } from "./order.mjs";
import { isMask, isNoise, isOpen } from "./timeline.mjs";

const LEAST = 5;
const DONE = {
  p: "given",
  c: "written",
  e: "edited to",
  b: "back-masked, was",
  u: "re-masked by UPS, was",
  r: "re-masked, was",
  s: "there from the start",
  d: "drafted",
  v: "checked, stands:",
  x: "draft rejected, was",
  y: "draft rejected, was",
  z: "re-noised, was",
  ins: "inserted",
  del: "deleted",
  draft: "draft",
};
const SURE = ["c", "e", "d", "v", "draft"]; // what has a probability
const REASONS = { wino: "taken back by WINO, was", remdm: "re-masked by ReMDM, was", t2m: "reset, was" };

/** The positions of the least sure tokens, surest last; ends of text are left out. */
export function leastSure(cells, most = LEAST) {
  return cells
    .map((cell, pos) => ({ pos, cell }))
    .filter(({ cell }) => cell && !isOpen(cell.mark) && cell.mark !== "p" && cell.conf != null)
    .filter(({ cell }) => !/^<\|[^|]+\|>$/.test(cell.text))
    .sort((a, b) => a.cell.conf - b.cell.conf || a.pos - b.pos)
    .slice(0, most);
}

/** One line of a cell's history as text. */
export function historyLine({ step, mark, text, conf, reason }) {
  const sure = SURE.includes(mark) && conf != null ? `, ${percent(conf)}` : "";
  const bare = mark === "ins" || mark === "del"; // no token of its own
  const done = ("bur".includes(mark) && REASONS[reason]) || DONE[mark] || "";
  return { when: "ps".includes(mark) ? "start" : `step ${step}`, done, text: bare ? "" : exact(text), sure };
}

export class Inspector {
  /** root holds the parts title, note and body; onChoose(id) when a listed cell is picked. */
  constructor(title, note, body, onChoose) {
    Object.assign(this, { title, note, body, onChoose, shown: "" });
    this.draw(null, null, -1, null);
  }

  /** Show the chosen cell, or the least sure ones, as of frame i. chosen: an id, or null. */
  draw(timeline, state, i, chosen) {
    const pos = chosen === null || !state ? -1 : state.order.indexOf(chosen);
    const cell = state?.cells[pos] ?? null;
    const past = chosen === null || !state ? [] : timeline.history(chosen, i);
    const lived = cell !== null || past.length > 0;
    const list = lived || !state ? [] : leastSure(state.cells);
    const key = JSON.stringify([chosen, pos, cell, past, list]);
    if (key === this.shown) return;
    this.shown = key;
    this.order = state?.order ?? [];
    if (lived) this.cell(timeline, chosen, pos, cell, past);
    else this.least(list, unsure(timeline?.meta));
  }

  cell(timeline, id, pos, cell, past) {
    this.title.textContent = cell ? `Cell ${pos}` : "A cell that is gone";
    this.note.textContent = cell ? this.noteOf(timeline, pos, cell, past) : `deleted at step ${past.at(-1).step}`;
    const parts = [];
    const open = !cell || isOpen(cell.mark);
    if (!open && cell.conf != null) parts.push(this.bars([{ pos, cell }], false));
    else if (cell) parts.push(make("p", "big mono", isMask(cell.mark) ? "mask" : exact(cell.text)));
    if (cell?.drafts && open) parts.push(...this.drafts(pos, cell.drafts));
    if (past.length > 1 || open) parts.push(this.past(past));
    const back = make("button", "quiet", "Least sure cells", { type: "button" });
    back.addEventListener("click", () => this.onChoose(id)); // choosing it again lets it go
    parts.push(back);
    this.body.replaceChildren(...parts);
  }

  noteOf(timeline, pos, cell, past) {
    const written = past.findLast(({ mark }) => mark !== "draft");
    let when = "not decided yet";
    if (cell.mark === "p") when = "given from the start";
    else if (cell.mark === "s") when = "there from the start";
    else if (cell.mark === "d") when = `drafted at step ${written?.step}, waits for its check`;
    else if (isNoise(cell.mark)) when = "noise, not decided yet";
    else if (!isMask(cell.mark) && cell.conf == null && !unsure(timeline.meta)) when = "filled in after an early stop";
    else if (!isMask(cell.mark) && written) when = `decided at step ${written.step}`;
    return `block ${blockOf(pos, timeline.meta) + 1}, ${when}`;
  }

  /** What the network would write in a cell, likeliest first. */
  drafts(pos, drafts) {
    const cells = drafts.map(([text, conf]) => ({ pos, cell: { text, conf } }));
    const table = this.bars(cells, false);
    table.classList.add("drafted");
    return [make("p", "none", drafts.length > 1 ? "Its drafts:" : "Its draft:"), table];
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

  least(list, unknown) {
    this.title.textContent = "Least sure cells";
    this.note.textContent = "choose one to see its history";
    if (list.length) this.body.replaceChildren(this.bars(list, true));
    else {
      const none = unknown ? "This run holds no confidences." : "No word is written yet.";
      this.body.replaceChildren(make("p", "none", none));
    }
  }

  bars(list, buttons) {
    const table = make("div", "bars");
    for (const { pos, cell } of list) {
      const name = buttons
        ? make("button", "mono", glyph(cell.text).shown, { type: "button", "aria-label": `Cell ${pos}` })
        : make("span", "mono", exact(cell.text));
      const id = this.order[pos];
      if (buttons) name.addEventListener("click", () => this.onChoose(id));
      const bar = make("span", "bar");
      const fill = bar.appendChild(make("i"));
      fill.style.width = `${cell.conf * 100}%`;
      fill.style.background = cividis(cell.conf);
      table.append(name, bar, make("span", "value", percent(cell.conf)));
    }
    return table;
  }
}
