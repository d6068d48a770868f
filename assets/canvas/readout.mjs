// What is read beside the cells: the legend, the answer as text, the rate, and what is spoken.

import { make, set } from "./dom.mjs";
import { isSpecial, leftWord } from "./text.mjs";
import { isOpen } from "./timeline.mjs";

const HEAR_EVERY = 2000; // ms between two announcements to screen readers

const LEGEND = [
  ["m", "c m", "", "masked"],
  ["c", "c nw", "a", "new"],
  ["c", "c", "a", "committed, bar = confidence"],
  ["n", "c ns", "a", "noise: a random token, undecided"],
  ["draft", "c m gh", "a", "draft: what it would write"],
  ["d", "c wt", "a", "drafted, waits for its check"],
  ["p", "c pin", "a", "given"],
  ["e", "c ed", "a", "edited"],
  ["b", "c bk", "", "back-masked"],
  ["r", "c bk", "", "re-masked"],
  ["x", "c bk", "", "draft rejected"],
  ["z", "c ns bn", "a", "re-noised"],
  ["y", "c ns bn", "a", "draft rejected"],
  ["u", "c rm", "a", "re-masked by UPS"],
  ["ups", "c", "a", "bar above = how likely it falls"],
  ["broken", "c broken", "a", "line that does not hold"],
  ["end", "c dim", "∎", "end of text"],
  ["clue", "c clue", "4", "given digit"],
  ["wrong", "c wrong-digit", "4", "wrong digit"],
];

/** The answer of a state as plain text, up to its first special token; undecided cells as boxes. */
export function answerText(cells) {
  const end = cells.findIndex((cell) => cell && !isOpen(cell.mark) && isSpecial(cell.text));
  const shown = end < 0 ? cells : cells.slice(0, end);
  return shown.map((cell) => (!cell || isOpen(cell.mark) ? "▒" : cell.text)).join("");
}

/** Decoded tokens a second up to a frame; "–" while too little time has passed, or none is known. */
export function rate(first, frame) {
  if (frame.t == null || frame.t < 0.1) return "–";
  const grown = (frame.count ?? 0) - (first.count ?? 0); // cells that were inserted, less those deleted
  return String(Math.round((first.masks - frame.masks + grown - frame.filled) / frame.t));
}

/** A verdict as a sentence in its colour; nothing without one. */
export function showVerdict(element, verdict) {
  set(element, verdict?.text ?? "");
  element.dataset.right = String(verdict?.right ?? "unknown");
}

/** A verdict in one word, for a table. */
export function verdictWord(frame) {
  if (frame.again !== undefined) return "cut off";
  return { true: "right", false: "wrong" }[frame.verdict?.right] ?? "–";
}

/** The key of the states that occurred in a run. */
export class Legend {
  constructor(root) {
    this.root = root;
    this.draw(new Set());
  }

  /** marks: states that occurred; broken: whether a line is marked that does not hold. */
  draw(marks, broken = false) {
    const noise = ["n", "z", "y"].some((mark) => marks.has(mark));
    const always = new Set(["c", noise ? "n" : "m", broken ? "broken" : ""]);
    const shown = LEGEND.filter(([mark]) => marks.has(mark) || always.has(mark));
    const key = shown.map(([, name]) => name).join();
    if (key === this.shown) return;
    this.shown = key;
    this.root.replaceChildren(
      ...shown.map(([mark, name, text, label]) => {
        const entry = make("span");
        const cell = make("span", name, text || " ", { "aria-hidden": "true", style: "--p:.7;--k:#c3b369" });
        if (mark === "ups") cell.append(make("i", "u over", "", { style: "--o:.8" }));
        entry.append(cell, label);
        return entry;
      }),
    );
  }
}

/** The polite live region: the newest sentence, at most every two seconds. */
export class Voice {
  constructor(root) {
    Object.assign(this, { root, at: -HEAR_EVERY, text: "" });
  }

  announce(frame, meta, now) {
    const over = frame.kind === "finish" || frame.kind === "stop";
    const end = over ? "" : `${frame.masks} ${leftWord(meta)}.`;
    const text = [frame.say[0], frame.verdict?.text, frame.say[1], end].filter(Boolean).join(" ");
    if (text === this.text) return;
    this.text = text;
    if (this.waiting) return;
    this.waiting = setTimeout(() => {
      this.waiting = null;
      this.at = performance.now();
      this.root.textContent = this.text;
    }, Math.max(0, this.at + HEAR_EVERY - now));
  }
}
