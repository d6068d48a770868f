// The form in which samplers are chosen, each with its settings. Its value is a JSON text: a list of {sampler,
// settings}, of which only the changed settings are named.

import { fillChoices, make, set } from "./dom.mjs";

const NUMERIC = { int: "numeric", float: "decimal" };

/** A value of a setting in words. */
const word = (fact, value) => ({ true: "on", false: "off" })[value] ?? fact?.choices?.find(([name]) => name === value)?.[1] ?? String(value);

/** A label within a sentence: Early stop is early stop, and KL threshold stays. */
const within = (label) => (/^.[A-Z]/.test(label) ? label : label[0].toLowerCase() + label.slice(1));

/** What was typed into a field: undefined for nothing; what is no number stays text, and is refused with a sentence. */
export function typed(text, kind) {
  const bare = text.trim();
  if (bare === "") return undefined;
  const number = Number(bare);
  return kind in NUMERIC && Number.isFinite(number) ? number : bare;
}

/** The settings of a lane after one was changed; what is as usual is not named. */
export function changed(settings, fact, value) {
  const rest = Object.fromEntries(Object.entries(settings).filter(([name]) => name !== fact.name));
  return value === undefined || value === fact.usual ? rest : { ...rest, [fact.name]: value };
}

/** The changed settings in words; "" for none. facts: of the sampler's settings. */
export function summary(settings, facts) {
  const told = ([name, value]) => {
    const fact = facts.find((each) => each.name === name);
    return `${fact ? within(fact.label) : name.replaceAll("_", " ")} ${word(fact, value)}`;
  };
  return Object.entries(settings).map(told).join(", ");
}

class LineUp {
  constructor(root, facts, tell) {
    Object.assign(this, { root, facts, tell, lanes: [], open: new Set(), text: "" });
  }

  /** Show a line-up from outside. */
  show(text) {
    if (text === this.text) return;
    this.text = text;
    this.lanes = JSON.parse(text || "[]");
    this.draw();
  }

  /** Say that a person changed something. */
  say() {
    this.text = JSON.stringify(this.lanes);
    this.tell(this.text);
  }

  draw() {
    const { facts, lanes } = this;
    const add = make("button", "add", "Add a sampler", { type: "button" });
    add.addEventListener("click", () => this.add());
    add.hidden = lanes.length >= facts.most;
    this.root.replaceChildren(...lanes.map((_, i) => this.lane(i)), add);
  }

  add() {
    const used = new Set(this.lanes.map((lane) => lane.sampler));
    const free = this.facts.samplers.find((sampler) => !used.has(sampler.name)) ?? this.facts.samplers[0];
    this.lanes.push({ sampler: free.name, settings: {} });
    this.draw();
    this.say();
    this.root.querySelectorAll("select.sampler")[this.lanes.length - 1].focus();
  }

  remove(i) {
    this.lanes.splice(i, 1);
    this.open = new Set();
    this.draw();
    this.say();
    this.root.querySelector(".add").focus();
  }

  lane(i) {
    const lane = this.lanes[i];
    const box = make("fieldset", "lane-form", "", { "data-lane": String(i + 1) });
    box.append(make("legend", "", `Sampler ${i + 1}`));
    if (this.lanes.length > this.facts.least) {
      const away = make("button", "away", "×", { type: "button", "aria-label": `Remove sampler ${i + 1}` });
      away.addEventListener("click", () => this.remove(i));
      box.append(away);
    }
    const choices = this.facts.samplers.map(({ name, title, group }) => [name, title, group]);
    const select = options(choices, lane.sampler, { class: "sampler", "aria-label": `Sampler ${i + 1}` });
    select.addEventListener("change", () => {
      Object.assign(lane, { sampler: select.value, settings: {} }); // another sampler has other settings
      box.replaceWith(this.lane(i));
      this.say();
      this.root.querySelectorAll("select.sampler")[i].focus();
    });
    box.append(select, this.details(i));
    return box;
  }

  /** The settings of a lane, folded. */
  details(i) {
    const lane = this.lanes[i];
    const sampler = this.facts.samplers.find(({ name }) => name === lane.sampler);
    const box = make("details");
    const head = make("summary", "", "Settings");
    const now = make("span", "now");
    head.append(now);
    const facts = (sampler?.settings ?? []).map((number) => this.facts.settings[number]);
    const say = () => set(now, summary(lane.settings, facts) || "as usual");
    say();
    box.open = this.open.has(i);
    const fill = () => {
      const fieldOf = (fact) =>
        field(fact, lane.settings[fact.name], (value) => {
          lane.settings = changed(lane.settings, fact, value);
          say();
          this.say();
        });
      const rest = make("details", "rest");
      rest.append(make("summary", "", "More settings"), ...facts.filter(({ rest }) => rest).map(fieldOf));
      const first = facts.filter(({ rest }) => !rest).map(fieldOf);
      const reset = make("button", "reset", "All as usual", { type: "button" });
      reset.addEventListener("click", () => {
        lane.settings = {};
        say();
        fill();
        this.say();
      });
      box.replaceChildren(head, make("p", "about", sampler?.about ?? ""), ...first, rest, reset);
    };
    box.append(head);
    const opened = () => {
      this.open[box.open ? "add" : "delete"](i);
      if (box.open && box.children.length === 1) fill();
    };
    box.addEventListener("toggle", opened);
    opened();
    return box;
  }
}

/** A <select> with a value. choices: as of fillChoices. */
function options(choices, value, attributes) {
  const select = make("select", "", "", attributes);
  fillChoices(select, choices);
  select.value = value;
  return select;
}

/** One setting: its label, its input and its help. tell(value): it was changed. */
function field(fact, value, tell) {
  const label = make("label", "setting");
  const help = make("small", "", [fact.help, rangeOf(fact)].filter(Boolean).join(" "));
  if (fact.kind === "bool") {
    const box = make("input", "", "", { type: "checkbox", "data-setting": fact.name });
    box.checked = value ?? fact.usual;
    box.addEventListener("change", () => tell(box.checked));
    label.classList.add("switch");
    label.append(box, make("span", "", fact.label), help);
    return label;
  }
  label.append(make("span", "", fact.label));
  if (fact.kind === "choice") {
    const choices = fact.choices.map(([name, text]) => [name, name === fact.usual ? `${text} (usual)` : text]);
    const select = options(choices, value ?? fact.usual, { "data-setting": fact.name });
    select.addEventListener("change", () => tell(select.value));
    label.append(select, help);
    return label;
  }
  const input = make("input", "", "", {
    type: "text", inputmode: NUMERIC[fact.kind] ?? "text", "data-setting": fact.name,
    placeholder: fact.unit ? "fits the answer" : fact.usual === null ? "as below" : `${fact.usual} (usual)`, autocomplete: "off",
  });
  input.value = value ?? "";
  input.addEventListener("input", () => tell(typed(input.value, fact.kind)));
  label.append(input, help);
  return label;
}

function rangeOf({ range }) {
  if (!range) return "";
  const [low, high] = range;
  if (low === null) return `At most ${high}.`;
  return high === null ? `At least ${low}.` : `${low} to ${high}.`;
}

/** Called once by the page. props.value: the text. */
export function mountLineUp({ element, props, trigger, watch, facts }) {
  const root = element.querySelector(".lz-lineup");
  const lineUp = new LineUp(root, facts, (text) => {
    props.value = text;
    trigger("input");
  });
  const show = () => lineUp.show(props.value);
  watch("value", show);
  show();
  element.lineUp = lineUp; // for tests and for other scripts of this page
  return lineUp;
}
