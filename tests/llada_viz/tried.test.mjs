// The candidates of a block, without a page: `node --test tests/llada_viz/tried.test.mjs`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { against, alike } from "../../assets/canvas/tried.mjs";

test("candidates of one text share a line, which keeps the mark of the kept one", () => {
  const list = [[0.2, "a = 1"], [0.9, "a = 2"], [0.2, "a = 1"], [0.9, "a = 2"]];
  assert.deepEqual(alike(list, 3), [[[1, 3], 0.2, "a = 1", false], [[2, 4], 0.9, "a = 2", true]]);
  assert.deepEqual(alike(list, -1).map((line) => line[3]), [false, false]);
  assert.deepEqual(alike([], -1), []);
});

const marked = (text, base) => against(text, base).map(([part, differs]) => (differs ? `[${part}]` : part)).join("");

test("what differs is marked", () => {
  assert.equal(marked("cost: 16 + 32 = 49\n", "cost: 16 + 32 = 48\n"), "cost: 16 + 32 = [49\n]");
  assert.equal(marked("3 * 4 = 12", "2 * 4 = 8"), "[3 ]* 4 = [12]");
  assert.equal(marked("a b c d", "a d"), "a [b ][c ]d");
  assert.equal(marked("a d", "a b c d"), "a d");
  assert.equal(marked("same", "same"), "same");
  assert.equal(marked("new", ""), "[new]");
  assert.equal(marked("", "old"), "[]");
});
