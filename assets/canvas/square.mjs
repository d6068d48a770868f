// A sudoku's square: where the cells of an answer belong in it. No DOM.

import { isOpen } from "./timeline.mjs";

/**
 * Where an answer has the square, which is written as rows and then as one text in a box: `12⏎34⏎\boxed{1234}`.
 * {rows, boxed: the positions of the digits, row by row; marks: [[position, text], …] of what stands around
 * them}.
 */
export function placesOf({ size }) {
  const across = size + 1; // with its line break
  const all = Array.from({ length: size * size }, (_, i) => i);
  const begin = size * across + 3; // behind "\", "boxed" and "{"
  const breaks = Array.from({ length: size }, (_, row) => [row * across + size, "\n"]);
  const around = ["\\", "boxed", "{"].map((text, i) => [size * across + i, text]);
  return {
    rows: all.map((i) => Math.floor(i / size) * across + (i % size)),
    boxed: all.map((i) => begin + i),
    marks: [...breaks, ...around, [begin + all.length, "}"]],
  };
}

/** Whether an answer, as far as it is decided, has a square at these places. */
export function fits(cells, places) {
  if (cells.length <= places.marks.at(-1)[0]) return false;
  const open = (pos) => !cells[pos] || isOpen(cells[pos].mark);
  return (
    places.marks.every(([pos, text]) => open(pos) || cells[pos].text === text) &&
    [...places.rows, ...places.boxed].every((pos) => open(pos) || /^[1-9]$/.test(cells[pos].text))
  );
}

/** The numbers of the places that share a row, a column or a box with place i. */
export function peers(i, { size, box: [high, wide] }) {
  const row = (j) => Math.floor(j / size);
  const column = (j) => j % size;
  const box = (j) => Math.floor(row(j) / high) * size + Math.floor(column(j) / wide);
  const all = Array.from({ length: size * size }, (_, j) => j);
  return all.filter((j) => j !== i && [row, column, box].some((of) => of(i) === of(j)));
}

/**
 * For each place whether its digit is known to be wrong: it is not that of the one solution; or, where several
 * grids are right, it changes a given digit or stands twice in a row, a column or a box. digits: null where
 * none is decided.
 */
export function wrongPlaces(digits, square) {
  const { puzzle, solution } = square;
  return digits.map((digit, i) => {
    if (digit === null) return false;
    if (solution) return digit !== solution[i];
    if (puzzle[i] !== "0") return puzzle[i] !== digit;
    return peers(i, square).some((j) => digits[j] === digit);
  });
}
