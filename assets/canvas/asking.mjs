// The card under the board: the chosen cell is asked, and the run goes on from the frame that is shown.

import { Answers } from "./answers.mjs";
import { make, set } from "./dom.mjs";
import { Grow } from "./grow.mjs";
import { Inspector } from "./inspector.mjs";
import { Pins } from "./pins.mjs";
import { Tree } from "./tree.mjs";

const HINT = "Choose a cell of the board to see what else could stand there, and to write another word.";

export class Asking {
  /** canvas: the token canvas; tell(event, data): tells the page, null where nothing can branch. */
  constructor(canvas, tell) {
    const { parts, server } = canvas;
    Object.assign(this, { canvas, root: parts.ask, run: null, ended: false, branching: false });
    const again = () => canvas.schedule(true);
    this.answers = new Answers(server, again);
    this.lead = make("b", "", "Ask a cell.");
    this.hint = make("p", "hint");
    this.rest = make("span", "", HINT);
    this.hint.append(this.lead, " ", this.rest);
    this.card = make("div", "chosen-cell");
    const growing = make("div", "growing");
    const told = (event, data) => {
      if (event === "frame-to") return canvas.act(event, data);
      this.branching ||= event === "apply";
      tell(event, data);
    };
    this.grow = tell ? new Grow(growing, server, told, again) : null;
    this.tree = tell ? new Tree(parts.tree, server, tell) : null;
    const write = tell ? (token, text) => this.grow.take([[token, text]]) : null;
    this.inspector = new Inspector(this.card, write, () => canvas.board.choose(canvas.board.chosen));
    this.pins = tell ? new Pins(canvas, this.grow, this.rest) : null;
    growing.hidden = !tell;
    this.root.append(this.hint, this.card, growing);
    this.root.hidden = true;
    this.byKeyboard();
  }

  /** Tab goes from the chosen cell to its card, past all that stands between them; Escape goes back. */
  byKeyboard() {
    const { board } = this.canvas;
    board.root.addEventListener("keydown", (event) => {
      const chosen = board.chosen !== null && event.target === board.spans[board.order.indexOf(board.chosen)];
      if (event.key !== "Tab" || event.shiftKey || !chosen || this.root.hidden || this.card.hidden) return;
      event.preventDefault();
      this.inspector.title.focus();
    });
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && board.chosen !== null) board.move(board.order.indexOf(board.chosen));
    });
  }

  /** Another run is on the board, or none. */
  begin(run) {
    this.run = run;
    this.ended = false;
    this.answers.forget();
    this.grow?.begin(run);
    this.tree?.begin(run);
  }

  /** What the server says beside the frames of a run; widgets/canvas.py says what. */
  hear({ run, aside }) {
    if ((run && run !== this.run) || !this.grow) return;
    if (aside.pins) return this.pins.show(aside.pins);
    this.branching = false;
    if (aside.refused) this.grow.refuse(aside.refused, aside.offer, aside.frame);
    if (aside.told) this.grow.say(aside.told);
    if (aside.anew) {
      this.answers.retry();
      this.grow.how = null;
    }
    this.grow.free();
    this.canvas.schedule(true);
  }

  /** Show the chosen cell as of frame i. chosen: its id, or null. */
  draw(timeline, state, i, chosen) {
    if (timeline?.run !== this.run) this.begin(timeline?.run ?? null);
    set(this.lead, timeline ? "Ask a cell." : "Pin a word.");
    if (!timeline) return this.empty();
    set(this.rest, HINT);
    const known = chosen !== null && (state.order.includes(chosen) || timeline.history(chosen, i).length > 0);
    this.root.hidden = !known && !this.grow;
    if (this.root.hidden) return;
    this.hint.hidden = Boolean(known);
    this.card.hidden = !known;
    const { moving } = this.canvas.player;
    if (known) this.inspector.draw(timeline, state, i, chosen, this.answers.of(timeline, state, i, chosen, moving));
    this.grow?.show(timeline, state, i, known ? chosen : null);
    if (timeline.ended !== this.ended) {
      this.ended = timeline.ended;
      this.tree?.begin(this.run);
    }
  }

  /** Before a run. */
  empty() {
    this.root.hidden = !this.pins;
    this.hint.hidden = false;
    this.card.hidden = true;
    this.pins?.draw();
  }
}
