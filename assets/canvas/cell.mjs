// How a cell looks and what is said of it. No DOM.

import { glyph, percent, spoken } from "./text.mjs";
import { isMask, isNoise, isOpen } from "./timeline.mjs";

/** The likeliest draft of a cell, [text, probability], or null. */
export function draftOf(cell) {
  return isOpen(cell.mark) ? cell.drafts?.[0] ?? null : null;
}

/** The classes of a cell; fresh: the frame shown wrote it; ghosts: drafts are shown. */
export function cellClass(cell, fresh, ghosts = false) {
  const names = ["c"];
  const ghost = ghosts && draftOf(cell) !== null;
  if (cell.mark === "u" && fresh) names.push("rm");
  else if (cell.mark === "b" || cell.mark === "r" || cell.mark === "x") names.push("bk");
  else if (isMask(cell.mark)) names.push(fresh && cell.mark === "m" ? "m nw" : "m"); // new: it was inserted
  else if (isNoise(cell.mark)) {
    names.push("ns");
    if (cell.mark !== "n") names.push("bn");
  } else {
    if (fresh && !"pvd".includes(cell.mark)) names.push("nw");
    if (cell.mark === "p") names.push("pin");
    if (cell.mark === "e") names.push("ed");
    if (cell.mark === "d") names.push("wt");
    if (cell.mark === "v" && fresh) names.push("vf");
    if (glyph(cell.text).dim) names.push("dim");
  }
  if (ghost && !names.includes("rm")) names.push("gh");
  return names.join(" ");
}

/** What stands in a cell. */
export function cellText(cell, fresh, ghosts = false) {
  if (cell.mark === "u" && fresh) return glyph(cell.was).shown;
  const draft = ghosts ? draftOf(cell) : null;
  if (draft) return glyph(draft[0]).shown;
  return isMask(cell.mark) ? " " : glyph(cell.text).shown;
}

/** Whether a run holds no probabilities. */
export const unsure = (meta) => Boolean(meta?.unsure);

/** What a screen reader says for a cell; meta: of its run. */
export function cellLabel(pos, cell, ghosts = false, meta = null) {
  if (isOpen(cell.mark)) {
    const what = isMask(cell.mark) ? "masked" : `noise, ${spoken(cell.text)}`;
    const was = cell.was ? `, was ${spoken(cell.was)}` : "";
    const draft = ghosts ? draftOf(cell) : null;
    const draftSure = draft?.[1] == null ? "" : `, ${percent(draft[1])}`;
    const ghost = draft ? `, draft ${spoken(draft[0])}${draftSure}` : "";
    return `Cell ${pos}: ${what}${was}${ghost}`;
  }
  const unasked = unsure(meta) ? "decided" : "filled in after an early stop";
  const sure = cell.conf == null ? unasked : `${percent(cell.conf)} sure`;
  const how = { p: "given", s: "there from the start", d: `${sure}, waits for its check` }[cell.mark] ?? sure;
  return `Cell ${pos}: ${spoken(cell.text)}, ${how}`;
}
