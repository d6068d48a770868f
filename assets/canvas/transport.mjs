// The buttons, the slider, the pace and the keyboard of a canvas or of a comparison.

import { keep, kept, make, set } from "./dom.mjs";
import { HELP, command } from "./keys.mjs";
import { PACES, USUAL_PACE } from "./player.mjs";

const KEPT = "lz-pace"; // in the browser

/** The pace that was chosen here last. */
export function keptPace() {
  const pace = Number(kept(KEPT));
  return PACES.includes(pace) ? pace : USUAL_PACE;
}

/** A pace in words. */
export function paceWords(pace) {
  return pace === Infinity ? "as it comes" : `${pace} a second`;
}

/** Whether a key press is the pressed element's own: a list's, or a button's. */
function isNative(event, speed) {
  return event.target === speed || (event.target.matches("button") && event.key === " ");
}

export class Transport {
  /** parts: elements by name; act(what, value): what keys.mjs says. */
  constructor(root, parts, act) {
    Object.assign(this, { root, parts, act });
    parts.speed.max = PACES.length - 1;
    this.showPace(keptPace());
    for (const [keys, text] of HELP) parts.help.append(make("dt", "", keys), make("dd", "", text));
    parts.first.addEventListener("click", () => act("frame-to", 0));
    parts.last.addEventListener("click", () => act("frame-to", Infinity));
    parts.play.addEventListener("click", () => act("play", 0));
    parts.keys.addEventListener("click", () => act("help", 0));
    parts.range.addEventListener("input", () => act("frame-to", Number(parts.range.value)));
    parts.speed.addEventListener("input", () => act("speed-to", PACES[Number(parts.speed.value)]));
    parts.transport.addEventListener("keydown", (event) => {
      if (!isNative(event, parts.speed)) this.key(event, false);
    });
  }

  /** A key press, on the cells or elsewhere. */
  key(event, onCells) {
    const pressed = command(event, onCells);
    if (!pressed || event.defaultPrevented) return;
    event.preventDefault();
    this.act(...pressed);
  }

  /** Do what changes only the player or this bar; whether it was such a thing. */
  does(player, what, value) {
    const { parts } = this;
    if (what === "help") {
      parts.help.hidden = !parts.help.hidden;
      parts.keys.setAttribute("aria-expanded", String(!parts.help.hidden));
    } else if (what === "frame-one") player.seek(player.beside(value));
    else if (what === "frame-to") player.seek(Math.min(value, player.last));
    else if (what === "play") player.toggle();
    else if (what === "speed-to") this.keepPace(player, value);
    else if (what === "speed") {
      player.faster(value);
      this.keepPace(player, player.pace);
    } else return false;
    return true;
  }

  keepPace(player, pace) {
    player.setPace(pace);
    keep(KEPT, String(pace));
    this.showPace(pace);
  }

  showPace(pace) {
    const { parts } = this;
    parts.speed.value = PACES.indexOf(pace);
    parts.speed.setAttribute("aria-valuetext", paceWords(pace));
    set(parts.pace, paceWords(pace));
  }

  enable(yes, names = ["first", "play", "last", "range"]) {
    for (const name of names) this.parts[name].disabled = !yes;
  }

  /** Show where the player is. live, shown: the place in words, while it follows a run and afterwards; spoken:
   * of the slider; stills: how many frames are passed over. */
  show(player, live, shown, spoken, stills = 0) {
    const { parts } = this;
    const last = Math.max(player.last, 0);
    if (Number(parts.range.max) !== last) parts.range.max = last;
    if (Number(parts.range.value) !== player.index) parts.range.value = player.index;
    const follows = player.live && !player.ended;
    const folded = stills ? ` · ${stills} folded` : "";
    set(parts.frame, follows ? live : `${shown}${folded}`);
    parts.frame.title = stills ? `${stills} frames in which nothing changed are passed over.` : "";
    parts.range.setAttribute("aria-valuetext", spoken);
    parts.play.classList.toggle("on", player.moving);
    parts.play.setAttribute("aria-label", player.moving ? "Pause" : "Play");
    this.root.dataset.state = player.ended && !player.behind ? "ended" : "running";
  }
}
