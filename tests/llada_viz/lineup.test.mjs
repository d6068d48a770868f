// The line-up's form and the bars of a comparison, without a page: `node --test tests/llada_viz/lineup.test.mjs`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { columnsOf } from "../../assets/canvas/bars.mjs";
import { changed, summary, typed } from "../../assets/canvas/lineup.mjs";

test("what is typed becomes a number where the setting is one", () => {
  assert.equal(typed(" 0.05 ", "float"), 0.05);
  assert.equal(typed("64", "int"), 64);
  assert.equal(typed("", "float"), undefined);
  assert.equal(typed("x", "int"), "x");
  assert.equal(typed("1e999", "float"), "1e999");
  assert.equal(typed("7", "str"), "7");
});

test("only what differs from the usual is named", () => {
  const fact = { name: "threshold", usual: 0.9 };
  assert.deepEqual(changed({}, fact, 0.5), { threshold: 0.5 });
  assert.deepEqual(changed({ threshold: 0.5, top_k: 3 }, fact, 0.9), { top_k: 3 });
  assert.deepEqual(changed({ threshold: 0.5 }, fact, undefined), {});
  assert.deepEqual(changed({}, { name: "steps", usual: null }, 8), { steps: 8 });
});

test("changed settings in words", () => {
  const facts = [
    { name: "early_stop", label: "Early stop", kind: "bool" }, { name: "kl_threshold", label: "KL threshold", kind: "float" },
    { name: "choice", label: "Choice", kind: "choice", choices: [["score_x_confidence", "score × confidence"]] },
  ];
  assert.equal(summary({ early_stop: false, kl_threshold: 3 }, facts), "early stop off, KL threshold 3");
  assert.equal(summary({ choice: "score_x_confidence", a_b: 1 }, facts), "choice score × confidence, a b 1");
  assert.equal(summary({}, facts), "");
});

const run = (nfe, t, rate, calls, did = {}) => ({ last: { nfe, t, step: nfe, calls }, rate, count: () => 0, did });

test("bars of a number are shares of the largest, and empty columns are left out", () => {
  const columns = columnsOf([run(32, 1.5, "20", 0, { tpf: 1, tau: -0.5 }), run(8, null, "–", 0, { tpf: 4, tau: 1 })]);
  const named = Object.fromEntries(columns.map((column) => [column.title, column]));
  assert.deepEqual(Object.keys(named), ["NFE", "steps", "seconds", "tok/s", "tokens a pass", "order τ"]);
  assert.deepEqual(named.NFE.shares, [1, 0.25]);
  assert.deepEqual(named.seconds.texts, ["1.50", "–"]);
  assert.deepEqual(named["tok/s"].shares, [1, null]);
  assert.deepEqual(named["order τ"].texts, ["−0.50", "+1.00"]);
  assert.deepEqual(named["order τ"].shares, [0.5, 1]);
});

test("a column that only some runs have is shown for all", () => {
  const titles = columnsOf([run(1, 1, "1", 3), run(1, 1, "1", 0)]).map(({ title }) => title);
  assert.ok(titles.includes("reward calls") && !titles.includes("edited"));
});
