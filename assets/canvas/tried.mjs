// The candidates that the text of a block was chosen from. A button beside the block (in its gutter) lists
// them, rejected ones too, and the text that stood there before, where there was one. Candidates of the same text
// share a line, and what differs from the first text is marked.

import { make, set } from "./dom.mjs";

/** Candidates by their texts: [[numbers from 1, score, text, whether it was kept], …]. list: of [score, text]. */
export function alike(list, won) {
  const lines = new Map();
  for (const [i, [score, text]] of list.entries()) {
    const line = lines.get(text) ?? [[], score, text, false];
    lines.set(text, [[...line[0], i + 1], i === won ? score : line[1], text, line[3] || i === won]);
  }
  return [...lines.values()];
}

/** A text in parts, [part, whether it differs]: word by word where both have as many, else all that lies between a
 * common begin and a common end. */
export function against(text, base) {
  const [words, others] = [text, base].map((each) => each.split(/(?<=\s)/));
  const same = words.length === others.length;
  let begin = words.findIndex((word, i) => word !== others[i]);
  if (begin < 0) begin = words.length;
  let end = 0;
  while (end < words.length - begin && words.at(-1 - end) === others.at(-1 - end)) end += 1;
  const differs = (word, i) => (same ? word !== others[i] : i >= begin && i < words.length - end);
  return words.map((word, i) => [word, differs(word, i)]);
}

export class Tried {
  constructor() {
    this.shown = null;
    this.button = make("button", "tried", "", { type: "button", "aria-expanded": "false" });
    this.list = make("ol", "candidates");
    this.button.hidden = this.list.hidden = true;
    this.button.addEventListener("click", () => this.open(this.list.hidden));
  }

  open(yes) {
    this.list.hidden = !yes;
    this.button.setAttribute("aria-expanded", String(yes));
  }

  /** what: a frame's `tried`, or null. */
  show(what) {
    if (what === this.shown) return;
    this.shown = what;
    this.button.hidden = !what;
    if (!what) return this.open(false);
    set(this.button, `${what.list.length} tried`);
    const base = what.before ?? what.list[0]?.[1] ?? "";
    const before = what.before === null ? [] : [this.line("before", null, what.before, what.won < 0, base)];
    const lines = alike(what.list, what.won).map(([numbers, ...rest]) => this.line(numbers.join(", "), ...rest, base));
    this.list.replaceChildren(...before, ...lines);
  }

  line(name, score, text, kept, base) {
    const item = make("li", kept ? "kept" : "");
    const lead = make("span", "lead", kept ? `${name} · kept` : name);
    item.append(lead, make("span", "mark", score === null ? "" : score.toFixed(2)));
    const whole = make("span", "mono");
    for (const [part, differs] of against(text, base)) whole.append(make(differs ? "mark" : "span", "", part.replaceAll("\n", "↵ ")));
    item.append(whole);
    return item;
  }
}
