// Unit tests of assets/canvas without a browser: node --test tests/llada_viz/canvas.test.mjs

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { align, gaps } from "../../assets/canvas/align.mjs";
import { cellClass, cellLabel, cellText } from "../../assets/canvas/cell.mjs";
import { foldFrom } from "../../assets/canvas/ends.mjs";
import { HeatMap, curve, frameAtCost, frameAtStep, rectangles } from "../../assets/canvas/charts.mjs";
import { leastSure } from "../../assets/canvas/least.mjs";
import { historyLine } from "../../assets/canvas/past.mjs";
import { bytesOf } from "../../assets/canvas/dom.mjs";
import { command } from "../../assets/canvas/keys.mjs";
import {
  clock, compared, differences, differing, divergence, frameAt, lastTick, statesAt,
} from "../../assets/canvas/lockstep.mjs";
import { blockOf, changedOrder, rearranged, startOf } from "../../assets/canvas/order.mjs";
import { endsLine } from "../../assets/canvas/gutter.mjs";
import { lineStarts } from "../../assets/canvas/lines.mjs";
import { Player } from "../../assets/canvas/player.mjs";
import { answerText, rate } from "../../assets/canvas/readout.mjs";
import { fits, peers, placesOf, wrongPlaces } from "../../assets/canvas/square.mjs";
import { cividis, exact, glyph, percent, specialIn, spoken } from "../../assets/canvas/text.mjs";
import { tipLines } from "../../assets/canvas/tip.mjs";
import { KEY_EVERY, Timeline, isMask, isNoise, isOpen } from "../../assets/canvas/timeline.mjs";

const CELLS = 8;

function first(cells = CELLS) {
  const ops = Array.from({ length: cells }, (_, i) => [i, "", null, "m"]);
  const meta = { gen_length: cells, block_length: 4, steps: cells, rows: 1, prompt: "" };
  return frame(0, "start", ops, { meta, block: -1, masks: cells });
}

function frame(seq, kind, ops, more = {}) {
  return { seq, kind, ops, step: seq, nfe: seq, masks: CELLS - seq, calls: 0, t: seq, block: 0, ...more };
}

function filled(count) {
  const line = new Timeline("a");
  line.push(first());
  for (let i = 1; i < count; i++) line.push(frame(i, "unmask", [[i % CELLS, ` ${i}`, 0.5, "c"]]));
  return line;
}

test("the fold of every prefix does not depend on keyframes", () => {
  const line = filled(KEY_EVERY * 3 + 5);
  assert.equal(line.keys.length, 4);
  for (let i = 1; i < line.length; i++) {
    const cell = line.stateAt(i).cells[i % CELLS];
    assert.deepEqual([cell.text, cell.at], [` ${i}`, i]);
    const next = line.stateAt(i).cells[(i + 1) % CELLS];
    assert.ok(next.at < i); // nothing of a later frame
  }
  assert.equal(line.stateAt(0).cells.every((cell) => cell.mark === "m"), true);
});

test("cells that did not change are the same objects", () => {
  const line = filled(10);
  const [before, after] = [line.stateAt(5), line.stateAt(6)];
  const changed = before.cells.filter((cell, i) => cell !== after.cells[i]);
  assert.equal(changed.length, 1);
});

test("frames come once and in order", () => {
  const line = filled(4);
  assert.equal(line.push(frame(2, "unmask", [])), "old");
  assert.equal(line.push(frame(9, "unmask", [])), "gap");
  assert.equal(line.push(frame(4, "stop", [])), "new");
  assert.equal(line.ended, true);
});

test("re-masked cells remember what was dropped, texts are completed in place", () => {
  const line = filled(2);
  line.push(frame(2, "unmask", [[2, "", 0.4, "c"]]));
  line.push(frame(3, "unmask", [[3, "x", 0.4, "c"], [2, "é", null, "t"]]));
  assert.deepEqual([line.tail.cells[2].text, line.tail.cells[2].conf, line.tail.cells[2].at], ["é", 0.4, 2]);
  line.push(frame(4, "remask", [[2, "é", 0.4, "b"]]));
  const cell = line.tail.cells[2];
  assert.ok(isMask(cell.mark) && cell.was === "é" && cell.text === "" && cell.conf === null);
  assert.deepEqual(line.history(2, 4).map((h) => [h.mark, h.text]), [["c", "é"], ["b", "é"]]);
  assert.deepEqual(line.history(2, 1), []);
});

test("scores, windows and policy stay until they are replaced", () => {
  const line = filled(1);
  line.push(frame(1, "score", [], { prm: [[0, 0.25]] }));
  line.push(frame(2, "window", [], { win: [0, 2], ups: { at: 0, p: [0.5] }, prm: [[1, 0.5]] }));
  line.push(frame(3, "fork", [], { fork: 3 }));
  assert.deepEqual([line.tail.prm, line.tail.win, line.tail.fork], [{ 0: 0.25, 1: 0.5 }, [0, 2], 3]);
  line.push(frame(4, "choose", [], { fork: 0, win: null, ups: null }));
  assert.deepEqual([line.tail.win, line.tail.ups, line.tail.fork], [null, null, 0]);
  line.push(frame(5, "finish", [], { block: -1 }));
  assert.equal(line.tail.block, -1);
});

test("block edges", () => {
  const line = new Timeline("a");
  line.push(first());
  for (let i = 1; i <= 6; i++) line.push(frame(i, "unmask", [], { block: i <= 3 ? 0 : 1 }));
  assert.equal(line.blockEdge(0, 1), 1);
  assert.equal(line.blockEdge(1, 1), 4);
  assert.equal(line.blockEdge(4, 1), 6);
  assert.equal(line.blockEdge(6, -1), 4);
  assert.equal(line.blockEdge(4, -1), 1);
  assert.equal(line.blockEdge(1, -1), 0);
  assert.equal(line.blockEdge(0, -1), 0);
});

test("the player follows a live run until somebody looks back", () => {
  const player = new Player();
  player.setPace(Infinity);
  player.grow(10, false);
  assert.equal(player.index, 9);
  player.seek(3);
  player.grow(20, false);
  assert.deepEqual([player.index, player.live], [3, false]);
  player.seek(99);
  player.grow(30, false);
  assert.deepEqual([player.index, player.live], [29, true]);
});

test("playing takes the time that its speed says", () => {
  const player = new Player();
  player.grow(200, true);
  player.seek(199);
  player.toggle();
  assert.deepEqual([player.index, player.playing], [0, true]); // from the beginning again
  let now = 1000;
  for (player.tick(now); now < 2000; ) player.tick((now += 20));
  assert.equal(player.index, 10);
  player.faster(1);
  for (const end = now + 1000; now < end; ) player.tick((now += 20));
  assert.equal(player.index, 30);
  player.toggle();
  assert.equal(player.tick((now += 5000)), false);
  player.toggle();
  for (let i = 0; i < 2000 && player.playing; i++) player.tick((now += 100));
  assert.deepEqual([player.index, player.playing, player.live], [199, false, true]);
});

test("a live run goes by at its pace, and comes to its end", () => {
  const player = new Player();
  player.grow(50, true); // all frames at once
  assert.deepEqual([player.index, player.moving], [0, true]);
  let now = 0;
  for (player.tick(now); now < 1000; ) player.tick((now += 20));
  assert.deepEqual([player.index, player.behind], [10, true]);
  player.setPace(40); // while it goes on
  for (const end = now + 500; now < end; ) player.tick((now += 20));
  assert.equal(player.index, 30);
  player.setPace(Infinity);
  assert.deepEqual([player.index, player.moving, player.behind], [49, false, false]);
});

test("a frame that comes late is shown at once, and no two for it", () => {
  const player = new Player();
  player.grow(1, false);
  player.tick(0);
  player.grow(2, false);
  player.tick(1000);
  for (let now = 1000; now <= 1100; now += 20) player.tick(now);
  assert.equal(player.index, 1);
  player.grow(4, false); // two at once, a second later
  player.tick(2100);
  assert.equal(player.index, 2);
  player.tick(2150);
  assert.equal(player.index, 2);
  player.tick(2200);
  assert.equal(player.index, 3);
});

test("pausing a live run keeps its frame; paces have ends", () => {
  const player = new Player();
  player.setPace(Infinity);
  player.grow(5, false);
  player.toggle();
  player.grow(9, false);
  assert.equal(player.index, 4);
  for (let i = 0; i < 20; i++) player.faster(1);
  assert.equal(player.pace, Infinity);
  for (let i = 0; i < 20; i++) player.faster(-1);
  assert.equal(player.pace, 1);
});

test("what repeats the end of an answer is folded, and nothing else", () => {
  const cell = (text, mark = "c") => ({ text, mark, conf: 1, at: 0, was: "" });
  const end = () => cell("<|endoftext|>");
  const many = (n) => Array.from({ length: n }, end);
  assert.equal(foldFrom([cell("a"), ...many(5)]), 2);
  assert.equal(foldFrom([cell("a"), ...many(4)]), 5); // too few
  assert.equal(foldFrom([cell("a"), cell("<|eot_id|>"), ...many(6)]), 2);
  assert.equal(foldFrom([cell("a"), ...many(9), cell("", "m")]), 11); // not finished
  assert.equal(foldFrom(many(8)), 1);
  assert.equal(foldFrom([]), 0);
});

test("glyphs", () => {
  assert.deepEqual(glyph(" gives"), { shown: "gives", dim: false });
  assert.deepEqual(glyph("\n"), { shown: "⏎", dim: true });
  assert.deepEqual(glyph("\n\n"), { shown: "⏎⏎", dim: true });
  assert.deepEqual(glyph(" "), { shown: "␣", dim: true });
  assert.deepEqual(glyph("<|endoftext|>"), { shown: "∎", dim: true });
  assert.deepEqual(glyph("<|start_header_id|>"), { shown: "⟨start_header_id⟩", dim: true });
  assert.deepEqual(glyph(""), { shown: "·", dim: true });
  assert.deepEqual(glyph("<b>"), { shown: "<b>", dim: false });
  assert.equal(exact(" a b"), "␣a␣b");
  assert.equal(spoken("\n"), "line break");
  assert.equal(percent(0.934), "93%");
  assert.equal(percent(null), "–");
  assert.notEqual(cividis(0), cividis(1));
  assert.equal(cividis(1), cividis(5));
});

test("cells", () => {
  const cell = (mark, text = "", more = {}) => ({ mark, text, conf: 0.5, at: 3, was: "x", ...more });
  assert.equal(cellClass(cell("m"), false), "c m");
  assert.equal(cellClass(cell("c", "a"), true), "c nw");
  assert.equal(cellClass(cell("c", "a"), false), "c");
  assert.equal(cellClass(cell("p", "a"), true), "c pin");
  assert.equal(cellClass(cell("b"), false), "c bk");
  assert.equal(cellClass(cell("u"), true), "c rm");
  assert.equal(cellClass(cell("u"), false), "c m");
  assert.equal(cellClass(cell("e", "a"), true), "c nw ed");
  assert.equal(cellLabel(4, cell("c", " a")), "Cell 4: a, 50% sure");
  assert.equal(cellLabel(4, cell("b")), "Cell 4: masked, was x");
  const filled = cell("c", "<|endoftext|>", { conf: null });
  assert.equal(cellLabel(4, filled), "Cell 4: end of text, filled in after an early stop");
  const unknown = { unsure: true };
  assert.equal(cellLabel(4, cell("c", "a", { conf: null }), false, unknown), "Cell 4: a, decided");
  const ghost = cell("m", "", { was: "", drafts: [["b", null]] });
  assert.equal(cellLabel(4, ghost, true, unknown), "Cell 4: masked, draft b");
});

test("charts", () => {
  const line = filled(3);
  assert.deepEqual(curve(line.frames, 2), [[0, 8], [1, 7], [2, 6]]);
  assert.deepEqual(curve(line.frames, -1), []);
  const long = Array.from({ length: 5000 }, (_, i) => ({ nfe: i, masks: 0 }));
  assert.ok(curve(long, 4999).length <= 301);
  assert.deepEqual(curve(long, 4999).at(-1), [4999, 0]);
  assert.deepEqual(rectangles([[0, 1, Infinity, 0.5], [1, 2, 3, 0.5]], 2), [[0, 1, 3, 0.5], [1, 2, 3, 0.5]]);
  assert.deepEqual(rectangles([[0, 5, Infinity, 0.5]], 4), []);
});

test("details", () => {
  const cells = [0.9, 0.1, 0.5].map((conf, i) => ({ mark: "c", text: `${i}`, conf }));
  cells.push({ mark: "m", text: "", conf: null }, { mark: "c", text: "<|endoftext|>", conf: 0 });
  assert.deepEqual(leastSure(cells, 2).map((found) => found.pos), [1, 2]);
  assert.deepEqual(historyLine({ step: 3, mark: "b", text: " a", conf: 0.5 }), {
    when: "step 3", done: "back-masked, was", text: "␣a", sure: ""
  });
  assert.equal(answerText([{ mark: "c", text: "a" }, { mark: "m" }, ...cells.slice(-1)]), "a▒");
  assert.equal(rate({ masks: 8 }, { masks: 2, filled: 2, t: 2 }), "2");
  assert.equal(rate({ masks: 8 }, { masks: 4, filled: 0, t: null }), "–");
});

test("keys", () => {
  const press = (key, more = {}) => ({ key, ...more });
  assert.deepEqual(command(press("ArrowRight"), true), ["cell-one", 1]);
  assert.deepEqual(command(press("ArrowLeft", { shiftKey: true }), false), ["frame-block", -1]);
  assert.deepEqual(command(press("End"), false), ["frame-to", Infinity]);
  assert.deepEqual(command(press(" "), true), ["play", 0]);
  assert.equal(command(press("Enter"), false), null);
  assert.equal(command(press("ArrowRight", { ctrlKey: true }), true), null);
  assert.equal(command(press("x"), true), null);
});

test("frames made by the server fold to the server's canvas", { skip: !process.env.FRAMES }, () => {
  for (const { frames, boards } of JSON.parse(readFileSync(process.env.FRAMES, "utf-8"))) {
    const line = new Timeline("a");
    for (const made of frames) assert.equal(line.push(made), "new");
    for (const i of [...boards.keys(), ...[...boards.keys()].reverse()]) {
      const state = line.stateAt(i);
      const seen = state.cells.map((cell, pos) => ({
        id: state.order[pos], text: cell.text, open: isOpen(cell.mark), waits: cell.mark === "d",
        drafts: cell.drafts ?? [],
      }));
      assert.deepEqual(seen, boards[i], `frame ${i}, ${frames[i].kind}`);
      assert.equal(frames[i].masks, seen.filter((cell) => cell.open).length);
    }
  }
});

function lane(run, words, nfe = 1) {
  const line = new Timeline(run);
  line.push(first());
  words.forEach(([pos, text], i) => {
    line.push(frame(i + 1, "unmask", [[pos, text, 0.5, "c"]], { nfe: (i + 1) * nfe, t: (i + 1) / 10 }));
  });
  return line;
}

test("timelines share a clock of sequences evaluated or of seconds", () => {
  const slow = lane("a", [[0, "x"], [1, "y"]], 3);
  const fast = lane("b", [[0, "x"], [1, "z"]]);
  assert.equal(lastTick([slow, fast], "NFE"), 6);
  assert.deepEqual([0, 2, 3, 5, 6].map((place) => frameAt(slow, place, "NFE")), [0, 0, 1, 1, 2]);
  assert.equal(lastTick([slow, fast], "time"), 10);
  assert.equal(frameAt(slow, 5, "time"), 1);
  assert.deepEqual([clock(6, "NFE"), clock(10, "time")], ["6 NFE", "0.20 s"]);
});

test("the first divergence is the first cell with two different words", () => {
  const [slow, fast] = [lane("a", [[0, "x"], [1, "y"]], 3), lane("b", [[1, "z"], [0, "x"]])];
  const found = divergence([slow, fast], "NFE");
  assert.deepEqual([found.place, found.pos], [6, 1]);
  assert.deepEqual(found.words.map((cell) => cell.text), ["y", "z"]);
  assert.deepEqual(differing(statesAt([slow, fast], 3, "NFE")), []); // a mask differs from nothing
  assert.equal(divergence([slow, lane("c", [[0, "x"], [1, "y"]])], "NFE"), null);
});

test("a compressed trace reaches the browser's file byte by byte", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(bytesOf(Buffer.from(bytes).toString("base64")), bytes);
  assert.throws(() => bytesOf("<img src=x>"));
});

test("cells come and go by their ids", () => {
  const order = [0, 1, 2, 3];
  assert.equal(changedOrder(order, {}), order);
  const next = changedOrder(order, { del: [1], ins: [[1, [4, 5]], [3, [6]], [null, [7]]] });
  assert.deepEqual(next, [0, 4, 5, 2, 6, 3, 7]);
  assert.deepEqual(rearranged(["a", "b", "c", "d"], order, next), ["a", undefined, undefined, "c", undefined, "d", undefined]);
  const short = { first_block: 3, block_length: 8 };
  assert.deepEqual([0, 2, 3, 10, 11].map((pos) => blockOf(pos, short)), [0, 0, 1, 1, 2]);
  assert.deepEqual([0, 1, 2].map((block) => startOf(block, short)), [0, 3, 11]);
});

test("a cell's history follows its id", () => {
  const line = filled(3); // cells 1 and 2 are written
  line.push(frame(3, "predict", [], { drafts: [[3, [[" a", 0.5], [" b", 0.2]]]] }));
  line.push(frame(4, "insert", [[8, "", null, "m"], [9, " x", 0.7, "c"]], { ins: [[2, [8, 9]]] }));
  assert.deepEqual(line.tail.order, [0, 1, 8, 9, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(line.tail.cells[5].drafts, [[" a", 0.5], [" b", 0.2]], "a draft moves with its cell");
  assert.equal(line.tail.cells[4], line.stateAt(3).cells[2], "what moves is the same cell");
  line.push(frame(5, "draft", [[3, " c", 0.4, "d"]]));
  assert.equal(line.tail.cells[5].drafts, undefined);
  line.push(frame(6, "verify", [[3, " c", 0.3, "x"]]));
  line.push(frame(7, "predict", [], { drafts: [[3, [[" a", 0.9]]]] }));
  line.push(frame(8, "delete", [], { del: [3, 9] }));
  const told = (id) => line.history(id, 8).map(({ step, mark, text }) => [step, mark, text]);
  assert.deepEqual(told(3), [[3, "draft", " a"], [5, "d", " c"], [6, "x", " c"], [8, "del", ""]]);
  assert.deepEqual(told(9), [[4, "ins", ""], [4, "c", " x"], [8, "del", ""]]);
  assert.deepEqual(line.stateAt(3).order, [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(line.tail.order, [0, 1, 8, 2, 4, 5, 6, 7]);
  assert.deepEqual([0, 8, 9, 3, 4].map((id) => line.columns.of(id)), [0, 2, 3, 5, 6], "each keeps its column");
  assert.deepEqual(line.spans.find(([id]) => id === 9), [9, 4, 8, 0.7]);
});

test("scores stay with their cells", () => {
  const line = filled(1);
  line.push(frame(1, "policy", [], { ups: { at: 2, p: [0.1, 0.9], cut: 0.5 } }));
  line.push(frame(2, "insert", [[8, "", null, "m"]], { ins: [[0, [8]]] }));
  assert.deepEqual(line.tail.ups.ids, [2, 3]);
});

test("noise, drafts and checks are told apart", () => {
  const cell = (mark, more = {}) => ({ mark, text: " x", conf: null, at: 3, was: "", ...more });
  const draft = { drafts: [[" y", 0.25]] };
  assert.equal(cellClass(cell("n"), true), "c ns");
  assert.equal(cellClass(cell("z"), true), "c ns bn");
  assert.equal(cellClass(cell("n", draft), false, true), "c ns gh");
  assert.equal(cellClass(cell("m", draft), false, false), "c m");
  assert.equal(cellClass(cell("m"), true), "c m nw", "an inserted mask");
  assert.equal(cellClass(cell("d", { conf: 0.5 }), true), "c wt");
  assert.equal(cellClass(cell("v", { conf: 0.5 }), false), "c");
  assert.equal(cellClass(cell("x", { text: "" }), false), "c bk");
  assert.deepEqual([true, false].map((ghosts) => cellText(cell("n", draft), false, ghosts)), ["y", "x"]);
  assert.equal(cellText(cell("m", { text: "" }), false, true), " ");
  assert.equal(cellLabel(4, cell("n", draft), true), "Cell 4: noise, x, draft y, 25%");
  assert.equal(cellLabel(4, cell("n", draft)), "Cell 4: noise, x");
  assert.equal(cellLabel(4, cell("d", { conf: 0.5 })), "Cell 4: x, 50% sure, waits for its check");
  assert.equal(cellLabel(4, cell("s")), "Cell 4: x, there from the start");
  assert.deepEqual(["n", "z", "y", "m", "x", "c", "d"].map(isNoise), [true, true, true, false, false, false, false]);
  assert.equal(answerText([cell("n"), cell("d")]), "▒ x");
  assert.equal(rate({ masks: 4, count: 4 }, { masks: 2, count: 6, filled: 0, t: 1 }), "4");
  assert.deepEqual(historyLine({ step: 3, mark: "ins", text: "", conf: null }), {
    when: "step 3", done: "inserted", text: "", sure: "",
  });
});

/** The length of the longest common subsequence, by the table. */
function longest(a, b) {
  let row = new Array(b.length + 1).fill(0);
  for (const x of a) {
    const next = [0];
    b.forEach((y, j) => next.push(x === y ? row[j] + 1 : Math.max(row[j + 1], next[j])));
    row = next;
  }
  return row.at(-1);
}

test("an alignment has the most partners that there can be", () => {
  const same = (x, y) => x === y;
  let seed = 7;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  for (let turn = 0; turn < 300; turn++) {
    const [a, b] = [0, 0].map(() => Array.from({ length: random(12) }, () => random(3)));
    const pairs = align(a, b, same);
    assert.equal(pairs.length, longest(a, b), `${a} ${b}`);
    assert.ok(pairs.every(([i, j], n) => a[i] === b[j] && (n === 0 || (i > pairs[n - 1][0] && j > pairs[n - 1][1]))));
  }
  assert.deepEqual(gaps([[0, 0], [2, 1]], 4, 2), [[1, 2, 1, 1], [3, 4, 2, 2]]);
  const far = [0, 1].map((n) => Array.from({ length: 600 }, (_, i) => (i === 300 ? "x" : `${n}${i}`)));
  assert.deepEqual(align(...far, same), [[300, 300]], "too different: by position");
});

const words = (text) => [...text].map((letter) => ({ mark: letter === "_" ? "m" : "c", text: letter }));

test("answers of different lengths differ where they have no partners", () => {
  const found = (a, b, over) => compared(words(a), words(b), over).gaps;
  assert.deepEqual(found("abcd", "acd"), [[1, 2, 1, 1]]);
  assert.deepEqual(found("abcd", "axcde"), [[1, 2, 1, 2], [4, 4, 4, 5]]);
  assert.deepEqual(found("ab__", "ab______"), [], "masks differ from nothing");
  assert.deepEqual(found("a_c", "abc_"), []);
  assert.deepEqual(found("abcd", "ab_", [true, true]), [], "masks may still become these words");
  assert.deepEqual(found("abcd", "ab", [true, false]), [], "it may still grow");
  assert.deepEqual(found("abcd", "ab", [true, true]), [[2, 4, 2, 2]]);
  const end = { mark: "c", text: "<|endoftext|>" };
  assert.deepEqual(compared([...words("ab"), end, end, end], [...words("ab"), end]).gaps, [], "one end is enough");
  const states = ["abcd", "acd", "abcde"].map((text) => ({ cells: words(text) }));
  assert.deepEqual(differences(states), [[1], [], [4]]);
  assert.deepEqual(differences(["ab", "ac"].map((text) => ({ cells: words(text) }))), [[1], [1]]);
});

test("the first divergence of runs of different lengths goes by alignment", () => {
  const [one, two] = [lane("a", [[0, "a"], [1, "b"], [2, "c"]]), lane("b", [[0, "a"], [1, "b"], [2, "c"]])];
  two.push(frame(4, "insert", [[8, "x", 0.5, "c"]], { ins: [[1, [8]]], nfe: 4 }));
  const found = divergence([one, two], "NFE");
  assert.deepEqual([found.place, found.pos, found.at], [4, 1, [null, 1]]);
  assert.deepEqual(found.words.map((cell) => cell?.text), [undefined, "x"]);
});

const SQUARE = { size: 4, box: [2, 2], puzzle: "1000000000000000", solution: null };

function written(text) {
  const parts = text.match(/boxed|\S|\s/g) ?? [];
  return parts.map((part) => (part === "_" ? { text: "", mark: "m" } : { text: part, mark: "c" }));
}

test("a written square has its digits in their places, as far as it is decided", () => {
  const places = placesOf(SQUARE);
  const cells = written("1234\n3412\n2143\n4321\n\\boxed{1234341221434321}.");
  assert.equal(fits(cells, places), true);
  const digits = (of) => of.map((pos) => cells[pos].text).join("");
  assert.equal(digits(places.rows), "1234341221434321");
  assert.equal(digits(places.boxed), digits(places.rows));
  assert.equal(fits(written("____\n____\n____\n____\n\\boxed{________________}"), places), true);
  assert.equal(fits(written("____\n____\n____\n____\n\\boxed{_______________}_"), places), false); // one too few
  assert.equal(fits(written("_________________________________________"), places), true);
  assert.equal(fits(written("____________________"), places), false); // too short
  assert.equal(fits(written("x________________________________________"), places), false);
  assert.deepEqual(placesOf({ size: 6 }).boxed.slice(0, 2), [45, 46]);
});

test("digits of a square are wrong by the one solution, else by the rules", () => {
  const open = new Array(16).fill(null);
  const wrong = (digits, square) => wrongPlaces(Object.assign([...open], digits), square).flatMap((w, i) => (w ? [i] : []));
  assert.deepEqual(wrong({}, SQUARE), []);
  assert.deepEqual(wrong({ 0: "2" }, SQUARE), [0]); // a given digit changed
  assert.deepEqual(wrong({ 5: "3", 7: "3" }, SQUARE), [5, 7]); // twice in a row
  assert.deepEqual(wrong({ 2: "3", 7: "3" }, SQUARE), [2, 7]); // twice in a box
  assert.deepEqual(wrong({ 2: "3", 8: "3" }, SQUARE), []);
  const solved = { ...SQUARE, solution: "1234341221434321" };
  assert.deepEqual(wrong({ 0: "1", 1: "3", 2: "3" }, solved), [1]);
  assert.deepEqual(peers(0, { size: 6, box: [2, 3] }), [1, 2, 3, 4, 5, 6, 7, 8, 12, 18, 24, 30]);
});

test("written line breaks begin lines, and nothing else does", () => {
  const line = (text) => lineStarts(written(text));
  assert.deepEqual(line("ab\nc\n"), [0, 3]);
  assert.deepEqual(line("a_\n\n_"), [0, 3, 4]);
  assert.deepEqual(line(""), [0]);
  assert.deepEqual(lineStarts([{ text: "\n", mark: "n" }, { text: "a", mark: "c" }]), [0]); // noise
});

test("frames that change nothing are passed over, and no others", () => {
  const line = filled(2);
  const still = (kind, more = {}) => {
    line.push(frame(line.length, kind, [], more));
    return line.frames.at(-1).still;
  };
  assert.equal(still("unmask"), true);
  assert.equal(still("score", { prm: [[0, 0.5]] }), false);
  assert.equal(still("score", { prm: [[0, 0.5]] }), true); // the same again
  assert.equal(still("score", { prm: [[0, 0.25]] }), false);
  assert.equal(still("policy", { ups: { at: 0, p: [0.5] } }), false);
  assert.equal(still("policy", { ups: { at: 0, p: [0.5] } }), true);
  assert.equal(still("fork", { fork: 2 }), false);
  assert.equal(still("unmask"), true); // the candidate that is seen got nothing
  assert.equal(still("score"), false); // its sentence has the candidates' scores
  assert.equal(still("choose", { fork: 0 }), false);
  assert.equal(still("unmask", { block: 1 }), false);
  assert.equal(still("predict", { block: 1, drafts: [[1, [["a", 0.5]]]] }), false);
  assert.equal(still("finish"), false);
  assert.equal(line.stills, 4);
  const player = new Player();
  player.still = (i) => line.frames[i].still;
  player.grow(line.length, true);
  player.seek(1);
  assert.equal(player.beside(1), 3);
  player.seek(3);
  assert.equal(player.beside(-1), 1);
  player.seek(0);
  player.toggle();
  const seen = [];
  for (let now = 0; now < 3000; now += 100) if (player.tick(now)) seen.push(player.index);
  assert.deepEqual(seen, [1, 3, 5, 6, 8, 10, 11, 12, 13, 14].slice(0, seen.length));
  assert.equal(player.index, line.length - 1);
});

test("a place of the curve is the last frame that cost no more", () => {
  const frames = [0, 0, 1, 2, 2, 5].map((nfe) => ({ nfe }));
  assert.deepEqual([0, 1, 2, 3, 4, 5, 9].map((nfe) => frameAtCost(frames, nfe)), [1, 2, 4, 4, 4, 5, 5]);
});

test("the tip of a sentence has the special tokens that it names in words", () => {
  const ops = [[1, "<|eot_id|>", 0.9, "c"], [2, "a", 0.9, "c"], [3, "<|endoftext|>", 1, "c"], [4, "<|eot_id|>", 1, "c"]];
  assert.equal(specialIn(ops), "<|eot_id|> <|endoftext|>");
  assert.deepEqual([specialIn([[1, "a", 1, "c"]]), specialIn(undefined)], ["", ""]);
  assert.equal(spoken("<|eot_id|>"), "end of the answer");
});

test("m18: a place of the heat map is the last frame of its step, and the cell of its column", () => {
  const frames = [0, 0, 1, 2, 2, 5].map((step) => ({ step }));
  assert.deepEqual([0, 1, 2, 3, 5].map((step) => frameAtStep(frames, step)), [1, 2, 4, 4, 5]);
  const timeline = { frames, length: 6, columns: { count: 3, order: [0, 7, 1] } };
  const box = { left: 100, top: 50, width: 30, height: 60 };
  const at = (clientX, clientY) => HeatMap.prototype.placeAt.call({ timeline, steps: 6 }, { clientX, clientY }, box);
  assert.deepEqual(at(115, 72), { frame: 4, id: 7 });
  assert.deepEqual([at(90, 40), at(200, 200)], [{ frame: 1, id: 0 }, { frame: 5, id: 1 }]);
  assert.equal(HeatMap.prototype.placeAt.call({ timeline: null }, { clientX: 1, clientY: 1 }, box), null);
});

test("a block is finished where a line or the box ends in it", () => {
  const meta = { block_length: 4, gen_length: 12 };
  const cells = written("1+1=2\n\\boxed{2}");
  assert.deepEqual([0, 1, 2].map((block) => endsLine(cells, block, meta)), [false, true, true]);
  assert.equal(endsLine([{ text: "\n", mark: "n" }], 0, meta), false);
});

test("what is known of a cell in two lines", () => {
  const line = filled(3);
  const tip = (cell) => tipLines(5, cell, line);
  assert.deepEqual(tip(line.tail.cells[2]), ["“␣2” 50% sure", "cell 5, block 2 · step 2"]);
  assert.deepEqual(tip(line.tail.cells[5]), ["masked", "cell 5, block 2"]);
  const open = { text: "", conf: null, was: "x", mark: "b", at: 2, drafts: [["y", 0.4]] };
  assert.deepEqual(tip(open), ["masked, was “x” until step 2", "cell 5, block 2 · draft “y” 40%"]);
  assert.deepEqual(tip({ text: "a", conf: null, mark: "p", at: 0 }), ["“a” given", "cell 5, block 2"]);
});
