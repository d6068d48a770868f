// One sampler of a comparison: its timeline, its board and its numbers.

import { Board, FAR } from "./board.mjs";
import { CodeMenu } from "./codemenu.mjs";
import { make, set } from "./dom.mjs";
import { rate, showVerdict, verdictWord } from "./readout.mjs";
import { RunMenu } from "./runmenu.mjs";
import { specialIn } from "./text.mjs";
import { Timeline } from "./timeline.mjs";

const NUMBERS = ["NFE", "step", "masks left", "tok/s"];

export class Lane {
  /** name: "" for the sampler's own; acts: {open(number), save(number), keep(number, key), copy(number, kind)}, what its
   * buttons do; a button without is left out. */
  constructor(number, run, name, acts) {
    this.given = name;
    this.timeline = new Timeline(run);
    this.sent = 0; // frames that the server has sent, lost ones included
    this.painted = { index: -1, different: new Set() };
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.element = make("section", "lane card", "", { "aria-label": `Sampler ${number + 1}` });
    this.name = make("h3", "", name || `Sampler ${number + 1}`);
    const tools = make("div", "tools");
    const button = (text, act) => {
      if (!act) return null;
      const made = make("button", "", text, { type: "button" });
      made.addEventListener("click", () => act(number));
      return tools.appendChild(made);
    };
    button("Open in Visualize", acts.open);
    const save = button("Save trace", acts.save);
    const server = { keep: ({ key }) => acts.keep(number, key) };
    if (save && acts.keep) new RunMenu({ server, parts: { save } }, true, false).begin(run);
    if (acts.copy) tools.append(new CodeMenu((kind) => acts.copy(number, kind)).element);
    const head = make("div", "head");
    head.append(this.name, tools);
    this.source = make("p", "source");
    const stats = make("dl", "stats");
    this.names = [];
    this.numbers = NUMBERS.map((name) => {
      const box = make("div");
      const value = make("dd", "", "–");
      this.names.push(box.appendChild(make("dt", "", name)));
      box.append(value);
      stats.append(box);
      return value;
    });
    this.lead = make("b");
    this.outcome = make("b", "verdict");
    this.sentence = make("span");
    const say = make("p", "say");
    say.append(this.lead, " ", this.outcome, this.sentence);
    const board = make("div", "board mono", "", { role: "grid" });
    this.element.append(head, this.source, stats, say, board);
    this.board = new Board(board, () => {});
  }

  /** Whether the answer is right, in one word; "–" while it is not finished, or nobody can know. */
  get verdict() {
    return this.timeline.ended ? verdictWord(this.timeline.frames.at(-1)) : "–";
  }

  push(frame) {
    const pushed = this.timeline.push(frame);
    if (pushed === "new" && frame.kind === "start") this.start(frame.meta);
    return pushed;
  }

  start(meta) {
    this.board.build(meta);
    this.given ||= meta.sampler;
    set(this.name, this.given);
    set(this.names[2], meta.noise ? "noise left" : "masks left");
    const approximate = meta.approximate ? `approximate: ${meta.approximate}` : "";
    const blocks = meta.block_length < meta.gen_length ? `blocks of ${meta.block_length}` : "";
    const steps = meta.steps ? `${meta.steps} steps` : "";
    const sizes = [`${meta.gen_length} cells`, blocks, steps, approximate];
    this.source.title = meta.told;
    set(this.source, sizes.filter(Boolean).join(" · "));
  }

  /** Show frame `index`. different: positions at which the lanes have different words; moving: also cells
   * that were written since the frame that was shown before are marked as new. */
  paint(index, different, moving) {
    if (index < 0) return;
    const { timeline, painted } = this;
    const frame = timeline.frames[index];
    const forward = moving && index > painted.index && painted.index >= 0;
    const since = forward ? painted.index + 1 : index;
    const near = painted.index >= 0 && Math.abs(index - painted.index) <= FAR;
    this.board.paint(timeline.stateAt(index), index, since, near && !this.calm.matches);
    this.board.label(moving);
    for (const pos of painted.different) this.board.spans[pos]?.classList.remove("diff");
    for (const pos of different) this.board.spans[pos]?.classList.add("diff");
    Object.assign(painted, { index, different });
    const values = [frame.nfe, frame.step, frame.masks, rate(timeline.frames[0], frame)];
    values.forEach((value, i) => set(this.numbers[i], String(value)));
    set(this.lead, frame.say[0]);
    set(this.sentence, frame.say[1]);
    this.sentence.title = specialIn(frame.ops);
    showVerdict(this.outcome, frame.verdict);
    this.board.mark(frame.verdict?.cells ?? null);
  }

  /** How many cells frames of a kind changed. */
  count(kind) {
    const changed = {
      insert: (frame) => (frame.ins ?? []).flatMap(([, ids]) => ids).length,
      delete: (frame) => frame.del?.length ?? 0,
    }[kind] ?? ((frame) => frame.ops.filter(([, , , mark]) => mark !== "t").length);
    const frames = this.timeline.frames.filter((frame) => frame.kind === kind);
    return frames.reduce((sum, frame) => sum + changed(frame), 0);
  }

  /** What the table of finished runs needs. did: measures that the server found. */
  numbersOf(did) {
    const [first, last] = [this.timeline.frames[0], this.timeline.frames.at(-1)];
    return { last, rate: rate(first, last), count: (kind) => this.count(kind), did };
  }
}
