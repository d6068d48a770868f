// Cells that change their place slide there from where they were seen last; new ones grow out of nothing. Those
// far behind the first change jump: sliding costs a layer and a measure each.

const SLIDE = { duration: 180, easing: "cubic-bezier(.2, .7, .3, 1)" }; // ms
const MOST_SLIDING = 192; // cells

export class Slider {
  /** root: what holds the cells. */
  constructor(root) {
    this.root = root;
    this.running = [];
    this.before = null;
  }

  /** Note where cells are seen, be it in the middle of a slide, before they are moved. spans: by position; first:
   * the first position that changes. */
  note(spans, first) {
    const places = spans.slice(first, first + MOST_SLIDING).map((span) => [span, span.getBoundingClientRect()]);
    this.before = { root: this.root.getBoundingClientRect(), first, places: new Map(places), known: new Set(spans) };
  }

  /** Let cells slide to where they stand now, after `note`. */
  slide(spans) {
    this.stop();
    const { root, first, places, known } = this.before;
    this.before = null;
    const now = this.root.getBoundingClientRect(); // the board itself may have moved on the page
    const moves = [];
    for (const span of spans.slice(first, first + MOST_SLIDING)) {
      const from = places.get(span);
      if (!from && known.has(span)) continue;
      if (!from) {
        moves.push([span, { transform: "scaleX(.2)", opacity: 0 }]);
        continue;
      }
      const to = span.getBoundingClientRect();
      const x = from.left - root.left - (to.left - now.left);
      const y = from.top - root.top - (to.top - now.top);
      if (Math.abs(x) + Math.abs(y) >= 1) moves.push([span, { transform: `translate(${x}px, ${y}px)` }]);
    }
    // All are measured before the first one moves: each change would cost a layout.
    const end = { transform: "none", opacity: 1 };
    this.running = moves.map(([span, from]) => span.animate([from, end], SLIDE));
  }

  /** End what slides: cells are where they stand. */
  stop() {
    for (const each of this.running) each.cancel();
    this.running = [];
  }
}
