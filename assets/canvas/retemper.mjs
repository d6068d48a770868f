// What another temperature and nucleus would have made of stored probabilities (those of temperature 1): the
// same arithmetic as samplers/measuring/alternatives.py, for the sliders. No DOM, no server.

/** Shares of stored tokens, in their order, likeliest first; 0: it would not be drawn. stored: [probability, …]. */
export function retempered(stored, temperature, topP = 1) {
  if (stored.length === 0) return [];
  if (temperature === 0) {
    const best = stored.indexOf(Math.max(...stored));
    return stored.map((_, i) => (i === best ? 1 : 0));
  }
  const logs = stored.map((p) => Math.log(Math.max(p, 1e-30)) / temperature);
  const most = Math.max(...logs);
  const powers = logs.map((each) => Math.exp(each - most));
  const all = powers.reduce((sum, each) => sum + each, 0);
  const order = powers.map((_, i) => i).sort((a, b) => powers[b] - powers[a] || a - b);
  const shares = new Array(stored.length).fill(0);
  let stood = 0; // what stands before a token decides
  for (const i of order) {
    if (stood < topP) shares[i] = powers[i] / all;
    stood += powers[i] / all;
  }
  const kept = shares.reduce((sum, each) => sum + each, 0);
  return shares.map((each) => each / kept);
}
