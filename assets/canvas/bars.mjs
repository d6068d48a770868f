// The numbers of finished runs in a table: one row a run, and in every cell a bar, so that the bars of a number
// stand one below the other.

import { make } from "./dom.mjs";

/** What is compared: a title, what it is, its value of {last, rate, count, did}, and how it is written. A column
 * that is optional is left out where it is 0 for all. */
const COLUMNS = [
  ["NFE", "Sequences evaluated by the network", ({ last }) => last.nfe, whole],
  ["steps", "", ({ last }) => last.step, whole],
  ["seconds", "", ({ last }) => last.t, (value) => value.toFixed(2)],
  ["tok/s", "Tokens a second", ({ rate }) => (rate === "–" ? null : Number(rate)), whole],
  ["tokens a pass", "Tokens of the answer for each pass of the network", ({ did }) => did.tpf, (value) => value.toFixed(2)],
  ["order τ", "Kendall’s τ of place and time: 1 left to right, −1 right to left", ({ did }) => did.tau, signed],
  ["reward calls", "", ({ last }) => last.calls, whole, true],
  ["re-masked", "", ({ count }) => count("remask"), whole, true],
  ["edited", "", ({ count }) => count("edit"), whole, true],
  ["inserted", "", ({ count }) => count("insert"), whole, true],
  ["deleted", "", ({ count }) => count("delete"), whole, true],
];

function whole(value) {
  return String(value);
}

function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

/** The columns that runs have, each {title, about, texts, shares}. shares: lengths of the bars, 0 to 1; null: no
 * number. runs: [{last, rate, count, did}]. */
export function columnsOf(runs) {
  const all = COLUMNS.map(([title, about, value, form, optional]) => {
    const values = runs.map((run) => value(run) ?? null);
    const most = Math.max(...values.map((each) => Math.abs(each ?? 0)));
    const texts = values.map((each) => (each === null ? "–" : form(each)));
    const shares = values.map((each) => (each === null || most === 0 ? null : Math.abs(each) / most));
    return { title, about, texts, shares, empty: values.every((each) => each === null) || (optional && most === 0) };
  });
  return all.filter(({ empty }) => !empty);
}

/** Fill a table. names, verdicts: of the runs, in their order. */
export function drawBars(table, names, verdicts, runs) {
  const columns = columnsOf(runs);
  const head = make("tr");
  head.append(make("th", "", "sampler", { scope: "col" }), make("th", "", "answer", { scope: "col" }));
  for (const { title, about } of columns) {
    const cell = make("th", "", about ? "" : title, { scope: "col" });
    if (about) cell.append(make("abbr", "", title, { title: about }));
    head.append(cell);
  }
  const rows = names.map((name, i) => {
    const row = make("tr");
    row.append(make("th", "", name, { scope: "row" }), make("td", `is-${verdicts[i].replace(" ", "-")}`, verdicts[i]));
    for (const { texts, shares } of columns) {
      const cell = make("td", "", texts[i]);
      if (shares[i] !== null) {
        const bar = make("span", "bar", "", { "aria-hidden": "true", "data-lane": String(i + 1) });
        bar.style.width = `${Math.max(2, 100 * shares[i])}%`;
        cell.append(bar);
      }
      row.append(cell);
    }
    return row;
  });
  const [thead, tbody] = [make("thead"), make("tbody")];
  thead.append(head);
  tbody.append(...rows);
  table.replaceChildren(thead, tbody);
}
