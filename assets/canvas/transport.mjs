// The buttons, the slider, the speed and the keyboard of a canvas or of a comparison.

import { make, set } from "./dom.mjs";
import { HELP, command } from "./keys.mjs";
import { SPEEDS } from "./player.mjs";

/** Whether a key press is the pressed element's own: a list's, or a button's. */
function isNative(event, speed) {
  return event.target === speed || (event.target.matches("button") && event.key === " ");
}

export class Transport {
  /** parts: elements by name; act(what, value): what keys.mjs says. */
  constructor(root, parts, act) {
    Object.assign(this, { root, parts, act });
    for (const speed of SPEEDS) parts.speed.append(make("option", "", `${speed}×`, { value: speed }));
    parts.speed.value = "1";
    for (const [keys, text] of HELP) parts.help.append(make("dt", "", keys), make("dd", "", text));
    parts.first.addEventListener("click", () => act("frame-to", 0));
    parts.last.addEventListener("click", () => act("frame-to", Infinity));
    parts.play.addEventListener("click", () => act("play", 0));
    parts.keys.addEventListener("click", () => act("help", 0));
    parts.range.addEventListener("input", () => act("frame-to", Number(parts.range.value)));
    parts.speed.addEventListener("change", () => act("speed-to", Number(parts.speed.value)));
    parts.transport.addEventListener("keydown", (event) => {
      if (!isNative(event, parts.speed)) this.key(event, false);
    });
  }

  /** A key press, on the cells or elsewhere. */
  key(event, onCells) {
    const pressed = command(event, onCells);
    if (!pressed) return;
    event.preventDefault();
    this.act(...pressed);
  }

  /** Do what changes only the player or this bar; whether it was such a thing. */
  does(player, what, value) {
    const { parts } = this;
    if (what === "help") {
      parts.help.hidden = !parts.help.hidden;
      parts.keys.setAttribute("aria-expanded", String(!parts.help.hidden));
    } else if (what === "frame-one") player.seek(player.index + value);
    else if (what === "frame-to") player.seek(Math.min(value, player.last));
    else if (what === "play") player.toggle();
    else if (what === "speed-to") player.speed = value;
    else if (what === "speed") {
      player.faster(value);
      parts.speed.value = String(player.speed);
    } else return false;
    return true;
  }

  enable(yes, names = ["first", "play", "last", "range"]) {
    for (const name of names) this.parts[name].disabled = !yes;
  }

  /** Show where the player is. live, shown: the place in words, while it follows a run and afterwards; spoken:
   * of the slider. */
  show(player, live, shown, spoken) {
    const { parts } = this;
    const last = Math.max(player.last, 0);
    if (Number(parts.range.max) !== last) parts.range.max = last;
    if (Number(parts.range.value) !== player.index) parts.range.value = player.index;
    const follows = player.live && !player.ended;
    set(parts.frame, follows ? live : shown);
    parts.range.setAttribute("aria-valuetext", spoken);
    const moving = player.playing || follows;
    parts.play.classList.toggle("on", moving);
    parts.play.setAttribute("aria-label", moving ? "Pause" : "Play");
    this.root.dataset.state = player.ended ? "ended" : "running";
  }
}
