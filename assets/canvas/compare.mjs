// The Compare tab: a board for each sampler, one slider for all, and where the samplers first differ.

import { make, reveal, set } from "./dom.mjs";
import { HELP, command } from "./keys.mjs";
import { Lane } from "./lane.mjs";
import { differing, divergence, frameAt, lastTick, clock, statesAt } from "./lockstep.mjs";
import { Player, SPEEDS } from "./player.mjs";
import { Legend } from "./readout.mjs";
import { glyph } from "./text.mjs";
import { isMask } from "./timeline.mjs";

class Compare {
  constructor(element, server) {
    this.server = server;
    this.parts = {};
    for (const part of element.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
    this.root = element.querySelector(".lz");
    this.player = new Player();
    this.legend = new Legend(this.parts.key);
    this.lanes = [];
    this.run = null;
    this.number = 0;
    for (const speed of SPEEDS) this.parts.speed.append(make("option", "", `${speed}×`, { value: speed }));
    this.parts.speed.value = "1";
    for (const [keys, text] of HELP) this.parts.help.append(make("dt", "", keys), make("dd", "", text));
    this.controls();
  }

  // ---- frames in ---------------------------------------------------------------------------

  /** {run, number, measure, lanes: JSON of a list of frames for each lane, notice}. */
  receive(message) {
    if (!message?.run || message.number < this.number) return; // late frames of one that was replaced
    const fresh = JSON.parse(message.lanes);
    if (message.run !== this.run) this.begin(message, fresh.length);
    fresh.forEach((frames, i) => this.take(i, frames));
    if (message.notice) this.say("", message.notice);
    this.schedule();
  }

  begin(message, count) {
    const { run, number, measure } = message;
    Object.assign(this, { run, number, measure, split: undefined });
    this.player = Object.assign(new Player(), { speed: this.player.speed });
    this.lanes = Array.from({ length: count }, (_, i) => new Lane(i, message.run));
    this.parts.lanes.replaceChildren(...this.lanes.map((lane) => lane.element));
    this.parts.lanes.dataset.count = count;
    this.parts.empty.hidden = true;
    this.parts.split.hidden = true;
    reveal(this.root);
    for (const part of ["first", "play", "last", "range"]) this.parts[part].disabled = false;
  }

  take(i, frames) {
    const lane = this.lanes[i];
    for (const frame of frames) lane.push(frame);
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
      if (this.player.playing) this.schedule();
    });
  }

  paint() {
    const { measure, player } = this;
    const timelines = this.lanes.map((lane) => lane.timeline);
    const different = new Set(differing(statesAt(timelines, player.index, measure)));
    const moving = player.playing || (player.live && !player.ended);
    for (const lane of this.lanes) {
      lane.paint(frameAt(lane.timeline, player.index, measure), different, moving);
    }
    const marks = new Set(timelines.flatMap((line) => [...line.marks]));
    this.legend.draw(marks, this.lanes.some((lane) => lane.board.marked));
    if (player.ended && this.split === undefined) this.mark(divergence(timelines, measure));
    this.metrics(player.ended);
    this.transport();
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
    const words = split.words.map((cell) => (cell && !isMask(cell.mark) ? `“${glyph(cell.text).shown}”` : "a mask"));
    const at = clock(split.place, measure);
    parts.split.setAttribute("aria-label", `Go to the first difference, at ${at}`);
    this.say("First difference", `in cell ${split.pos}, at ${at}: ${words.join(", ")}.`);
  }

  say(lead, rest) {
    set(this.parts.lead, lead);
    set(this.parts.rest, rest);
    this.parts.say.hidden = false;
  }

  metrics(ended) {
    this.parts.metrics.hidden = !ended;
    if (ended) this.parts.rows.replaceChildren(...this.lanes.map((lane) => lane.metrics()));
  }

  transport() {
    const { player, parts, measure } = this;
    parts.range.max = Math.max(player.last, 0);
    parts.range.value = player.index;
    const live = player.live && !player.ended;
    const text = clock(player.index, measure);
    set(parts.frame, live ? `${text} · live` : `${text} of ${clock(player.last, measure)}`);
    parts.range.setAttribute("aria-valuetext", text);
    const moving = player.playing || live;
    parts.play.classList.toggle("on", moving);
    parts.play.setAttribute("aria-label", moving ? "Pause" : "Play");
    this.root.dataset.state = player.ended ? "ended" : "running";
  }

  // ---- controls ----------------------------------------------------------------------------

  controls() {
    const { parts } = this;
    parts.first.addEventListener("click", () => this.act("frame-to", 0));
    parts.last.addEventListener("click", () => this.act("frame-to", Infinity));
    parts.play.addEventListener("click", () => this.act("play", 0));
    parts.keys.addEventListener("click", () => this.act("help", 0));
    parts.split.addEventListener("click", () => this.act("frame-to", this.split.place));
    parts.range.addEventListener("input", () => this.act("frame-to", Number(parts.range.value)));
    parts.speed.addEventListener("change", () => {
      this.player.speed = Number(parts.speed.value);
    });
    parts.transport.addEventListener("keydown", (event) => {
      const native = event.target === parts.speed || (event.target.matches("button") && event.key === " ");
      const pressed = native ? null : command(event, false);
      if (!pressed) return;
      event.preventDefault();
      this.act(...pressed);
    });
  }

  act(what, value) {
    const { player, parts } = this;
    if (what === "help") {
      parts.help.hidden = !parts.help.hidden;
      parts.keys.setAttribute("aria-expanded", String(!parts.help.hidden));
    }
    if (!this.run) return;
    if (what === "frame-one" || what === "frame-block") player.seek(player.index + value);
    if (what === "frame-to") player.seek(Math.min(value, player.last));
    if (what === "play") player.toggle();
    if (what === "speed") {
      player.faster(value);
      parts.speed.value = String(player.speed);
    }
    this.schedule();
  }
}

/** Called once by the page. props.value: the newest message. */
export function mountCompare({ element, props, server, watch }) {
  const compare = new Compare(element, server);
  const receive = () => compare.receive(props.value);
  watch("value", receive);
  receive();
  element.compare = compare; // for tests and for other scripts of this page
  return compare;
}
