// Two sliders: what another temperature and another top p would have made of stored probabilities.

import { make, set } from "./dom.mjs";
import { retempered } from "./retemper.mjs";

const HOTTEST = 3;

export class Retemper {
  /** onMove(): a slider was moved. */
  constructor(onMove) {
    this.onMove = onMove;
    this.root = make("div", "retemper", "", { role: "group", "aria-label": "Another temperature" });
    this.temperature = this.slider("Temperature", 0, HOTTEST, 0.05);
    this.topP = this.slider("Top p", 0.05, 1, 0.05);
    this.about = make("p", "none", "Move a slider: what another temperature would have made of it, without asking again.");
    this.root.append(this.about);
  }

  slider(name, min, max, step) {
    const input = make("input", "", "", { type: "range", min, max, step, "aria-label": name });
    input.value = 1;
    const shown = make("output", "", "1");
    const label = make("label");
    label.append(make("span", "", name), input, shown);
    input.addEventListener("input", () => {
      set(shown, Number(input.value).toFixed(2).replace(/\.?0+$/, ""));
      this.onMove();
    });
    this.root.append(label);
    return input;
  }

  /** Whether they are anywhere but at 1, where nothing changes. */
  get moved() {
    return Number(this.temperature.value) !== 1 || Number(this.topP.value) !== 1;
  }

  /** Whether the temperature gives more to what is not stored. */
  get hot() {
    return Number(this.temperature.value) > 1;
  }

  /** What becomes of stored probabilities. */
  of(stored) {
    return retempered(stored, Number(this.temperature.value), Number(this.topP.value));
  }
}
