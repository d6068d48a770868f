// Going on from the frame that is shown: what is written by hand, and which sampler goes on. Tells the page.

import { UNREACHABLE } from "./answers.mjs";
import { fillChoices, make, set } from "./dom.mjs";
import { exact } from "./text.mjs";
import { isOpen } from "./timeline.mjs";

const OFFERS = { detach: "Use its model", attach: "Use its model", models: "Load it in the Models tab" };
const BUSY = 20_000; // ms after which the button may be pressed again, whatever became of the branch

/** What is written, cell by cell, from position `pos` on: [{cell, pos, token, text}, …], or a sentence why not.
 * tokens: [[token, text], …], one a cell. */
export function placedTokens(state, pos, tokens) {
  const cells = state.order.slice(pos, pos + tokens.length);
  const count = `${tokens.length} cells`;
  if (cells.length < tokens.length) {
    return `It takes ${count}, and only ${cells.length} ${cells.length === 1 ? "is" : "are"} left from here on.`;
  }
  const pinned = cells.findIndex((_, k) => state.cells[pos + k].mark === "p");
  if (pinned >= 0) return `It takes ${count}, and cell ${pos + pinned} was given from the start.`;
  return cells.map((cell, k) => ({ cell, pos: pos + k, token: tokens[k][0], text: tokens[k][1] }));
}

export class Grow {
  /** root: an element; server: of the canvas; tell(event, data): tells the page; onChange(): cells to be written
   * have changed. */
  constructor(root, server, tell, onChange) {
    Object.assign(this, { server, tell, onChange, changes: new Map(), run: null, how: null });
    this.list = make("ul", "changes");
    this.hand();
    this.sampler = make("select", "", "", { "aria-label": "Sampler that goes on" });
    this.seed = make("input", "", "", { type: "number", min: 0, step: 1 });
    this.temperature = make("input", "", "", { type: "number", min: 0, max: 10, step: 0.1 });
    this.button = make("button", "go", "Branch from here", { type: "submit" });
    this.alert = make("p", "refused", "", { role: "alert" });
    this.offer = make("button", "quiet", "", { type: "button" });
    this.form = make("form", "grow");
    this.form.append(
      named("Sampler", this.sampler), named("Seed", this.seed), named("Temperature", this.temperature), this.button,
    );
    this.refused = make("div", "refusal");
    this.refused.append(this.alert, this.offer);
    this.refused.hidden = this.offer.hidden = true;
    root.append(this.writing, this.list, this.form, this.refused);
    this.sampler.addEventListener("change", () => this.cool());
    this.offer.addEventListener("click", () => this.help());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.branch();
    });
  }

  /** The line in which a word is typed. */
  hand() {
    this.word = make("input", "mono", "", { type: "text", maxlength: 80, placeholder: "another word", "aria-label": "Word to write" });
    this.write = make("button", "", "Write", { type: "submit" });
    this.mask = make("button", "", "Put a mask", { type: "button" });
    this.pin = make("button", "", "Pin for the next run", { type: "button", title: "Given from the start, and never changed" });
    this.writing = make("form", "writing");
    this.writing.append(this.word, this.write, this.mask, this.pin);
    this.mask.addEventListener("click", () => this.take([[null, ""]]));
    this.pin.addEventListener("click", () => this.pinWord());
    this.writing.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.write.hidden) this.pinWord();
      else this.spell();
    });
  }

  /** Another run is shown: how it could go on is asked anew. */
  begin(run) {
    this.run = run;
    this.how = null;
    this.changes.clear();
    this.refuse("");
    this.free();
    this.draw();
  }

  /** Show it for a frame. id: the chosen cell, null: none. */
  show(timeline, state, index, id) {
    const pos = id === null ? -1 : state.order.indexOf(id);
    Object.assign(this, { state, index, pos });
    const cell = state.cells[pos];
    this.writing.hidden = !cell || cell.mark === "p";
    this.write.hidden = this.form.hidden = false;
    this.word.placeholder = "another word";
    this.mask.hidden = !cell || isOpen(cell.mark) || Boolean(timeline.meta?.noise);
    set(this.button, `Branch from frame ${index}`);
    if (!this.how) this.ask();
  }

  /** Before a run a word can only be pinned. pos: the chosen cell, null: none. */
  empty(state, pos) {
    Object.assign(this, { state, pos });
    this.writing.hidden = pos === null;
    this.write.hidden = this.mask.hidden = this.form.hidden = this.list.hidden = true;
    this.word.placeholder = "its word";
  }

  async ask() {
    const { run } = this;
    this.how = { samplers: [] };
    const how = await this.server.branching(run).catch(() => null);
    if (!how || run !== this.run) return;
    this.how = how;
    if (how.error) return this.refuse(how.error);
    const same = how.samplers.find(([name]) => name === how.sampler);
    const others = how.samplers.filter(([name]) => name !== how.sampler);
    const first = [["", same ? `${same[1]}, as before` : "the same as before"]];
    fillChoices(this.sampler, [...(how.sampler ? first : []), ...others.map(([value, title, , group]) => [value, title, group])]);
    this.seed.value = how.seed;
    this.temperature.value = how.temperature;
    this.refuse(how.why, how.offer);
    this.button.disabled = Boolean(how.why);
  }

  /** Another sampler has another temperature of its own. */
  cool() {
    const own = this.how.samplers.find(([name]) => name === this.sampler.value);
    this.temperature.value = own ? own[2] : this.how.temperature;
  }

  // ---- what is written by hand -------------------------------------------------------------

  async spell() {
    const text = this.word.value;
    if (!text) return this.refuse("Type a word first.");
    const found = await this.server.spelled([this.run, text]).catch(() => ({ error: UNREACHABLE }));
    if (found.error) return this.refuse(found.error);
    this.take(found.tokens);
    this.word.value = "";
  }

  /** Write tokens from the chosen cell on, once a branch grows. */
  take(tokens) {
    const cells = placedTokens(this.state, this.pos, tokens);
    if (typeof cells === "string") return this.refuse(cells);
    for (const each of cells) this.changes.set(each.cell, each);
    this.refuse(this.how?.why ?? "", this.how?.offer);
    this.draw();
    this.onChange();
  }

  pinWord() {
    if (!this.word.value) return this.refuse("Type the word to pin first.");
    this.tell("edit", { run: this.run, pos: this.pos, text: this.word.value });
    this.word.value = "";
  }

  draw() {
    this.list.hidden = this.changes.size === 0;
    this.list.replaceChildren(...[...this.changes.values()].map((each) => {
      const item = make("li", "", `Cell ${each.pos}: `);
      item.append(make("span", "mono", each.token === null ? "a mask" : exact(each.text)));
      const drop = make("button", "quiet", "×", { type: "button", "aria-label": `Do not write cell ${each.pos}` });
      drop.addEventListener("click", () => {
        this.changes.delete(each.cell);
        this.draw();
        this.onChange();
      });
      item.append(drop);
      return item;
    }));
  }

  // ---- branching ---------------------------------------------------------------------------

  branch() {
    this.refuse("");
    this.button.disabled = true;
    this.waiting = setTimeout(() => this.free(), BUSY);
    const changes = [...this.changes.values()].map(({ cell, token }) => ({ cell, token }));
    this.tell("apply", {
      run: this.run, seq: this.index, sampler: this.sampler.value,
      seed: this.seed.valueAsNumber, temperature: this.temperature.valueAsNumber, changes,
    });
  }

  free() {
    clearTimeout(this.waiting);
    this.button.disabled = Boolean(this.how?.why);
  }

  /** Say why something cannot be done; offer: what would help: a key of OFFERS. */
  refuse(sentence, offer = "", frame = -1) {
    Object.assign(this, { frame });
    this.alert.classList.remove("told");
    set(this.alert, sentence ?? "");
    set(this.offer, offer === "frame" ? `Go to frame ${frame}` : OFFERS[offer] ?? "");
    this.offer.hidden = !this.offer.textContent;
    this.refused.hidden = !sentence;
  }

  help() {
    if (this.frame < 0) return this.tell("retry", { run: this.run });
    this.tell("frame-to", this.frame);
    this.refuse("");
  }

  /** Say what was done. */
  say(sentence) {
    this.refuse(sentence);
    this.alert.classList.add("told");
  }
}

function named(name, input) {
  const label = make("label");
  label.append(make("span", "", name), input);
  return label;
}
