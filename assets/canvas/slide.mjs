// Cells that change their place slide there from where they were seen last; new ones grow out of nothing.

const SLIDE = { duration: 180, easing: "cubic-bezier(.2, .7, .3, 1)" }; // ms
const MOST_SLIDING = 1024; // cells that slide at once; more jump

/** Where the cells of a board are seen now, be it in the middle of a slide; null: they are too many. */
export function placesOf(root, spans) {
  if (spans.length > MOST_SLIDING) return null;
  return { root: root.getBoundingClientRect(), of: new Map(spans.map((span) => [span, span.getBoundingClientRect()])) };
}

/** Let cells slide to where they stand. before: what `placesOf` gave before they were moved. */
export function slide(before, root, spans) {
  for (const running of root.getAnimations({ subtree: true })) running.cancel();
  if (!before || spans.length > MOST_SLIDING) return;
  const now = root.getBoundingClientRect(); // the board itself may have moved on the page
  const moves = [];
  for (const span of spans) {
    const from = before.of.get(span);
    const to = span.getBoundingClientRect();
    if (!from) {
      moves.push([span, { transform: "scaleX(.2)", opacity: 0 }]);
      continue;
    }
    const x = from.left - before.root.left - (to.left - now.left);
    const y = from.top - before.root.top - (to.top - now.top);
    if (Math.abs(x) + Math.abs(y) >= 1) moves.push([span, { transform: `translate(${x}px, ${y}px)` }]);
  }
  // All are measured before the first one moves: each change would cost a layout.
  for (const [span, from] of moves) span.animate([from, { transform: "none", opacity: 1 }], SLIDE);
}
