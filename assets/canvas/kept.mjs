// One kept run in the gallery: its moving picture, what it is, and what can be done with it.

import { make } from "./dom.mjs";

/** What is known of a run, in one line. */
export function facts(card) {
  const verdict = { true: "right", false: "wrong" }[card.right] ?? "";
  const day = card.bundled ? "" : new Date(card.created * 1000).toLocaleDateString(undefined, { dateStyle: "medium" });
  return [card.sampler, card.model, `${card.nfe} NFE`, verdict, day].filter(Boolean).join(" · ");
}

/** Tags as they were typed: separated by commas. */
export function tagsOf(text) {
  return text.split(",").map((tag) => tag.trim()).filter(Boolean);
}

const button = (text, act, name = "") => {
  const element = make("button", name, text, { type: "button" });
  element.addEventListener("click", act);
  return element;
};

/** gallery: is asked to open, change, remove, export a card, and to choose it for Compare. */
export class Kept {
  constructor(card, gallery) {
    this.gallery = gallery;
    this.element = make("li", "trace");
    this.canvas = make("canvas", "", "", { "aria-hidden": "true" });
    this.show(card);
  }

  show(card) {
    this.card = card;
    const { gallery } = this;
    this.element.setAttribute("aria-label", card.name);
    const open = button("", () => gallery.open(card), "picture");
    open.setAttribute("aria-label", `Open “${card.name}” in Visualize`);
    open.append(this.canvas);
    this.body = make("div", "body");
    this.element.replaceChildren(open, this.body);
    this.read();
  }

  /** What it is, and its buttons. */
  read() {
    const { card } = this;
    const head = make("div", "head");
    head.append(make("h2", "", card.name));
    if (!card.bundled) head.append(this.pin());
    const about = card.about || (card.name === card.prompt.slice(0, card.name.length) ? card.answer : card.prompt);
    this.body.replaceChildren(head, make("p", "about", about), make("p", "facts", facts(card)), this.tags());
    this.body.append(this.does());
    const chosen = this.gallery.chosen.includes(card.id);
    this.element.classList.toggle("chosen", chosen);
  }

  pin() {
    const { card, gallery } = this;
    const pin = button(card.pinned ? "★" : "☆", () => gallery.change(this, { pinned: !card.pinned }), "pin");
    pin.setAttribute("aria-pressed", String(card.pinned));
    pin.setAttribute("aria-label", `Pin “${card.name}” to the top`);
    pin.title = card.pinned ? "Pinned to the top" : "Pin to the top";
    return pin;
  }

  tags() {
    const tags = make("p", "tags");
    if (this.card.bundled) tags.append(make("span", "", "comes with the program"));
    for (const tag of this.card.tags) tags.append(button(tag, () => this.gallery.filter(tag)));
    tags.hidden = !tags.firstChild;
    return tags;
  }

  does() {
    const { card, gallery } = this;
    const row = make("div", "does");
    const pick = make("label", "pick");
    const box = make("input", "", "", { type: "checkbox", "aria-label": `Compare “${card.name}”` });
    box.checked = gallery.chosen.includes(card.id);
    box.addEventListener("change", () => gallery.choose(this, box.checked));
    pick.append(box, "Compare");
    row.append(button("Open", () => gallery.open(card), "go"), pick);
    row.append(button("Link", () => gallery.link(card), "plain"));
    row.lastChild.title = "Copy a link that opens this run";
    row.append(button("Export…", (event) => gallery.export(card, event.currentTarget), "plain"));
    row.lastChild.setAttribute("aria-haspopup", "dialog");
    if (!card.bundled) row.append(button("Edit", () => this.edit(), "plain"));
    if (!card.bundled) row.append(button("Delete", () => this.ask(), "plain"));
    return row;
  }

  /** A small form in place of the buttons. */
  edit() {
    const { card } = this;
    const form = make("form", "edit");
    const field = (label, value, most) => {
      const line = make("label", "", label);
      const input = make("input", "", "", { maxlength: most });
      input.value = value;
      line.append(input);
      form.append(line);
      return input;
    };
    const name = field("Name", card.name, 80);
    const tags = field("Tags, separated by commas", card.tags.join(", "), 300);
    const row = make("div", "does");
    row.append(make("button", "go", "Save", { type: "submit" }), button("Cancel", () => this.back("Edit")));
    form.append(row);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.gallery.change(this, { name: name.value, tags: tagsOf(tags.value) });
    });
    form.addEventListener("keydown", (event) => event.key === "Escape" && this.back("Edit"));
    this.body.replaceChildren(form);
    name.focus();
  }

  ask() {
    const row = make("div", "does");
    const no = button("Keep it", () => this.back("Delete"));
    row.append(button("Delete it", () => this.gallery.remove(this), "bad"), no);
    const question = make("p", "about", `Delete “${this.card.name}”? A link to it will lead nowhere.`);
    this.body.replaceChildren(question, row);
    no.focus();
  }

  /** The card as it was, with the focus on the button that was left. */
  back(name) {
    this.read();
    [...this.body.querySelectorAll(".does button")].find((each) => each.textContent === name)?.focus();
  }
}
