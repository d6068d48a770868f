// Unit tests of what the page opens with: node --test tests/llada_viz/first_minute.test.mjs

import assert from "node:assert/strict";
import { test } from "node:test";

import { boardSizes, isStale } from "../../assets/canvas/form.mjs";
import { heldFor, openingPlayer, plays } from "../../assets/canvas/opening.mjs";
import { Player } from "../../assets/canvas/player.mjs";

test("the recorded run plays unless the address says that it does not", () => {
  assert.ok(plays("") && plays("?__theme=dark") && plays("?still=0"));
  assert.ok(!plays("?still=1") && !plays("?__theme=dark&still=1"));
});

test("what there is to read stays longer than a word that is written", () => {
  const frame = (kind, more = {}) => ({ kind, ops: [], ...more });
  assert.equal(heldFor(frame("unmask")), 1);
  assert.equal(heldFor(frame("score", { prm: [[0, 0.9]] })), 1);
  assert.equal(heldFor(frame("score", { prm: [[0, null]] })), 1);
  assert.ok(heldFor(frame("score", { prm: [[0, 0.2]] })) > 1);
  assert.ok(heldFor(frame("window")) > heldFor(frame("remask")));
  assert.equal(heldFor(frame("choose")), 1);
  assert.ok(heldFor(frame("choose", { ops: [[0, "5", 0.9, "c"]] })) > 1);
});

test("the opening player waits at frames that are held, and shows every frame", () => {
  const kinds = ["start", "unmask", "window", "unmask", "finish"];
  const player = openingPlayer({ frames: kinds.map((kind) => ({ kind, ops: [] })) });
  player.grow(kinds.length, true);
  const shown = [];
  for (let now = 0; now < 10_000; now += 50) {
    player.tick(now);
    shown.push(player.index);
  }
  const ticks = (index) => shown.filter((each) => each === index).length;
  assert.deepEqual([...new Set(shown)], [0, 1, 2, 3, 4]);
  assert.ok(ticks(2) > 10 * ticks(1), `${ticks(2)} and ${ticks(1)}`);
  assert.ok(!player.moving && player.index === 4);
});

test("a player that holds nothing shows a late frame alone", () => {
  const player = new Player(10);
  player.grow(2, false);
  player.tick(0);
  player.tick(100);
  assert.equal(player.index, 1);
  player.tick(5000);
  player.grow(6, false);
  player.tick(5016);
  assert.ok(player.index <= 2);
});

test("the board belongs to a prompt, whatever its spaces", () => {
  assert.ok(!isStale("What is 2 + 2?", ["What is  2 + 2? "]));
  assert.ok(isStale("What is 2 + 3?", ["What is 2 + 2?"]));
  assert.ok(!isStale("asked", ["shown otherwise", "asked"]));
  assert.ok(!isStale("  ", ["What is 2 + 2?"]), "an empty form asks nothing");
});

test("an empty board has the sizes that are typed, when they are sizes", () => {
  assert.deepEqual(boardSizes(32, 8), { gen_length: 32, block_length: 8 });
  assert.deepEqual(boardSizes(32, 64), { gen_length: 32, block_length: 32 });
  for (const [length, block] of [[null, 8], [32, 0], [2.5, 1], [5000, 8], ["", ""]]) {
    assert.equal(boardSizes(length, block), null);
  }
});
