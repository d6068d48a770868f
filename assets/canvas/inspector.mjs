// The card of the chosen cell: what else could stand in it, how sure it was, and what happened to it. Where the
// page can go on from here (grow.mjs), its tokens are buttons.

import { unsure } from "./cell.mjs";
import { make, set } from "./dom.mjs";
import { barOf } from "./least.mjs";
import { blockOf } from "./order.mjs";
import { historyLine, keepScore, reasonFor } from "./past.mjs";
import { Retemper } from "./sliders.mjs";
import { exact, finePercent, percent } from "./text.mjs";
import { isMask, isNoise, isOpen } from "./timeline.mjs";

const NOTHING = { asks: false, note: "", tokens: null, error: "" };

export class Inspector {
  /** root: an element; onWrite(token, text): one of its tokens was picked, null where nothing can be written;
   * onClose(): it was closed. */
  constructor(root, onWrite, onClose) {
    Object.assign(this, { root, onWrite, shown: "" });
    this.title = make("h3", "", "", { tabindex: "-1" });
    this.note = make("p", "note");
    const close = make("button", "quiet", "Close", { type: "button" });
    close.addEventListener("click", onClose);
    const head = make("header");
    head.append(this.title, this.note, close);
    this.retemper = new Retemper(() => this.bars());
    this.source = make("p", "none", "", { role: "status" });
    this.table = make("div", "bars likely");
    this.whole = make("p", "none");
    const likely = make("div");
    likely.append(make("h4", "", "What else could stand here"), this.source, this.table, this.retemper.root, this.whole);
    this.facts = make("dl", "facts");
    this.past = make("ol", "past");
    this.pastTitle = make("h4", "", "Its history");
    const history = make("div");
    history.append(this.facts, this.pastTitle, this.past);
    this.body = make("div", "two");
    this.body.append(likely, history);
    root.append(head, this.body);
  }

  /** Show a cell as of frame i. id: its id; answer: what is known of its alternatives: {tokens: [[token, text,
   * p], …], stands, note, error, asks}. */
  draw(timeline, state, i, id, answer = NOTHING) {
    const pos = state.order.indexOf(id);
    const cell = state.cells[pos] ?? null;
    const past = timeline.history(id, i);
    const key = JSON.stringify([id, pos, cell, past, answer, state.ups?.at, timeline.run]);
    if (key === this.shown) return;
    this.shown = key;
    set(this.title, cell ? `Cell ${pos}: ${isMask(cell.mark) ? "a mask" : exact(cell.text)}` : "A cell that is gone");
    set(this.note, cell ? noteOf(timeline, pos, cell, past) : `deleted at step ${past.at(-1)?.step}`);
    this.answer = answer;
    this.stands = cell && !isOpen(cell.mark) ? cell.text : null;
    this.bars();
    this.known(timeline, state, id, cell);
    this.lines(timeline, id, past);
  }

  /** The likeliest tokens, at the temperature that the sliders say. */
  bars() {
    const { tokens, note, error, asks, given } = this.answer;
    const known = tokens?.filter(([, , p]) => p != null) ?? [];
    this.table.hidden = this.retemper.root.hidden = known.length === 0;
    const empty = given ? "This cell was given from the start: nobody asked what else could stand here." : "";
    set(this.source, error || note || empty || (asks ? "Asking the network…" : ""));
    this.source.hidden = !this.source.textContent;
    const shares = this.retemper.of(known.map(([, , p]) => p));
    this.table.replaceChildren(...known.flatMap((each, i) => this.line(each, shares[i])));
    const mass = known.reduce((sum, [, , p]) => sum + p, 0);
    const rest = this.retemper.hot ? " Of the rest, which would get more, nothing is known." : "";
    set(this.whole, known.length ? `Together they have ${percent(mass)} of the probability.${rest}` : "");
  }

  line([token, text, p], share) {
    const here = this.answer.stands === undefined ? text === this.stands : token === this.answer.stands;
    const name = exact(text);
    const canWrite = this.onWrite && !here && this.answer.writes !== false;
    const label = canWrite
      ? make("button", "mono", name, { type: "button", "aria-label": `Write ${name}, ${finePercent(p)}` })
      : make("span", here ? "mono here" : "mono", name);
    if (canWrite) label.addEventListener("click", () => this.onWrite(token, text));
    if (here) label.title = "stands here";
    const value = make("span", "value", finePercent(p));
    const other = make("span", "value other", this.retemper.moved ? finePercent(share) : here ? "stands" : "");
    return [label, barOf(this.retemper.moved ? share : p), value, other];
  }

  known(timeline, state, id, cell) {
    const facts = [];
    if (cell && !isOpen(cell.mark) && cell.conf != null) facts.push(["Committed with", percent(cell.conf)]);
    const score = cell ? keepScore(state, id) : null;
    if (score) facts.push(["Keep score", `${score.keep.toFixed(2)}, stands from ${score.least.toFixed(2)}`]);
    if (cell?.was) facts.push(["Held before", exact(cell.was)]);
    this.facts.hidden = facts.length === 0;
    this.facts.replaceChildren(...facts.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]));
  }

  lines(timeline, id, past) {
    this.pastTitle.hidden = past.length === 0;
    this.past.replaceChildren(...past.map((entry) => {
      const taken = "burxyz".includes(entry.mark) && entry.reason !== "user";
      const line = historyLine({ ...entry, why: taken ? reasonFor(timeline, entry.seq, id) : "" });
      const item = make("li");
      item.append(make("span", "when", line.when), ` ${line.done} `, make("span", "mono", line.text), line.sure);
      if (line.why) item.append(make("span", "why", line.why));
      return item;
    }));
  }
}

/** Where a cell stands, and when it was decided. */
export function noteOf(timeline, pos, cell, past) {
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
