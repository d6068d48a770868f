// The board of a sudoku: the square as the answer writes it row by row, the square in the answer's box, and below
// them what else the answer has.

import { blocksIn, hold } from "./blocks.mjs";
import { make } from "./dom.mjs";
import { Strip } from "./gutter.mjs";
import { placesOf, wrongPlaces } from "./square.mjs";
import { isOpen } from "./timeline.mjs";

const NAMES = { rows: "Row by row", boxed: "The boxed answer" };

export class Squares {
  constructor(root, meta) {
    Object.assign(this, { root, meta });
    this.places = placesOf(meta.square);
    this.marks = new Set(["clue"]); // of the legend
    this.strip = new Strip(meta);
    const style = `--size:${meta.square.size}`;
    this.pair = make("div", "squares", "", { role: "presentation", style });
    this.held = { rows: this.square("rows"), boxed: this.square("boxed") };
    this.rest = make("div", "cells rest", "", { role: "row", "aria-label": "Around the squares" });
    root.append(this.strip.line, this.strip.lists, this.pair, this.rest);
  }

  /** One square; returns its places, row by row. */
  square(name) {
    const { size, box: [high, wide], puzzle } = this.meta.square;
    const figure = make("div", "square", "", { role: "presentation" });
    figure.append(make("h4", "", NAMES[name], { role: "presentation" }));
    const grid = figure.appendChild(make("div", "digits", "", { role: "presentation" }));
    const places = [];
    for (let row = 0; row < size; row++) {
      const line = grid.appendChild(make("div", "across", "", { role: "row", "aria-label": `Row ${row + 1}` }));
      for (let column = 0; column < size; column++) {
        const clue = puzzle[row * size + column];
        const edges = [row % high === 0 && row ? "under-box" : "", column % wide === 0 && column ? "beside-box" : ""];
        const names = ["place", clue === "0" ? "" : "clue", ...edges].filter(Boolean).join(" ");
        const place = make("div", names, "", { role: "presentation" });
        if (clue !== "0") place.append(make("span", "given", clue, { "aria-hidden": "true" }));
        places.push(line.appendChild(place));
      }
    }
    this.pair.append(figure);
    return places;
  }

  key() {
    return "";
  }

  fill(spans) {
    this.strip.fit(blocksIn(spans.length, this.meta));
    const placed = new Set();
    for (const [name, places] of Object.entries(this.held)) {
      places.forEach((place, i) => {
        const pos = this.places[name][i];
        placed.add(pos);
        place.append(spans[pos]);
      });
    }
    hold(this.rest, spans.filter((_, pos) => !placed.has(pos)));
    this.spans = spans;
  }

  reserve() {}

  show(state) {
    this.strip.show(state);
    for (const [name, places] of Object.entries(this.held)) {
      const cells = this.places[name].map((pos) => state.cells[pos]);
      const digits = cells.map((cell) => (!cell || isOpen(cell.mark) ? null : cell.text));
      const wrong = wrongPlaces(digits, this.meta.square);
      places.forEach((place, i) => {
        if (wrong[i]) this.marks.add("wrong");
        place.classList.toggle("wrong", wrong[i]);
        place.classList.toggle("filled", digits[i] !== null);
      });
    }
  }

  elementOf() {
    return this.pair;
  }

  holderOf() {
    return this.rest;
  }

  hideFrom() {}
}
