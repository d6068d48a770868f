// The menu of panels without a browser: node --test tests/llada_viz/panels/menu.test.mjs

import assert from "node:assert/strict";
import { test } from "node:test";

import { panelsOf } from "../../../assets/canvas/panels.mjs";

test("the panels that are open are those that were chosen, in the order of the menu", () => {
  assert.deepEqual(panelsOf(""), ["masks", "heat", "cell"]);
  assert.deepEqual(panelsOf("regret masks order"), ["masks", "order", "regret"]);
  assert.deepEqual(panelsOf("none"), []);
  assert.deepEqual(panelsOf("masks, nonsense"), []);
});
