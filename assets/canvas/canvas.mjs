// The token canvas: takes the frames of a run from the server and draws everything that is seen of it: the
// cells, the sentence above them, the slider, the charts and the details of a cell.

import { Asking } from "./asking.mjs";
import { Board, FAR } from "./board.mjs";
import { HeatMap, MasksChart } from "./charts.mjs";
import { download, reveal } from "./dom.mjs";
import { Form } from "./form.mjs";
import { Help } from "./help.mjs";
import { LeastSure } from "./least.mjs";
import { clearNumbers, placeOf, showNumbers, showOutcome, showSentence, showSource } from "./numbers.mjs";
import { LastRun, openingPlayer, plays } from "./opening.mjs";
import { PanelMenu } from "./panels.mjs";
import { Player } from "./player.mjs";
import { Legend, Voice, answerText } from "./readout.mjs";
import { RunMenu } from "./runmenu.mjs";
import { Stage, listenAnywhere } from "./stage.mjs";
import { Timeline } from "./timeline.mjs";
import { Tip } from "./tip.mjs";
import { Transport, keptPace } from "./transport.mjs";
import { Views } from "./views.mjs";

const CHARTS_EVERY = 125; // ms between redraws of the small pictures
const CALM_EVERY = 250; // ms between frames when the reader prefers reduced motion
const MOST_RETRIES = 5;
const EMPTY = { gen_length: 64, block_length: 16 }; // sizes of a board that no form gives any
const CONTROLS = ["first", "play", "last", "range", "save"];

class TokenCanvas {
  /** again: asks the page for the same run with more cells; tell(event, data): tells the page how to go on
   * from a frame; panels: asks it to draw the panels that are open; null where it cannot. */
  constructor(element, server, again, tell, panels) {
    Object.assign(this, { server, again });
    this.parts = {};
    for (const part of element.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
    this.root = element.querySelector(".lz");
    this.timeline = null;
    this.opened = false; // whether the recorded run is shown that the page opens with
    this.number = 0; // of the newest run that was heard of
    this.player = new Player();
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.painted = { index: -1, since: 0, at: 0, charts: 0 };
    this.failures = 0;
    this.fetches = 0;
    this.last = new LastRun(this, tell);
    const choose = (id) => this.board.choose(id);
    this.board = new Board(this.parts.board, () => this.schedule(true));
    const goTo = (frame) => this.act("frame-to", frame);
    this.curve = new MasksChart(this.parts.curve, goTo);
    this.heat = new HeatMap(this.parts.heat, goTo, (id) => id !== this.board.chosen && choose(id));
    this.least = new LeastSure(this.parts.title, this.parts.note, this.parts.body, choose);
    this.asking = new Asking(this, tell);
    this.transport = new Transport(this.root, this.parts, (what, value) => this.act(what, value));
    this.voice = new Voice(this.parts.hear);
    this.legend = new Legend(this.parts.key);
    this.tip = new Tip(this);
    this.stage = new Stage(this.root, this.parts.present, () => this.schedule(true));
    this.views = new Views(this.parts.views, this.board, () => this.schedule(true));
    this.panelMenu = new PanelMenu(this.parts.pick, panels);
    this.ghost(EMPTY);
    this.controls();
    this.form = again ? new Form(this) : null;
    this.help = again ? new Help(this) : null;
    new ResizeObserver(() => this.schedule(true)).observe(this.parts.heat);
  }

  // ---- frames in -------------------------------------------------------------------------

  /** A message from the server: {run, number, frames, last, notice, ready}; frames is a JSON text. Those before
   * it may be lost. ready: its end is shown at once. */
  receive(message) {
    if (message?.opening) return this.last.enter(message);
    if (message?.aside) return this.asking.hear(message);
    if (!message?.run || message.number < this.number) return; // late frames of a run that was replaced
    const { run, notice } = message;
    const frames = JSON.parse(message.frames);
    this.number = message.number;
    if (run !== this.timeline?.run) {
      if (notice) {
        if (this.opened) this.ghost();
        showSentence(this.parts, ["", notice, ""]);
        this.outcome({});
      }
      if (!frames.length) return;
      this.begin(run);
      this.ready = Boolean(message.ready);
    }
    this.take(frames);
    this.want(message.last ?? -1);
  }

  /** An empty board of the form's sizes, and on it, where it plays, a recorded run. */
  open(message, playing = plays(window.location.search)) {
    this.first = message;
    this.ghost(message.opening);
    if (!message.run || !playing) return;
    this.begin(message.run, true);
    this.want(message.last);
  }

  begin(run, opened = false) {
    this.timeline = new Timeline(run);
    this.opened = opened;
    this.menu?.begin(run);
    this.player = opened ? openingPlayer(this.timeline) : new Player(keptPace());
    this.player.still = (index) => this.timeline.frames[index].still;
    this.transport.showPace(this.player.pace);
    this.root.classList.toggle("opened", opened);
    this.parts.intro.hidden = !opened;
    this.painted.index = -1;
    this.wanted = -1;
    this.failures = 0;
    this.root.classList.remove("ghost");
    this.parts.board.inert = false;
    this.parts.empty.hidden = true;
    this.parts.drafts.hidden = true;
    this.transport.enable(true, CONTROLS);
    if (opened || this.last.began(run)) return;
    reveal(this.root);
    if (document.activeElement === document.body) this.parts.range.focus({ preventScroll: true });
  }

  take(frames) {
    for (const frame of frames) {
      const pushed = this.timeline.push(frame);
      if (pushed === "gap") return this.want(frames.at(-1).seq);
      if (pushed === "new" && frame.kind === "start") this.start(frame.meta);
      if (this.asking.branching && frame.kind === "branch") this.player.skip(frame.seq - 1);
    }
    this.player.grow(this.timeline.length, this.timeline.ended);
    const still = (this.opened && this.calm.matches) || this.ready;
    if ((still || frames.at(-1)?.kind === "stop") && this.player.live) this.player.seek(this.player.last);
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
    this.views.show(meta);
    showSource(this.parts, meta);
    if (this.opened) this.panelMenu.draw();
    this.form?.begun(meta.question ?? "");
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
    const { moving } = this.player;
    const soon = moving && this.calm.matches && now - this.painted.at < CALM_EVERY;
    if (!soon && this.timeline && this.player.index >= 0) this.paint(now, moving);
    if (this.player.playing || this.player.behind || soon) this.schedule(false);
  }

  paint(now, moving) {
    const { index } = this.player;
    const { timeline, painted } = this;
    const state = timeline.stateAt(index);
    const forward = moving && painted.index >= 0 && index > painted.index;
    const since = index === painted.index ? painted.since : forward ? painted.index + 1 : index;
    const near = painted.index >= 0 && Math.abs(index - painted.index) <= FAR;
    this.board.paint(state, index, since, near && !this.calm.matches);
    Object.assign(painted, { index, since, at: now });
    const frame = timeline.frames[index];
    showNumbers(this.parts, timeline, frame);
    showSentence(this.parts, frame.say, frame.ops);
    this.outcome(frame);
    const { last } = this.player;
    const [place, spoken] = [`frame ${index}`, placeOf(timeline, index, last)];
    this.transport.show(this.player, `${place} · live`, `${place} of ${last}`, spoken, timeline.stills);
    this.tip.refresh();
    this.parts.drafts.hidden = !timeline.marks.has("draft");
    this.voice.announce(frame, timeline.meta, now);
    if (this.parts.texts.open) this.parts.answer.textContent = answerText(state.cells);
    if (moving && painted.charts !== 0 && now - painted.charts < CHARTS_EVERY) {
      clearTimeout(this.later); // the last one is drawn, too
      this.later = setTimeout(() => this.schedule(true), CHARTS_EVERY);
      return;
    }
    painted.charts = now;
    this.board.label(moving);
    this.drawCharts(index, state);
    const marks = new Set([...timeline.marks, ...this.board.arranged.marks]);
    this.legend.draw(marks, Boolean(frame.verdict?.cells));
  }

  /** Whether a finished answer is right, with its first wrong line marked. */
  outcome(frame) {
    showOutcome(this.parts, frame, this.again);
    this.board.mark(frame.verdict?.cells ?? null);
  }

  /** What is shown before the first run: an empty board, not to be used. */
  ghost(sizes = this.sizes) {
    const { parts } = this;
    Object.assign(this, { sizes, timeline: null, opened: false, player: new Player(keptPace()) });
    this.root.classList.remove("opened");
    this.root.classList.add("ghost");
    parts.board.inert = true;
    this.board.build(sizes);
    this.views.show(sizes);
    this.transport.enable(false, CONTROLS);
    parts.empty.hidden = false;
    for (const part of [parts.intro, parts.say, parts.asked, parts.stale]) part.hidden = true;
    clearNumbers(parts);
    this.drawCharts(-1);
  }

  drawCharts(index, state = null) {
    this.curve.draw(this.timeline, index);
    this.heat.draw(this.timeline, index);
    this.least.draw(this.timeline, state);
    this.asking.draw(this.timeline, state, index, this.board.chosen);
  }

  // ---- controls --------------------------------------------------------------------------

  controls() {
    const { parts } = this;
    parts.again.addEventListener("click", () => this.again());
    parts.save.addEventListener("click", () => this.save());
    parts.texts.addEventListener("toggle", () => this.schedule(false));
    parts.ghosts.addEventListener("change", () => {
      this.board.showGhosts(parts.ghosts.checked);
      this.schedule(true);
    });
    parts.board.addEventListener("keydown", (event) => this.transport.key(event, true));
    listenAnywhere(this.root, (event) => this.transport.key(event, false));
  }

  act(what, value) {
    const { player, board } = this;
    if (what === "stage") return this.stage.toggle();
    if (!this.timeline && what !== "help" && what !== "speed-to") return;
    if (what === "cell-one") board.move(board.tab + value);
    else if (what === "cell-block") board.moveBlocks(value);
    else if (what === "cell-to") board.move(value);
    else if (what === "choose") board.choose(board.order[board.tab]);
    else if (what === "frame-block") player.seek(this.timeline.blockEdge(player.index, value));
    else this.transport.does(player, what, value);
    this.schedule(true);
  }

  /** Save the run as a trace file. */
  async save() {
    const { parts, timeline } = this;
    const file = await this.server.trace(timeline.run).catch(() => null);
    if (!file || file.error) {
      const why = file?.error ?? "The server no longer has this run; run it again to save it.";
      showSentence(parts, ["Not saved.", why, "back"]);
      return;
    }
    download(file);
    parts.save.focus();
  }
}

/** Called once by the page for each canvas. props.value: the newest message; again, tell, panels: see TokenCanvas;
 * keeps, exports: runs can be kept, and exported. */
export function mount({ element, props, server, watch, again, tell = null, panels = null, keeps, exports }) {
  const canvas = new TokenCanvas(element, server, again, tell, panels);
  canvas.menu = new RunMenu(canvas, keeps, exports);
  const receive = () => canvas.receive(props.value);
  watch("value", receive);
  receive();
  element.tokenCanvas = canvas; // for tests and for other scripts of this page
  return canvas;
}
