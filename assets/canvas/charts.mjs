// The charts under the canvas: masks left against NFE (sequences evaluated), and confidence by position and
// step.

import { make } from "./dom.mjs";
import { cividis, leftWord } from "./text.mjs";

const SVG = "http://www.w3.org/2000/svg";
const BOX = { left: 30, right: 292, top: 8, bottom: 92, width: 300, height: 112 };
const MOST_POINTS = 300;
const UNASKED = "rgb(128 128 128 / 40%)"; // filled without asking the network

function svg(tag, attributes, text = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

/** Points of the curve up to frame i, at most about 300: [[nfe, masks], …]. */
export function curve(frames, i) {
  const stride = Math.max(1, Math.ceil((i + 1) / MOST_POINTS));
  const points = [];
  for (let j = 0; j < i; j += stride) points.push([frames[j].nfe, frames[j].masks]);
  if (i >= 0) points.push([frames[i].nfe, frames[i].masks]);
  return points;
}

/** The last frame that cost at most so many sequences. */
export function frameAtCost(frames, nfe) {
  let [low, high] = [0, frames.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (frames[middle].nfe <= nfe) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The last frame at or before a step. */
export function frameAtStep(frames, step) {
  return Math.max(0, frames.findLastIndex((frame) => frame.step <= step));
}

export class MasksChart {
  /** onSeek(frame): a place of the curve was clicked. */
  constructor(root, onSeek) {
    const { left, right, top, bottom, width, height } = BOX;
    this.picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
    const axis = `M${left} ${top}V${bottom}H${right}`;
    this.most = svg("text", { x: left - 5, y: top + 7, "text-anchor": "end" });
    this.nfe = svg("text", { x: right, y: height - 5, "text-anchor": "end" });
    this.line = svg("path", { class: "line" });
    this.dot = svg("circle", { r: 4, class: "dot" });
    this.picture.append(
      svg("path", { d: axis, class: "axis" }),
      this.most,
      svg("text", { x: left - 5, y: bottom + 2, "text-anchor": "end" }, "0"),
      svg("text", { x: left, y: height - 5 }, "0"),
      this.nfe,
      this.line,
      this.dot,
    );
    root.replaceChildren(this.picture);
    this.picture.addEventListener("click", (event) => this.seek(event, onSeek));
    this.draw(null, -1);
  }

  seek(event, onSeek) {
    if (!this.frames.length) return;
    const box = this.picture.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * BOX.width;
    const share = Math.max(0, Math.min(1, (across - BOX.left) / (BOX.right - BOX.left)));
    onSeek(frameAtCost(this.frames, Math.round(share * this.wide)));
  }

  /** The curve up to frame i; the axes hold the whole run, so far as it is known. */
  draw(timeline, i) {
    const frames = timeline?.frames ?? [];
    const points = curve(frames, i);
    this.frames = frames;
    this.picture.classList.toggle("seeks", frames.length > 0);
    this.line.toggleAttribute("hidden", points.length === 0);
    this.dot.toggleAttribute("hidden", points.length === 0);
    if (points.length === 0) {
      this.picture.setAttribute("aria-label", "Masks left by sequences evaluated: no run yet");
      this.nfe.textContent = "NFE";
      return;
    }
    const { left, right, top, bottom } = BOX;
    const wide = Math.max(timeline.meta.steps ?? 0, frames.at(-1).nfe, 1);
    this.wide = wide;
    const high = Math.max(timeline.meta.gen_length, timeline.most, 1);
    const x = (nfe) => (left + ((right - left) * nfe) / wide).toFixed(1);
    const y = (masks) => (bottom - ((bottom - top) * masks) / high).toFixed(1);
    this.line.setAttribute("d", "M" + points.map(([nfe, masks]) => `${x(nfe)} ${y(masks)}`).join("L"));
    const [nfe, masks] = points.at(-1);
    this.dot.setAttribute("cx", x(nfe));
    this.dot.setAttribute("cy", y(masks));
    this.most.textContent = String(high);
    this.nfe.textContent = `${wide} NFE`;
    this.picture.setAttribute("aria-label", `${masks} of ${high} ${leftWord(timeline.meta)} after ${nfe} sequences`);
  }
}

/** Rectangles of the heatmap up to a step: [id, from step, to step, confidence]. */
export function rectangles(spans, now) {
  return spans
    .filter(([, from]) => from <= now)
    .map(([id, from, to, conf]) => [id, from, Math.min(to, now + 1), conf])
    .filter(([, from, to]) => to > from);
}

export class HeatMap {
  /** onSeek(frame), onChoose(id): a step and a cell were clicked. */
  constructor(root, onSeek, onChoose) {
    this.canvas = make("canvas", "", "", { role: "img" });
    this.canvas.addEventListener("click", (event) => {
      const place = this.placeAt(event, this.canvas.getBoundingClientRect());
      if (!place) return;
      onSeek(place.frame);
      onChoose(place.id);
    });
    const scale = make("div", "scale");
    scale.append(make("span", "", "position →"), make("span", "ramp"), make("span", "", "step ↓"));
    root.replaceChildren(this.canvas, scale);
    this.size = [0, 0]; // CSS px; measuring it for every picture would cost a layout of the page
    new ResizeObserver(([{ contentRect }]) => {
      this.size = [contentRect.width, contentRect.height];
    }).observe(this.canvas);
    this.draw(null, -1);
  }

  /** The frame and the cell at a point of the picture; null before a run. */
  placeAt({ clientX, clientY }, { left, top, width, height }) {
    const { timeline } = this;
    if (!timeline?.length || !timeline.columns.count) return null;
    const part = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    const step = part((clientY - top) / height, this.steps);
    const column = part((clientX - left) / width, timeline.columns.count);
    return { frame: frameAtStep(timeline.frames, step), id: timeline.columns.order[column] };
  }

  /** Every committed token from its step down to the step of frame i. Every cell that ever stood has its column,
   * so that what came and went is seen beside what stayed. */
  draw(timeline, i) {
    const canvas = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.size[0] * ratio));
    const height = Math.max(1, Math.round(this.size[1] * ratio));
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    const label = "Confidence by position and step";
    canvas.setAttribute("aria-label", timeline ? label : `${label}: no run yet`);
    canvas.classList.toggle("seeks", Boolean(timeline?.length));
    this.timeline = timeline;
    if (!timeline || i < 0) return;
    const now = timeline.frames[i].step;
    const { columns } = timeline;
    const wide = width / Math.max(columns.count, 1);
    this.steps = Math.max(timeline.meta.steps ?? 0, timeline.frames.at(-1).step) + 1;
    const high = height / this.steps;
    const gap = wide > 4 * ratio ? ratio : 0;
    for (const [id, from, to, conf] of rectangles(timeline.spans, now)) {
      pen.fillStyle = conf == null ? UNASKED : cividis(conf);
      const top = Math.floor(from * high);
      const size = Math.max(1, Math.ceil(to * high) - top);
      pen.fillRect(columns.of(id) * wide, top, Math.max(wide - gap, 1), size);
    }
  }
}
