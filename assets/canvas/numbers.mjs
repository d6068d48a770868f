// What stands above the cells: counters, the sentence, the verdict, and where the run comes from.

import { set } from "./dom.mjs";
import { rate, showVerdict } from "./readout.mjs";
import { leftWord, specialIn } from "./text.mjs";

/** What is said of a run beside its counters. */
export function showSource(parts, meta) {
  parts.prompt.textContent = meta.prompt;
  parts.asked.textContent = meta.question ?? "";
  parts.asked.hidden = !meta.question;
  const which = meta.rows > 1 ? `row 1 of ${meta.rows}` : "";
  const approximate = meta.approximate && `approximate: ${meta.approximate}`;
  parts.source.textContent = [meta.sampler, meta.model, which, approximate].filter(Boolean).join(" · ");
  parts.source.title = meta.told;
  set(parts["left-name"], meta.noise ? "noise left" : "masks left");
  set(parts["curve-name"], meta.noise ? "Noise left" : "Masks left");
}

/** The counters of a frame. */
export function showNumbers(parts, timeline, frame) {
  const { meta, frames } = timeline;
  // Windows that are opened again take more steps than the answer was planned to.
  const planned = meta.steps && frame.step <= meta.steps;
  set(parts.step, planned ? `${frame.step} / ${meta.steps}` : String(frame.step));
  set(parts.nfe, String(frame.nfe));
  set(parts.masks, String(frame.masks));
  set(parts.rate, rate(frames[0], frame));
  set(parts.calls, String(frame.calls));
  parts["calls-box"].hidden = frames.at(-1).calls === 0;
}

/** No run: no numbers. */
export function clearNumbers(parts) {
  for (const name of ["step", "nfe", "masks", "rate"]) set(parts[name], "–");
  parts["calls-box"].hidden = true;
  set(parts.source, "");
  set(parts.frame, "no frames");
}

/** A frame's place in words, for the slider. */
export function placeOf(timeline, index, last) {
  const frame = timeline.frames[index];
  return `frame ${index} of ${last}, step ${frame.step}, ${frame.masks} ${leftWord(timeline.meta)}`;
}

/** A sentence: its lead, the rest, and the tone that colours the lead. ops: of its frame. */
export function showSentence(parts, [lead, rest, tone], ops) {
  parts.rest.title = specialIn(ops);
  set(parts.lead, lead);
  set(parts.rest, rest);
  parts.say.dataset.tone = tone;
  parts.say.hidden = false;
}

/** Whether a finished answer is right; or, where it was cut off, the button that tries again with more cells.
 * can: whether it can be tried again. */
export function showOutcome(parts, { verdict, again }, can) {
  parts.verdict.hidden = !verdict;
  showVerdict(parts.verdict, verdict);
  parts.again.hidden = !again || !can;
  if (again) set(parts.again, `Try ${again}`);
}
