// The Compare tab: a board for each sampler, one slider for all, and where the samplers first differ.

import { drawBars } from "./bars.mjs";
import { download, reveal, set } from "./dom.mjs";
import { ExportDialog } from "./exporting.mjs";
import { Lane } from "./lane.mjs";
import { clock, differences, divergence, frameAt, lastTick, overAt, statesAt } from "./lockstep.mjs";
import { Player } from "./player.mjs";
import { Legend } from "./readout.mjs";
import { glyph } from "./text.mjs";
import { isMask, isOpen } from "./timeline.mjs";
import { Transport, keptPace } from "./transport.mjs";
import { Views } from "./views.mjs";

/** The boards of all lanes as one, for the switch of their view. */
class Boards {
  constructor() {
    Object.assign(this, { boards: [], view: "", meta: null });
  }

  begin(boards) {
    Object.assign(this, { boards, meta: null });
    this.setView(this.view);
  }

  setView(view) {
    this.view = view;
    for (const board of this.boards) board.setView(view);
  }
}

/** What one sampler has where samplers differ. */
function wordOf(cell) {
  if (!cell) return "no such cell";
  if (isOpen(cell.mark)) return isMask(cell.mark) ? "still a mask" : "still noise";
  return `“${glyph(cell.text).shown}”`;
}

class Compare {
  /** tell: {open(number of a lane), evaluate()}, for the page; null: it stands alone; exports: whether it can be
   * exported; keeps: whether a lane's run can be kept. */
  constructor(element, server, tell, { exports, keeps }) {
    Object.assign(this, { server, tell, exports, keeps });
    this.parts = {};
    for (const part of element.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
    this.root = element.querySelector(".lz");
    this.player = new Player();
    this.legend = new Legend(this.parts.key);
    this.lanes = [];
    this.run = null;
    this.number = 0;
    this.boards = new Boards();
    this.views = new Views(this.parts.views, this.boards, () => this.schedule());
    this.transport = new Transport(this.root, this.parts, (what, value) => this.act(what, value));
    this.parts.split.addEventListener("click", () => this.act("frame-to", this.split.place));
    this.parts.evaluate.addEventListener("click", () => tell?.evaluate());
    this.parts.export.addEventListener("click", () => this.export());
  }

  // ---- frames in ---------------------------------------------------------------------------

  /** {run, number, measure, lanes: JSON of a list of frames for each lane, names: JSON, again, notice}. */
  receive(message) {
    if (!message?.run || message.number < this.number) return; // late frames of one that was replaced
    const fresh = JSON.parse(message.lanes);
    if (message.run !== this.run) this.begin(message, fresh.length);
    fresh.forEach((frames, i) => this.take(i, frames));
    const notice = message.notice || (this.noticed && "All in step: the one that has spent least goes next.");
    if (notice) this.say("", notice);
    this.noticed = Boolean(message.notice);
    this.schedule();
  }

  begin(message, count) {
    const { run, number, measure } = message;
    const [names, copies] = [message.names, message.copies].map((text) => JSON.parse(text || "[]"));
    Object.assign(this, { run, number, measure, split: undefined, did: undefined });
    this.player = new Player(keptPace());
    this.lanes = Array.from({ length: count }, (_, i) => new Lane(i, message.run, names[i], this.actsOf(copies[i])));
    this.parts.lanes.replaceChildren(...this.lanes.map((lane) => lane.element));
    this.parts.lanes.dataset.count = count;
    this.boards.begin(this.lanes.map((lane) => lane.board));
    this.views.show(null);
    this.parts.empty.hidden = true;
    this.parts.split.hidden = true;
    for (const part of ["evaluate", "evaluate-about"]) this.parts[part].hidden = !message.again || !this.tell;
    this.parts.export.hidden = !this.exports;
    reveal(this.root);
    this.transport.enable(true);
  }

  /** What the buttons of a lane do. copies: whether it can be copied as code. */
  actsOf(copies) {
    const { open } = this.tell ?? {};
    const keep = this.keeps ? (lane, key) => this.server.keep({ run: this.run, lane, key }) : null;
    const copy = copies && ((lane, kind) => this.server.copied([this.run, lane, kind]));
    return { open, copy, save: this.server.trace && ((i) => this.save(i)), keep };
  }

  async save(i) {
    const file = await this.server.trace([this.run, i]).catch(() => null);
    if (file?.text || file?.base64) download(file);
    else this.say("Not saved.", file?.error ?? "The server no longer has this run.");
  }

  export() {
    const frames = this.lanes.map((lane) => Math.max(lane.painted.index, 0));
    const lasts = this.lanes.map((lane) => lane.timeline.length - 1);
    new ExportDialog(this.server, { id: this.run, several: true, frames, lasts }, this.parts.export);
  }

  take(i, frames) {
    const lane = this.lanes[i];
    for (const frame of frames) lane.push(frame);
    if (frames[0]?.meta?.square) this.views.show((this.boards.meta = frames[0].meta));
    lane.sent = Math.max(lane.sent, (frames.at(-1)?.seq ?? -1) + 1);
    if (lane.timeline.length < lane.sent) this.fetch(i);
    const all = this.lanes.map((each) => each.timeline);
    this.player.grow(lastTick(all, this.measure) + 1, all.every((line) => line.ended));
  }

  /** Fetch the frames that were lost on their way. */
  async fetch(i) {
    const { run } = this;
    const lane = this.lanes[i];
    if (lane.fetching) return;
    lane.fetching = true;
    let frames = [];
    try {
      frames = (await this.server.frames([run, i, lane.timeline.length])) ?? [];
    } catch {
      // the next message asks again
    }
    lane.fetching = false;
    if (run !== this.run || frames.length === 0) return;
    this.take(i, frames);
    this.schedule();
  }

  // ---- drawing -----------------------------------------------------------------------------

  schedule() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      this.player.tick(now);
      if (this.run && this.player.index >= 0) this.paint();
      if (this.player.playing || this.player.behind) this.schedule();
    });
  }

  paint() {
    const { measure, player } = this;
    const timelines = this.lanes.map((lane) => lane.timeline);
    const over = overAt(timelines, player.index, measure);
    const different = differences(statesAt(timelines, player.index, measure), over);
    this.lanes.forEach((lane, i) => {
      lane.paint(frameAt(lane.timeline, player.index, measure), new Set(different[i]), player.moving);
    });
    const boards = this.lanes.flatMap((lane) => [...(lane.board.arranged?.marks ?? [])]);
    const marks = new Set([...timelines.flatMap((line) => [...line.marks]), ...boards]);
    this.legend.draw(marks, this.lanes.some((lane) => lane.board.marked));
    const shown = player.ended && !player.behind;
    if (shown && this.split === undefined) this.mark(divergence(timelines, measure));
    this.metrics(shown);
    const place = clock(player.index, measure);
    this.transport.show(player, `${place} · live`, `${place} of ${clock(player.last, measure)}`, place);
  }

  /** Where the lanes first differ: in words, and on the slider. */
  mark(split) {
    this.split = split;
    const { parts, measure, player } = this;
    parts.split.hidden = !split;
    const whole = this.lanes.every((lane) => lane.timeline.frames.at(-1).masks === 0);
    if (!split && !whole) return this.say("No difference", "in the cells that were decided.");
    if (!split) return this.say("The same.", "All samplers wrote the same words in every cell.");
    parts.split.style.left = `${(100 * split.place) / Math.max(player.last, 1)}%`;
    const words = split.words.map((cell, i) => `${this.lanes[i].given}: ${wordOf(cell)}`);
    const at = clock(split.place, measure);
    parts.split.setAttribute("aria-label", `Go to the first difference, at ${at}`);
    const named = split.at.map((pos, i) => (pos === null ? "" : `${pos} of ${this.lanes[i].given}`)).filter(Boolean);
    const cell = split.at.every((pos) => pos === split.pos) ? String(split.pos) : named.join(", ");
    this.say("First difference", `in cell ${cell}, at ${at}. ${words.join("; ")}.`);
  }

  say(lead, rest) {
    set(this.parts.lead, lead);
    set(this.parts.rest, rest);
    this.parts.say.hidden = false;
  }

  /** The table of numbers, once all runs have ended and the server has said what they did. */
  metrics(ended) {
    const { parts, lanes } = this;
    parts.metrics.hidden = !ended;
    if (!ended) return;
    if (this.did === undefined) this.ask();
    const runs = lanes.map((lane, i) => lane.numbersOf(this.did?.[i] ?? {}));
    drawBars(parts.numbers, lanes.map((lane) => lane.given), lanes.map((lane) => lane.verdict), runs);
  }

  async ask() {
    const { run } = this;
    this.did = [];
    const did = await this.server.measures?.(run).catch(() => []);
    if (run !== this.run) return;
    this.did = did ?? [];
    this.schedule();
  }

  // ---- controls ----------------------------------------------------------------------------

  act(what, value) {
    if (!this.run && what !== "help" && what !== "speed-to") return;
    const block = what === "frame-block"; // lanes have no block in common
    this.transport.does(this.player, block ? "frame-one" : what, value);
    this.schedule();
  }
}

/** Called once by the page. props.value: the newest message. */
export function mountCompare({ element, props, server, watch, trigger, exports = false, keeps = false }) {
  const tell = trigger && { open: (lane) => trigger("select", { lane }), evaluate: () => trigger("submit") };
  const compare = new Compare(element, server, tell, { exports, keeps });
  const receive = () => compare.receive(props.value);
  watch("value", receive);
  receive();
  element.compare = compare; // for tests and for other scripts of this page
  return compare;
}
