// The board as text: line breaks that are written break lines, and words stand as in a text.

import { blocksIn, hold } from "./blocks.mjs";
import { make } from "./dom.mjs";
import { Strip } from "./gutter.mjs";
import { blockOf } from "./order.mjs";
import { isOpen } from "./timeline.mjs";

/** The positions at which lines begin, 0 first. */
export function lineStarts(cells) {
  const starts = [0];
  for (let pos = 0; pos + 1 < cells.length; pos++) {
    const cell = cells[pos];
    if (cell && !isOpen(cell.mark) && cell.text.endsWith("\n")) starts.push(pos + 1);
  }
  return starts;
}

export class TextLines {
  constructor(root, meta) {
    Object.assign(this, { root, meta });
    this.marks = new Set(); // of the legend
    this.lines = [];
    this.starts = [0];
    this.strip = new Strip(meta);
    root.append(this.strip.line, this.strip.lists);
  }

  key(cells) {
    return lineStarts(cells).join();
  }

  fill(spans, cells) {
    this.starts = lineStarts(cells);
    this.strip.fit(blocksIn(spans.length, this.meta));
    for (const line of this.lines.splice(this.starts.length)) line.remove();
    while (this.lines.length < this.starts.length) {
      this.lines.push(this.root.appendChild(make("div", "textline", "", { role: "row" })));
    }
    this.lines.forEach((line, i) => hold(line, spans.slice(this.starts[i], this.starts[i + 1] ?? spans.length)));
    this.spans = spans;
  }

  reserve() {}

  show(state) {
    this.strip.show(state);
  }

  elementOf(block) {
    const at = this.spans.findIndex((_, pos) => blockOf(pos, this.meta) === block);
    return this.spans[at];
  }

  holderOf(pos) {
    return this.lines[this.starts.findLastIndex((start) => start < pos)];
  }

  hideFrom(first) {
    this.lines.forEach((line, i) => {
      line.hidden = this.starts[i] >= first && i > 0;
    });
  }
}
