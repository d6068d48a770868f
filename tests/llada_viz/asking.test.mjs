// Unit tests of what asks a cell and branches, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Answers, draftsOf } from "../../assets/canvas/answers.mjs";
import { placedTokens } from "../../assets/canvas/grow.mjs";
import { historyLine, keepScore, reasonFor } from "../../assets/canvas/past.mjs";
import { pinnedState } from "../../assets/canvas/pins.mjs";
import { retempered } from "../../assets/canvas/retemper.mjs";
import { finePercent } from "../../assets/canvas/text.mjs";
import { Timeline } from "../../assets/canvas/timeline.mjs";
import { depths, told } from "../../assets/canvas/tree.mjs";

const near = (found, wanted) => {
  assert.equal(found.length, wanted.length);
  found.forEach((each, i) => assert.ok(Math.abs(each - wanted[i]) < 1e-6, `${found}`));
};

function run() {
  const line = new Timeline("a");
  const ops = Array.from({ length: 4 }, (_, i) => [i, "", null, "m"]);
  const meta = { gen_length: 4, block_length: 4, steps: 4 };
  const push = (kind, more) => line.push({ seq: line.length, kind, ops: [], step: line.length, nfe: 0, masks: 4, block: 0, say: ["", ""], ...more });
  push("start", { ops, meta });
  push("predict", { drafts: [[1, [["a", 0.7], ["b", 0.2]]]] });
  push("unmask", { ops: [[1, "a", 0.7, "c"]] });
  push("policy", { ups: { at: 0, p: [0.1, 0.9, 0.2, 0.3], cut: 0.5 } });
  push("remask", { ops: [[1, "a", 0.7, "u"]], reason: "ups" });
  push("edit", { ops: [[1, "z", 1, "e"]], reason: "user" });
  return line;
}

test("another temperature is the arithmetic of samplers/measuring/alternatives.py", () => {
  near(retempered([0.6, 0.3, 0.1], 1), [0.6, 0.3, 0.1]);
  near(retempered([0.6, 0.3], 1), [2 / 3, 1 / 3]); // of what is stored
  near(retempered([0.6, 0.3, 0.1], 0), [1, 0, 0]);
  near(retempered([0.8, 0.2], 0.5), [0.64 / 0.68, 0.04 / 0.68]);
  near(retempered([0.6, 0.3, 0.1], 1, 0.5), [1, 0, 0]);
  near(retempered([0.6, 0.3, 0.1], 1, 0.7), [2 / 3, 1 / 3, 0]);
  near(retempered([0.5, 0], 2), [1, 0]);
  assert.deepEqual(retempered([], 1), []);
});

test("drafts of a decided cell are those before it was written", () => {
  const line = run();
  assert.deepEqual(draftsOf(line, line.stateAt(1), 1, 1), [["a", 0.7], ["b", 0.2]]);
  assert.deepEqual(draftsOf(line, line.stateAt(3), 1, 3), [["a", 0.7], ["b", 0.2]]);
  assert.equal(draftsOf(line, line.stateAt(3), 2, 3), null);
  assert.equal(draftsOf(line, line.stateAt(5), 1, 5), null); // written by hand
});

test("a decided cell is asked once, an undecided one at rest only", async () => {
  const asked = [];
  const server = {
    likeliest: async (request) => {
      asked.push(request);
      return { tokens: [[7, "a", 0.7]], recorded: false, stands: 7, frame: 1, note: "" };
    },
  };
  const line = run();
  let heard = () => {};
  const answers = new Answers(server, () => heard());
  const next = () => new Promise((resolve) => (heard = resolve));
  assert.equal(answers.of(line, line.stateAt(0), 0, 2, true).asks, undefined, "frames go by");
  const waits = next();
  assert.equal(answers.of(line, line.stateAt(3), 3, 1, true).asks, true);
  await waits;
  const known = answers.of(line, line.stateAt(2), 2, 1, true);
  assert.deepEqual([known.stands, known.note], [7, "Asked again, at the canvas of frame 1."]);
  assert.deepEqual(asked, [["a", 3, 1]]);
  const rest = next();
  answers.of(line, line.stateAt(0), 0, 2, false);
  await rest;
  assert.deepEqual(asked[1], ["a", 0, 2]);
});

test("what happened to a cell, by whom and why", () => {
  const line = run();
  const past = line.history(1, 5).map((each) => historyLine({ ...each, why: reasonFor(line, each.seq, 1) }));
  assert.deepEqual(past.map(({ done, text }) => `${done} ${text}`), [
    "draft a", "written a", "re-masked by UPS, was a", "written by you: z",
  ]);
  assert.equal(past[2].why, "keep score 0.10, under 0.50");
  assert.equal(past[1].why, undefined);
  const { keep, least } = keepScore(line.stateAt(3), 2);
  assert.deepEqual([keep.toFixed(2), least.toFixed(2)], ["0.80", "0.50"]);
  assert.equal(keepScore(line.stateAt(2), 2), null);
});

test("typed words take the cells that are there", () => {
  const line = run();
  line.push({ seq: 6, kind: "insert", ops: [[4, "x", 1, "p"]], ins: [[3, [4]]], step: 6, nfe: 0, masks: 3, block: 0 });
  const state = line.tail; // 0 1 2 4 3, of which 4 is given
  assert.deepEqual(placedTokens(state, 1, [[7, "a"], [8, "b"]]), [
    { cell: 1, pos: 1, token: 7, text: "a" }, { cell: 2, pos: 2, token: 8, text: "b" },
  ]);
  assert.match(placedTokens(state, 2, [[7, "a"], [8, "b"]]), /cell 3 was given/);
  assert.match(placedTokens(state, 4, [[7, "a"], [8, "b"]]), /only 1 is left/);
});

test("the tree in words", () => {
  const node = (run, parent, more = {}) => ({ run, parent, seq: 3, name: run, sampler: "S", ended: true, right: null, ...more });
  const nodes = [node("r", ""), node("a", "r"), node("b", "a"), node("c", "r")];
  assert.deepEqual(depths(nodes).map(([, depth]) => depth), [0, 1, 2, 1]);
  assert.equal(told(nodes[0]), "S");
  assert.equal(told(node("S", "r", { right: true })), "from frame 3 · right");
  assert.equal(told(node("x", "r", { ended: false })), "from frame 3 · S · goes on");
});

test("small probabilities are told apart", () => {
  assert.deepEqual([1, 0.42, 0.034, 0.0004, 0].map(finePercent), ["100%", "42%", "3.4%", "<0.1%", "0%"]);
});

test("pinned words stand on the empty board", () => {
  const { order, cells } = pinnedState(3, [[1, "="], [7, "x"]]);
  assert.deepEqual(order, [0, 1, 2]);
  assert.deepEqual(cells.map(({ mark, text }) => mark + text), ["m", "p=", "m"]);
});
