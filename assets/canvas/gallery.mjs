// The Traces tab: cards of kept runs, found, changed, opened and compared.

import { copied, make, set } from "./dom.mjs";
import { ExportDialog } from "./exporting.mjs";
import { Kept } from "./kept.mjs";
import { Reel } from "./reel.mjs";
import { visitorKey } from "./visitor.mjs";

const TYPED = 250; // ms after the last letter of a search
const MOST_CHOSEN = 4;
const LARGEST = 32; // MB of a file
const GONE = "The server does not answer: reload the page.";

/** The bytes of a file as base64. */
function packed(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => done(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", failed);
    reader.readAsDataURL(file);
  });
}

/** The address that opens a kept run. */
export function linkTo(id, location) {
  return `${location.origin}${location.pathname}?run=${encodeURIComponent(id)}`;
}

class Gallery {
  constructor(element, server, trigger) {
    Object.assign(this, { server, trigger });
    this.parts = {};
    for (const part of element.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
    this.reel = new Reel();
    this.kept = []; // by place
    this.chosen = []; // ids
    this.tag = "";
    this.asked = 0;
    this.controls();
    new IntersectionObserver(([entry]) => entry.isIntersecting && this.load()).observe(element);
    window.addEventListener("focus", () => element.offsetParent && this.load());
  }

  controls() {
    const { parts } = this;
    parts.words.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.load(), TYPED);
    });
    parts.more.addEventListener("click", () => this.load(this.kept.length));
    parts.compare.addEventListener("click", () => this.trigger("select", { ids: this.chosen }));
    parts.bring.addEventListener("click", () => parts.file.click());
    parts.file.addEventListener("change", () => this.bring(parts.file.files[0]));
  }

  /** What a server function answers to a request of this browser; an error where nothing comes back. */
  async ask(name, request) {
    try {
      return (await this.server[name]({ ...request, key: visitorKey() })) ?? {};
    } catch {
      return { error: GONE };
    }
  }

  /** Show the cards anew; from: of which number on they are added. */
  async load(from = 0) {
    const number = ++this.asked;
    const answer = await this.ask("cards", { words: this.parts.words.value, tag: this.tag, from });
    if (number !== this.asked) return; // something else was asked meanwhile
    if (!from && this.parts.cards.querySelector(".edit")) return; // an open form keeps what was typed in it
    if (answer.error) return this.tell(answer.error, true);
    if (!from) this.empty();
    for (const card of answer.cards) this.add(card);
    this.told(answer);
  }

  empty() {
    this.reel.clear();
    this.kept = [];
    this.parts.cards.replaceChildren();
  }

  add(card) {
    const kept = new Kept(card, this);
    this.kept.push(kept);
    this.parts.cards.append(kept.element);
    this.reel.add(kept.canvas, card.picture);
  }

  told({ count, all, tags, note }) {
    const { parts } = this;
    const sought = Boolean(parts.words.value || this.tag);
    set(parts.count, `${count === all ? all : `${count} of ${all}`} ${all === 1 ? "trace" : "traces"}`);
    parts.count.hidden = !all;
    set(parts.note, note);
    parts.note.hidden = !note;
    parts.more.hidden = this.kept.length >= count;
    parts.empty.hidden = count > 0;
    const [lead, rest] = sought
      ? ["Nothing fits.", " Search for other words, or choose another tag."]
      : ["No trace yet.", " Run something in Visualize and press “Keep this run”, or import a trace file."];
    set(parts.lead, lead);
    set(parts.rest, rest);
    parts.tags.hidden = !tags.length;
    const every = ["", ...tags].map((tag) => {
      const one = make("button", "", tag || "all", { type: "button", "aria-pressed": String(tag === this.tag) });
      one.addEventListener("click", () => this.filter(tag));
      return one;
    });
    parts.tags.replaceChildren(...every);
  }

  filter(tag) {
    this.tag = tag;
    this.load();
  }

  /** Say what came of something; wrong: it could not be done. "" clears it. */
  tell(text, wrong = false) {
    const { told } = this.parts;
    set(told, text);
    told.hidden = !text;
    told.classList.toggle("bad", wrong);
  }

  // ---- what the cards ask for --------------------------------------------------------------

  open(card) {
    this.tell("");
    this.trigger("click", { id: card.id });
  }

  async change(kept, changes) {
    const { id, version } = kept.card;
    const answer = await this.ask("change", { id, version, ...changes });
    this.tell(answer.error ?? "", true);
    if (!answer.card) return;
    kept.show(answer.card);
    kept.element.querySelector(".pin")?.focus();
    if (!answer.error) this.load();
  }

  async remove(kept) {
    const answer = await this.ask("remove", { id: kept.card.id });
    this.tell(answer.error ?? `“${kept.card.name}” is deleted.`, Boolean(answer.error));
    this.choose(kept, false);
    this.load();
    this.parts.words.focus();
  }

  async bring(file) {
    this.parts.file.value = "";
    if (!file) return;
    if (file.size > LARGEST << 20) return this.tell(`“${file.name}” is too large: a trace file may have ${LARGEST} MB here.`, true);
    this.tell(`Reading “${file.name}” …`);
    const answer = await this.ask("bring", { file: await packed(file) });
    await this.load();
    this.tell(answer.error ? `“${file.name}” was not imported. ${answer.error}` : `“${file.name}” is imported.`, Boolean(answer.error));
  }

  async link(card) {
    const address = linkTo(card.id, window.location);
    // Where the browser does not let the page copy, it can be marked here.
    this.tell((await copied(address)) ? `Copied: ${address}` : address);
  }

  export(card, opener) {
    new ExportDialog(this.server, { id: card.id, frames: null }, opener);
  }

  choose(kept, yes) {
    const { id } = kept.card;
    this.chosen = this.chosen.filter((each) => each !== id);
    if (yes) this.chosen.push(id);
    const over = this.chosen.length > MOST_CHOSEN ? this.chosen.shift() : null;
    if (over) this.kept.find((each) => each.card.id === over)?.read();
    kept.element.classList.toggle("chosen", yes);
    const { compare } = this.parts;
    compare.disabled = this.chosen.length < 2;
    set(compare, this.chosen.length < 2 ? "Compare" : `Compare these ${this.chosen.length}`);
  }
}

/** Called once by the page. props.value: {say}, what came of an event of this component. */
export function mountGallery({ element, props, server, watch, trigger }) {
  const gallery = new Gallery(element, server, trigger);
  watch("value", () => props.value?.say && gallery.tell(props.value.say, true));
  element.gallery = gallery; // for tests and for other scripts of this page
  return gallery;
}
