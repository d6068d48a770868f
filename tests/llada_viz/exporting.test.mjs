// What the export dialog asks for and says (assets/canvas/exporting.mjs).

import assert from "node:assert/strict";
import test from "node:test";

import { farWords, fileAddress, orderOf } from "../../assets/canvas/exporting.mjs";

test("an order has only what its kind needs", () => {
  const source = { id: "run", frames: [3], lasts: [9] };
  const chosen = { theme: "dark", pace: "12", size: "small", frame: "board" };
  assert.deepEqual(orderOf(source, { ...chosen, form: "html" }), { id: "run", form: "html", theme: "dark" });
  assert.deepEqual(orderOf(source, { ...chosen, form: "gif" }), { id: "run", form: "gif", theme: "dark", pace: 12, size: "small" });
  assert.deepEqual(orderOf(source, { ...chosen, form: "svg" }).frames, [3]);
  assert.deepEqual(orderOf(source, { ...chosen, form: "pdf", frame: "last" }).frames, [-1]);
});

test("a file's address stands beside the page's, wherever the page is served", () => {
  const at = (pathname) => fileAddress("a/b", { origin: "https://x", pathname });
  assert.equal(at("/"), "https://x/export/a%2Fb");
  assert.equal(at("/viz"), "https://x/viz/export/a%2Fb");
});

test("how far it is, and how long it still takes where that is known and worth saying", () => {
  assert.equal(farWords({ done: 0, of: 0, unit: "" }, undefined, 0), "Writing …");
  assert.equal(farWords({ done: 0, of: 60, unit: "pictures" }, undefined, 0), "0 of 60 pictures");
  assert.equal(farWords({ done: 1, of: 60, unit: "pictures" }, 1, 0), "1 of 60 pictures");
  assert.equal(farWords({ done: 1026, of: 4098, unit: "frames" }, 2, 5), "1,026 of 4,098 frames, about 15 s left");
  assert.equal(farWords({ done: 59, of: 60, unit: "pictures" }, 1, 5), "59 of 60 pictures");
});
