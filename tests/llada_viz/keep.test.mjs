// What a browser keeps of the page's forms (assets/canvas/keep.mjs).

import assert from "node:assert/strict";
import test from "node:test";

import { addressWith, copyText, keeping, remember, store } from "../../assets/canvas/keep.mjs";

function browser() {
  const kept = new Map();
  globalThis.localStorage = {
    setItem: (key, text) => kept.set(key, text),
    removeItem: (key) => kept.delete(key),
  };
  delete globalThis.llvKeeping;
  return kept;
}

test("a form is kept only once what was kept before is back in it", () => {
  const kept = browser();
  remember("form", ["a", "b"], [1, "x"]);
  assert.equal(kept.size, 0);
  keeping("form");
  remember("form", ["a", "b"], [1, "x"]);
  remember("another", ["a"], [2]);
  assert.deepEqual([...kept], [["llada-viz-form", '{"a":1,"b":"x"}']]);
});

test("an empty text forgets, and a browser that keeps nothing is no error", () => {
  const kept = browser();
  store("presets", "{}");
  store("presets", "");
  assert.equal(kept.size, 0);
  globalThis.localStorage = { setItem: () => { throw new Error("full"); } };
  store("presets", "x");
});

test("one part of the address changes, the others stay", () => {
  const address = "http://here/page?a=1&tab=compare#x";
  assert.equal(addressWith(address, "tab", "models"), "http://here/page?a=1&tab=models#x");
  assert.equal(addressWith(address, "tab", null), "http://here/page?a=1#x");
  assert.equal(addressWith("http://here/", "tab", "a&b"), "http://here/?tab=a%26b");
});

test("a link becomes one to this page, and a browser that lets no page copy says so", async () => {
  globalThis.location = { origin: "http://here:7860", pathname: "/app/" };
  const [whole, said] = await copyText("?setup=abc");
  assert.equal(whole, "http://here:7860/app/?setup=abc");
  assert.match(said, /select the text/);
  assert.equal((await copyText("import llada_viz"))[0], "import llada_viz");
});
