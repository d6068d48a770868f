// Which cells of two answers of different lengths belong together (Myers 1986, "An O(ND) difference algorithm":
// the fewest cells that have no partner). No DOM.

const MOST_ALONE = 512; // cells without a partner; beyond, cells are paired by position

/** Pairs [i, j] of partners in a and b, both rising. same(x, y): whether two entries may be partners. */
export function align(a, b, same) {
  let begin = 0;
  while (begin < a.length && begin < b.length && same(a[begin], b[begin])) begin++;
  const pairs = Array.from({ length: begin }, (_, i) => [i, i]);
  const rest = alignRest(a.slice(begin), b.slice(begin), same);
  return pairs.concat(rest.map(([i, j]) => [i + begin, j + begin]));
}

function alignRest(a, b, same) {
  const most = Math.min(a.length + b.length, MOST_ALONE);
  const reach = new Int32Array(2 * most + 3); // diagonal k = i − j, at k + most + 1 -> the farthest i
  const at = (k) => k + most + 1;
  const before = []; // reach before each round
  for (let d = 0; d <= most; d++) {
    before.push(reach.slice());
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && reach[at(k - 1)] < reach[at(k + 1)]);
      let i = down ? reach[at(k + 1)] : reach[at(k - 1)] + 1;
      while (i < a.length && i - k < b.length && same(a[i], b[i - k])) i++;
      reach[at(k)] = i;
      if (i >= a.length && i - k >= b.length) return tracedBack(before, a.length, b.length, at);
    }
  }
  const both = Math.min(a.length, b.length);
  return Array.from({ length: both }, (_, i) => [i, i]).filter(([i]) => same(a[i], b[i]));
}

/** The pairs of the way that was found, from its end. */
function tracedBack(before, n, m, at) {
  const pairs = [];
  let [i, j] = [n, m];
  for (let d = before.length - 1; d >= 0; d--) {
    const reach = before[d];
    const k = i - j;
    const down = k === -d || (k !== d && reach[at(k - 1)] < reach[at(k + 1)]);
    const from = d === 0 ? 0 : reach[at(down ? k + 1 : k - 1)];
    const [top, left] = d === 0 ? [0, 0] : [from, from - (down ? k + 1 : k - 1)];
    const turn = d === 0 ? 0 : down ? from : from + 1; // where the way came onto diagonal k
    while (i > turn) pairs.push([--i, --j]);
    [i, j] = [top, left];
  }
  return pairs.reverse();
}

/** The gaps between pairs: [[from, to, from, to], …], ranges of a and of b, ends excluded. */
export function gaps(pairs, n, m) {
  const found = [];
  let [i, j] = [0, 0];
  for (const [x, y] of [...pairs, [n, m]]) {
    if (x > i || y > j) found.push([i, x, j, y]);
    [i, j] = [x + 1, y + 1];
  }
  return found;
}
