// Help beside the fields of a form: shown while a field is used, and read out with it.

import { make, whenThere } from "./dom.mjs";

/** Give fields their help. tips: element id -> text. */
export function giveTips(tips) {
  for (const [id, text] of Object.entries(tips)) {
    whenThere(`#${id} input`, (input) => {
      document.getElementById(id).append(make("p", "lz-tip", text, { id: `tip-${id}`, role: "tooltip" }));
      input.setAttribute("aria-describedby", `tip-${id}`);
    });
  }
}
