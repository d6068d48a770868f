// How tokens, confidences and numbers look. No DOM.

const CIVIDIS = [
  "#00224e", "#123570", "#3b496c", "#575d6d", "#707173",
  "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838",
];

const SPECIAL = { "<|endoftext|>": "∎", "<|eot_id|>": "⟨eot⟩" };

/** The colour of a confidence in [0, 1]: cividis, readable without colour vision. */
export function cividis(p) {
  return CIVIDIS[Math.min(9, Math.max(0, Math.floor(p * 10)))];
}

/** 0.934 -> "93%". */
export function percent(p) {
  return p == null ? "–" : `${Math.round(p * 100)}%`;
}

/** The same for the small ones too: 0.0034 -> "0.3%". */
export function finePercent(p) {
  if (p == null || p >= 0.0995 || p === 0) return percent(p);
  return p < 0.0005 ? "<0.1%" : `${(100 * p).toFixed(1)}%`;
}

/** Whether a cell holds a special token such as <|endoftext|>. */
export function isSpecial(text) {
  return /^<\|[^|<>]+\|>$/.test(text);
}

/**
 * A token as it stands in its cell: {shown, dim}. Spaces around a word are left out (the gap
 * between cells stands for them); what would be invisible becomes a glyph, and glyphs are dim.
 */
export function glyph(text) {
  if (text === "") return { shown: "·", dim: true }; // its character ends in a later cell
  if (isSpecial(text)) return { shown: SPECIAL[text] ?? `⟨${text.slice(2, -2)}⟩`, dim: true };
  const bare = text.replace(/^ +| +$/g, "");
  return { shown: visible(bare === "" ? text : bare), dim: /^\s+$/.test(text) };
}

/** Every character to be seen: line breaks, tabs and, where nothing else stands, spaces. */
export function visible(text) {
  const spaces = /^ +$/.test(text) ? text.replaceAll(" ", "␣") : text;
  return spaces.replaceAll("\r", "").replaceAll("\n", "⏎").replaceAll("\t", "⇥");
}

/** A token exactly as it is, spaces included, for the details of a cell. */
export function exact(text) {
  return glyph(text).dim ? glyph(text).shown : visible(text).replaceAll(" ", "␣");
}

/** The special tokens that a frame wrote, as they are: for the tip of a sentence that names them in words. */
export function specialIn(ops) {
  return [...new Set((ops ?? []).map(([, text]) => text).filter(isSpecial))].join(" ");
}

/** What a screen reader says for a token. */
export function spoken(text) {
  const names = { "\n": "line break", " ": "space", "": "part of a character" };
  const ends = { "<|endoftext|>": "end of text", "<|eot_id|>": "end of the answer" };
  if (isSpecial(text)) return ends[text] ?? text.slice(2, -2);
  return names[text] ?? text.trim();
}

/** What is left to decide, for a number of it. meta: of the run. */
export function leftWord(meta) {
  return meta?.noise ? "cells of noise left" : "masks left";
}
