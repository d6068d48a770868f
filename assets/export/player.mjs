// What stands in for the server in an offline page: the frames and the trace are in the page itself.

const data = JSON.parse(document.getElementById("data").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark", dark.matches);
dark.addEventListener("change", follow);
follow();
const element = document.getElementById("canvas");
const watch = () => {};
if (data.lanes) {
  const server = { frames: async ([, lane, first]) => data.lanes[lane].slice(first) };
  const value = { run: "1", number: 1, measure: data.measure, lanes: JSON.stringify(data.lanes), notice: "" };
  window.LladaCanvas.mountCompare({ element, props: { value }, server, watch });
} else {
  const server = { frames: async ([, first]) => data.frames.slice(first), trace: async () => data.trace };
  const value = { run: "1", number: 1, frames: JSON.stringify(data.frames) };
  const canvas = window.LladaCanvas.mount({ element, props: { value }, server, watch, again: null });
  if (!canvas.calm.matches) {
    canvas.player.seek(0);
    canvas.act("play");
  }
}
