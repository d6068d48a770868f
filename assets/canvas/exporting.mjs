// The dialog that gives a run to somebody as a file: what kind, how large it becomes, how far it is. The server
// writes the file; when it is there, the browser fetches it, once.

import { make, set } from "./dom.mjs";
import { visitorKey } from "./visitor.mjs";

const ASKS_EVERY = 500; // ms
const SETTLES = 250; // ms after the last change of an option
const NO_ANSWER = "The server does not answer: reload the page.";
const KINDS = [
  ["html", "Offline page", "HTML, plays without a network"],
  ["gif", "Moving picture", "GIF, for slides and messages"],
  ["mp4", "Film", "MP4, for slides and video"],
  ["svg", "Still", "SVG, sharp at any size"],
  ["pdf", "Still, for a paper", "PDF, with its fonts"],
  ["csv", "Table", "CSV, every change of a cell"],
];
const FILMS = ["gif", "mp4"];
const STILLS = ["svg", "pdf"];
let numbered = 0; // of the dialogs: their parts need ids

/** The address of a finished file. */
export function fileAddress(token, { origin, pathname }) {
  return `${origin}${pathname.endsWith("/") ? pathname : `${pathname}/`}export/${encodeURIComponent(token)}`;
}

/** What the form asks for. source: {id, frames, lasts}; chosen: {form, theme, pace, size, frame}. */
export function orderOf(source, { form, theme, pace, size, frame }) {
  const order = { id: source.id, form, theme };
  if (FILMS.includes(form)) Object.assign(order, { pace: Number(pace), size });
  if (STILLS.includes(form)) order.frames = frame === "board" ? source.frames : [-1];
  return order;
}

/** How far it is, in words. first: how many were done when that was first heard; seconds: since then. */
export function farWords({ done, of, unit }, first, seconds) {
  if (!of) return "Writing …";
  const left = done > first ? (seconds * (of - done)) / (done - first) : 0;
  const rest = left >= 2 ? `, about ${Math.ceil(left)} s left` : "";
  return `${done.toLocaleString("en")} of ${of.toLocaleString("en")} ${unit}${rest}`;
}

const option = ([value, text]) => {
  const made = make("option", "", text);
  made.value = value;
  return made;
};

export class ExportDialog {
  /** source: {id, several, frames, lasts}: what is exported; the frames on its boards, null where there is none.
   * opener: has the focus again afterwards. */
  constructor(server, source, opener) {
    Object.assign(this, { server, source, opener, asked: 0, token: "" });
    const id = `lz-export-${++numbered}`;
    this.dialog = make("dialog", "export", "", { "aria-labelledby": id });
    this.form = make("form");
    this.told = make("p", "told", "", { role: "status" });
    this.bar = make("progress", "", "", { "aria-label": "Progress" });
    this.far = make("p", "far");
    this.bar.hidden = true;
    const title = source.several ? "Export these boards" : "Export this run";
    this.form.append(make("h2", "", title, { id }), this.kinds(id), this.options());
    this.form.append(this.told, this.bar, this.far, this.buttons());
    this.dialog.append(this.form);
    this.listen();
    opener.closest(".lz").append(this.dialog);
    this.dialog.showModal();
    this.changed();
  }

  kinds(id) {
    const group = make("fieldset", "kinds");
    group.append(make("legend", "", "As what"));
    this.kind = {};
    for (const [form, name, about] of KINDS) {
      if (this.source.several && form === "csv") continue; // a table is of one run
      const label = make("label");
      const radio = make("input", "", "", { type: "radio", name: `${id}-kind`, value: form });
      const note = make("small", "", about);
      label.append(radio, make("b", "", name), note);
      group.append(label);
      this.kind[form] = { radio, note };
    }
    this.kind.html.radio.checked = true;
    return group;
  }

  options() {
    const { frames, lasts } = this.source;
    const row = make("div", "choices");
    const select = (name, values) => {
      const label = make("label", "", name);
      const made = make("select");
      made.append(...values.map(option));
      label.append(made);
      row.append(label);
      return made;
    };
    this.theme = select("Colours", [["light", "light"], ["dark", "dark"]]);
    this.theme.value = this.opener.closest(".dark") ? "dark" : "light";
    this.pace = select("Pictures a second", [2, 4, 8, 12, 24].map((pace) => [pace, String(pace)]));
    this.pace.value = "8";
    this.size = select("Size", [["usual", "usual"], ["small", "small"]]);
    const shown = frames?.length === 1 ? `the one on the board (${frames[0]} of ${lasts[0]})` : "those on the boards";
    const places = frames ? [["board", shown], ["last", "the last"]] : [["last", "the last"]];
    this.frame = select("Frame", places);
    return row;
  }

  buttons() {
    const row = make("div", "does");
    this.close = make("button", "", "Close", { type: "button" });
    this.go = make("button", "go", "Export", { type: "submit" });
    row.append(this.close, this.go);
    return row;
  }

  listen() {
    const { dialog, form } = this;
    form.addEventListener("change", () => this.changed());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    this.close.addEventListener("click", () => (this.token ? this.cancel("Cancelled.") : dialog.close()));
    // The page's own keys rest; Escape is the dialog's.
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => this.end());
    this.leaves = () => this.cancel();
    window.addEventListener("pagehide", this.leaves);
  }

  get chosen() {
    const form = Object.keys(this.kind).find((each) => this.kind[each].radio.checked);
    const [theme, pace, size, frame] = [this.theme, this.pace, this.size, this.frame].map((each) => each.value);
    return { form, theme, pace, size, frame };
  }

  /** Another choice: show its options, and ask how large it becomes. */
  changed() {
    const { form } = this.chosen;
    const film = FILMS.includes(form);
    const still = STILLS.includes(form);
    for (const [field, fits] of [[this.theme, film || still], [this.pace, film], [this.size, film], [this.frame, still]]) {
      field.parentElement.hidden = !fits;
    }
    this.go.disabled = true;
    this.say("How large will it be? …");
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.foretell(), SETTLES);
  }

  async foretell() {
    const number = ++this.asked;
    const answer = await this.ask("foretell", orderOf(this.source, this.chosen));
    if (number !== this.asked || this.ended) return; // another choice was made meanwhile
    for (const [form, why] of Object.entries(answer.missing ?? {})) this.without(form, why);
    this.say(answer.error ?? answer.said, Boolean(answer.error));
    this.go.disabled = Boolean(answer.error);
  }

  /** A kind that nothing on the server can write. */
  without(form, why) {
    const { radio, note } = this.kind[form] ?? {};
    if (!radio) return;
    radio.disabled = true;
    set(note, why);
  }

  async start() {
    this.hold(true);
    this.say("Writing the file …");
    let first = null;
    let { token, error } = await this.ask("export", { ...orderOf(this.source, this.chosen), key: this.key });
    if (token && this.ended) return letGo(token);
    this.token = token ?? "";
    while (token && token === this.token) {
      const answer = await this.ask("exported", { token });
      if (token !== this.token) return; // cancelled meanwhile
      if (answer.file) return this.fetch(answer);
      if (answer.error) ({ error } = answer);
      if (answer.error) break;
      if (answer.done) first ??= { done: answer.done, at: performance.now() };
      this.show(answer, first);
      await new Promise((done) => setTimeout(done, ASKS_EVERY));
    }
    if (token && token !== this.token) return;
    this.token = "";
    this.hold(false);
    this.say(error ?? NO_ANSWER, true);
  }

  /** The file is there. */
  fetch({ file, name, size }) {
    this.token = "";
    const link = make("a", "", "", { download: name, href: fileAddress(file, window.location) });
    link.click();
    this.hold(false);
    this.say(`Downloading ${name}, ${size}.`);
    this.close.focus();
  }

  show(answer, first) {
    if (answer.of) Object.assign(this.bar, { max: answer.of, value: answer.done });
    else this.bar.removeAttribute("value");
    set(this.far, farWords(answer, first?.done, first ? (performance.now() - first.at) / 1000 : 0));
  }

  /** While a file is written, only Cancel is there. */
  hold(yes) {
    for (const field of this.form.querySelectorAll("fieldset, select")) field.disabled = yes;
    this.go.disabled = yes;
    this.bar.hidden = !yes;
    this.bar.removeAttribute("value");
    set(this.far, "");
    set(this.close, yes ? "Cancel" : "Close");
    if (yes) this.close.focus();
  }

  cancel(said = "") {
    if (!this.token) return;
    letGo(this.token);
    this.token = "";
    this.hold(false);
    this.say(said);
    this.go.focus();
  }

  end() {
    this.ended = true;
    clearTimeout(this.settling);
    this.cancel();
    window.removeEventListener("pagehide", this.leaves);
    this.dialog.remove();
    this.opener.focus();
  }

  say(text, wrong = false) {
    set(this.told, text);
    this.told.classList.toggle("bad", wrong);
  }

  /** A browser that keeps nothing has a key for each dialog. */
  get key() {
    return visitorKey() || (this.own ??= crypto.randomUUID());
  }

  async ask(name, request) {
    try {
      return (await this.server[name](request)) ?? { error: NO_ANSWER };
    } catch {
      return { error: NO_ANSWER };
    }
  }
}

/** Tell the server that nobody wants a file any more, also while the page is being left. */
function letGo(token) {
  fetch(fileAddress(token, window.location), { method: "DELETE", keepalive: true }).catch(() => {});
}
