// The token canvas: takes the frames of a run from the server and draws everything that is seen of it: the
// cells, the sentence above them, the slider, the charts and the details of a cell.

import { Board } from "./board.mjs";
import { download, make, reveal, set } from "./dom.mjs";
import { HeatMap, MasksChart } from "./charts.mjs";
import { Inspector } from "./inspector.mjs";
import { HELP, command } from "./keys.mjs";
import { Player, SPEEDS } from "./player.mjs";
import { Legend, Voice, answerText, rate, showVerdict } from "./readout.mjs";
import { Timeline } from "./timeline.mjs";

const CHARTS_EVERY = 125; // ms between redraws of the small pictures
const CALM_EVERY = 250; // ms between frames when the reader prefers reduced motion
const MOST_RETRIES = 5;

class TokenCanvas {
  /** again: asks the page for the same run with more cells; null where it cannot. */
  constructor(element, server, again) {
    Object.assign(this, { server, again });
    this.parts = {};
    for (const part of element.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
    this.root = element.querySelector(".lz");
    this.timeline = null;
    this.number = 0; // of the newest run that was heard of
    this.player = new Player();
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.painted = { index: -1, since: 0, at: 0, charts: 0 };
    this.failures = 0;
    this.fetches = 0;
    const choose = (pos) => this.board.choose(pos);
    this.board = new Board(this.parts.board, () => this.schedule(true));
    this.curve = new MasksChart(this.parts.curve);
    this.heat = new HeatMap(this.parts.heat);
    this.inspector = new Inspector(this.parts.title, this.parts.note, this.parts.body, choose);
    this.ghost();
    this.controls();
    this.voice = new Voice(this.parts.hear);
    this.legend = new Legend(this.parts.key);
    new ResizeObserver(() => this.schedule(true)).observe(this.parts.heat);
  }

  // ---- frames in -------------------------------------------------------------------------

  /** A message from the server: {run, number, frames, last, notice}; frames is a JSON text. Those before it
   * may be lost. */
  receive(message) {
    if (!message?.run || message.number < this.number) return; // late frames of a run that was replaced
    const { run, notice } = message;
    const frames = JSON.parse(message.frames);
    this.number = message.number;
    if (run !== this.timeline?.run) {
      if (notice) {
        this.say(["", notice, ""]);
        this.outcome({});
      }
      if (!frames.length) return;
      this.begin(run);
    }
    this.take(frames);
    this.want(message.last ?? -1);
  }

  begin(run) {
    this.timeline = new Timeline(run);
    this.player = Object.assign(new Player(), { speed: this.player.speed });
    this.painted.index = -1;
    this.wanted = -1;
    this.failures = 0;
    this.root.classList.remove("ghost");
    this.parts.board.inert = false;
    this.parts.empty.hidden = true;
    for (const part of ["first", "play", "last", "range", "save"]) this.parts[part].disabled = false;
    reveal(this.root);
  }

  take(frames) {
    for (const frame of frames) {
      const pushed = this.timeline.push(frame);
      if (pushed === "gap") return this.want(frames.at(-1).seq);
      if (pushed === "new" && frame.kind === "start") this.start(frame.meta);
    }
    this.player.grow(this.timeline.length, this.timeline.ended);
    this.schedule(false);
  }

  /** Fetch frames up to `seq`: some were lost on their way, or were too many for one message. */
  async want(seq) {
    this.wanted = Math.max(this.wanted, seq);
    const { timeline } = this;
    if (this.fetching || timeline.length > this.wanted || this.failures > MOST_RETRIES) return;
    this.fetching = true;
    this.fetches += 1;
    let frames = [];
    try {
      frames = (await this.server.frames([timeline.run, timeline.length])) ?? [];
    } catch {
      // counted below
    }
    this.fetching = false;
    this.failures = frames.length ? 0 : this.failures + 1;
    if (timeline !== this.timeline) return;
    this.take(frames);
    this.want(-1);
  }

  start(meta) {
    this.board.build(meta);
    this.parts.prompt.textContent = meta.prompt;
    const which = meta.rows > 1 ? `row 1 of ${meta.rows}` : "";
    this.parts.source.textContent = [meta.sampler, meta.model, which, meta.approximate && `approximate: ${meta.approximate}`].filter(Boolean).join(" · ");
    const settings = Object.entries(meta.settings).map(([name, value]) => `${name} ${value}`);
    this.parts.source.title = settings.join(", ");
  }

  // ---- drawing ---------------------------------------------------------------------------

  /** Draw at the next animation frame. charts: draw the charts then, too, even if they were drawn just now. */
  schedule(charts) {
    if (charts) this.painted.charts = 0;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      this.tick(now);
    });
  }

  tick(now) {
    this.player.tick(now);
    const moving = this.player.playing || (this.player.live && !this.player.ended);
    const soon = moving && this.calm.matches && now - this.painted.at < CALM_EVERY;
    if (!soon && this.timeline && this.player.index >= 0) this.paint(now, moving);
    if (this.player.playing || soon) this.schedule(false);
  }

  paint(now, moving) {
    const { index } = this.player;
    const { timeline, painted } = this;
    const state = timeline.stateAt(index);
    const forward = moving && painted.index >= 0 && index > painted.index;
    const since = index === painted.index ? painted.since : forward ? painted.index + 1 : index;
    this.board.paint(state, index, since);
    Object.assign(painted, { index, since, at: now });
    const frame = timeline.frames[index];
    this.numbers(frame);
    this.say(frame.say);
    this.outcome(frame);
    this.transport();
    this.voice.announce(frame, now);
    if (this.parts.texts.open) this.parts.answer.textContent = answerText(state.cells);
    if (moving && painted.charts !== 0 && now - painted.charts < CHARTS_EVERY) {
      clearTimeout(this.later); // the last one is drawn, too
      this.later = setTimeout(() => this.schedule(true), CHARTS_EVERY);
      return;
    }
    painted.charts = now;
    this.curve.draw(timeline, index);
    this.heat.draw(timeline, index);
    this.inspector.draw(timeline, state, index, this.board.chosen);
    this.legend.draw(timeline.marks, Boolean(frame.verdict?.cells));
  }

  numbers(frame) {
    const { parts } = this;
    const { meta, frames } = this.timeline;
    // Windows that are opened again take more steps than the answer was planned to.
    const planned = meta.steps && frame.step <= meta.steps;
    set(parts.step, planned ? `${frame.step} / ${meta.steps}` : String(frame.step));
    set(parts.nfe, String(frame.nfe));
    set(parts.masks, String(frame.masks));
    set(parts.rate, rate(frames[0], frame));
    set(parts.calls, String(frame.calls));
    parts["calls-box"].hidden = frames.at(-1).calls === 0;
  }

  say([lead, rest, tone]) {
    set(this.parts.lead, lead);
    set(this.parts.rest, rest);
    this.parts.say.dataset.tone = tone;
    this.parts.say.hidden = false;
  }

  /** Whether a finished answer is right, with its first wrong line marked; or, where the answer was cut off,
   * the button that tries again with more cells. */
  outcome({ verdict, again }) {
    const { parts } = this;
    parts.verdict.hidden = !verdict;
    showVerdict(parts.verdict, verdict);
    this.board.mark(verdict?.cells ?? null);
    parts.again.hidden = !again || !this.again;
    if (again) set(parts.again, `Try ${again}`);
  }

  transport() {
    const { player, parts } = this;
    const last = Math.max(player.last, 0);
    if (Number(parts.range.max) !== last) parts.range.max = last;
    if (Number(parts.range.value) !== player.index) parts.range.value = player.index;
    const live = player.live && !player.ended;
    const text = `frame ${player.index} of ${last}`;
    set(parts.frame, live ? `frame ${player.index} · live` : text);
    const frame = this.timeline.frames[player.index];
    parts.range.setAttribute("aria-valuetext", `${text}, step ${frame.step}, ${frame.masks} masks left`);
    const moving = player.playing || live;
    parts.play.classList.toggle("on", moving);
    parts.play.setAttribute("aria-label", moving ? "Pause" : "Play");
    this.root.dataset.state = player.ended ? "ended" : "running";
  }

  /** What is shown before the first run: an empty board, not to be used. */
  ghost() {
    this.root.classList.add("ghost");
    this.parts.board.inert = true;
    this.board.build({ gen_length: 64, block_length: 16 });
    for (const part of ["first", "play", "last", "range", "save"]) this.parts[part].disabled = true;
  }

  // ---- controls --------------------------------------------------------------------------

  controls() {
    const { parts } = this;
    for (const speed of SPEEDS) parts.speed.append(make("option", "", `${speed}×`, { value: speed }));
    parts.speed.value = "1";
    for (const [keys, text] of HELP) parts.help.append(make("dt", "", keys), make("dd", "", text));
    parts.again.addEventListener("click", () => this.again());
    parts.first.addEventListener("click", () => this.act("frame-to", 0));
    parts.last.addEventListener("click", () => this.act("frame-to", Infinity));
    parts.play.addEventListener("click", () => this.act("play", 0));
    parts.keys.addEventListener("click", () => this.act("help", 0));
    parts.range.addEventListener("input", () => this.act("frame-to", Number(parts.range.value)));
    parts.speed.addEventListener("change", () => {
      this.player.speed = Number(parts.speed.value);
    });
    parts.save.addEventListener("click", () => this.save());
    parts.texts.addEventListener("toggle", () => this.schedule(false));
    parts.board.addEventListener("keydown", (event) => this.key(event, true));
    parts.transport.addEventListener("keydown", (event) => {
      const native = event.target === parts.speed || (event.target.matches("button") && event.key === " ");
      if (!native) this.key(event, false);
    });
  }

  key(event, onCells) {
    const pressed = command(event, onCells);
    if (!pressed) return;
    event.preventDefault();
    this.act(...pressed);
  }

  act(what, value) {
    const { player, board, parts } = this;
    if (what === "help") {
      parts.help.hidden = !parts.help.hidden;
      parts.keys.setAttribute("aria-expanded", String(!parts.help.hidden));
    }
    if (!this.timeline) return;
    if (what === "cell-one") board.move(board.tab + value);
    if (what === "cell-block") board.move((Math.floor(board.tab / board.size) + value) * board.size);
    if (what === "cell-to") board.move(value);
    if (what === "choose") board.choose(board.tab);
    if (what === "frame-one") player.seek(player.index + value);
    if (what === "frame-block") player.seek(this.timeline.blockEdge(player.index, value));
    if (what === "frame-to") player.seek(Math.min(value, player.last));
    if (what === "play") player.toggle();
    if (what === "speed") {
      player.faster(value);
      parts.speed.value = String(player.speed);
    }
    this.schedule(true);
  }

  /** Save the run as a trace file. */
  async save() {
    const { parts, timeline } = this;
    const file = await this.server.trace(timeline.run).catch(() => null);
    if (!file || file.error) {
      const why = file?.error ?? "The server no longer has this run; run it again to save it.";
      this.say(["Not saved.", why, "back"]);
      return;
    }
    download(file);
    parts.save.focus();
  }
}

/** Called once by the page for each canvas. props.value: the newest message; again: see TokenCanvas. */
export function mount({ element, props, server, watch, again }) {
  const canvas = new TokenCanvas(element, server, again);
  const receive = () => canvas.receive(props.value);
  watch("value", receive);
  receive();
  element.tokenCanvas = canvas; // for tests and for other scripts of this page
  return canvas;
}
