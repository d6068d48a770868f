// The keyboard. On the cells the arrows move among cells; elsewhere on the canvas they move in time.

export const HELP = [
  ["← →", "on the cells: one cell; elsewhere: one frame"],
  ["Shift ← →", "one block"],
  ["Home End", "first and last"],
  ["Enter", "choose the cell: its confidence and history; Tab goes there, Escape comes back"],
  ["Space", "play or pause"],
  ["[ ]", "slower, faster"],
  ["F", "present: the board alone, large; Escape leaves"],
  ["?", "this list"],
];

/** What a key press means: [command, argument], or null. onCells: the focus is on a cell. */
export function command(event, onCells) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const unit = event.shiftKey ? "block" : "one";
  if (direction) return [onCells ? `cell-${unit}` : `frame-${unit}`, direction];
  if (event.key === "Home") return [onCells ? "cell-to" : "frame-to", 0];
  if (event.key === "End") return [onCells ? "cell-to" : "frame-to", Infinity];
  if (event.key === "Enter" && onCells) return ["choose", 0];
  if (event.key === " ") return ["play", 0];
  if (event.key === "[") return ["speed", -1];
  if (event.key === "]") return ["speed", 1];
  if (event.key === "?") return ["help", 0];
  if (event.key === "f" || event.key === "F") return ["stage", 0];
  return null;
}
