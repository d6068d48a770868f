// The small moving pictures of kept runs: a square a cell, some moments of the run one after the other.

const MOMENT = 350; // ms
const END_STANDS = 5; // moments that the last one stands
const BETWEEN_SQUARES = 2; // px between squares
const MOST_SQUARE = 22;

/** How many columns show `cells` squares as large as they can be in a box. */
export function columnsFor(cells, width, height) {
  let best = { columns: 1, size: 0 };
  for (let columns = 1; columns <= cells; columns++) {
    const size = Math.min(width / columns, height / Math.ceil(cells / columns));
    if (size > best.size + 0.01) best = { columns, size };
  }
  return best;
}

/** Which moment stands at a time, of a picture that begins anew after its rest. */
export function momentAt(count, ticks) {
  return Math.min(count - 1, ticks % (count + END_STANDS));
}

function colours(canvas) {
  const style = getComputedStyle(canvas);
  const of = (name) => style.getPropertyValue(name).trim();
  return { open: of("--hatch"), decided: of("--accent"), fresh: of("--new"), back: of("--back-line") };
}

function square(context, mark, colour, x, y, side) {
  if (mark === "#" || mark === "*") {
    context.fillStyle = mark === "#" ? colour.decided : colour.fresh;
    context.fillRect(x, y, side, side);
    return;
  }
  const back = mark === "!";
  context.strokeStyle = back ? colour.back : colour.open;
  context.lineWidth = back ? 2 : 1;
  const inset = context.lineWidth / 2;
  context.setLineDash(back ? [3, 2] : []);
  context.strokeRect(x + inset, y + inset, side - 2 * inset, side - 2 * inset);
  context.setLineDash([]);
}

/** Draw one moment: "." undecided, "#" decided, "*" decided just now, "!" taken back just now. */
function draw(canvas, moment) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !moment) return;
  const scale = window.devicePixelRatio || 1;
  Object.assign(canvas, { width: width * scale, height: height * scale });
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const { columns, size } = columnsFor(moment.length, width, height);
  const step = Math.floor(Math.min(size, MOST_SQUARE));
  const rows = Math.ceil(moment.length / columns);
  const left = Math.floor((width - columns * step) / 2);
  const top = Math.floor((height - rows * step) / 2);
  const colour = colours(canvas);
  [...moment].forEach((mark, i) => {
    const [x, y] = [left + (i % columns) * step, top + Math.floor(i / columns) * step];
    square(context, mark, colour, x, y, step - BETWEEN_SQUARES);
  });
}

/** Moves all pictures that are in sight; where the reader prefers reduced motion each shows its end. */
export class Reel {
  constructor() {
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.pictures = new Map(); // canvas -> {moments, began, shown}
    this.seen = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const picture = this.pictures.get(target);
        if (picture) Object.assign(picture, { visible: isIntersecting, shown: "" });
      }
      this.turn();
    });
    this.ticks = 0;
    setInterval(() => {
      this.ticks += 1;
      this.turn();
    }, MOMENT);
  }

  add(canvas, moments) {
    this.pictures.set(canvas, { moments, began: this.ticks, visible: false, shown: "" });
    this.seen.observe(canvas);
  }

  clear() {
    for (const canvas of this.pictures.keys()) this.seen.unobserve(canvas);
    this.pictures.clear();
  }

  turn() {
    if (document.hidden) return;
    const theme = document.body.classList.contains("dark");
    for (const [canvas, picture] of this.pictures) {
      const { moments, began, visible } = picture;
      if (!visible || !moments.length) continue;
      const at = this.calm.matches ? moments.length - 1 : momentAt(moments.length, this.ticks - began);
      const now = `${at} ${theme} ${canvas.clientWidth}`;
      if (picture.shown === now) continue;
      picture.shown = now;
      draw(canvas, moments[at]);
    }
  }
}
