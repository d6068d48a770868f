// The tree of branches: a run, and what grew from it. Every tab that shows one of its runs sees the same tree.

import { UNREACHABLE } from "./answers.mjs";
import { make, set } from "./dom.mjs";
import { visitorKey } from "./visitor.mjs";

const DELETES_WITHIN = 4000; // ms in which a second press deletes

/** [node, depth] of every node, in the order of the tree. */
export function depths(nodes) {
  const depth = new Map();
  return nodes.map((node) => {
    depth.set(node.run, node.parent ? (depth.get(node.parent) ?? 0) + 1 : 0);
    return [node, depth.get(node.run)];
  });
}

/** A node in a few words. */
export function told(node) {
  const where = node.parent ? `from frame ${node.seq}` : "";
  const right = node.right === null ? "" : node.right ? "right" : "wrong";
  const state = node.ended ? right : "goes on";
  return [where, node.name === node.sampler ? "" : node.sampler, state].filter(Boolean).join(" · ");
}

export class Tree {
  /** root: an element; server: of the canvas; tell(event, data): tells the page. */
  constructor(root, server, tell) {
    Object.assign(this, { root, server, tell, run: null, nodes: [] });
    this.list = make("ul", "nodes");
    this.alert = make("p", "refused", "", { role: "alert" });
    root.append(make("h3", "", "Branches"), this.list, this.alert);
  }

  /** Another run is shown, or it has ended: its tree may be another. */
  async begin(run) {
    this.run = run;
    if (!run) this.root.hidden = true;
    else this.show(await this.server.family(run).catch(() => ({ error: UNREACHABLE })), run);
  }

  /** Show a tree that the server sent. */
  show(answer, run = this.run) {
    if (run !== this.run) return;
    set(this.alert, answer.nodes && answer.error ? answer.error : "");
    this.alert.hidden = !this.alert.textContent;
    this.nodes = answer.nodes ?? [];
    this.root.hidden = this.nodes.length < 2 && this.alert.hidden;
    this.list.replaceChildren(...depths(this.nodes).map(([node, depth]) => this.item(node, depth)));
  }

  item(node, depth) {
    const shown = node.run === this.run;
    const item = make("li", shown ? "now" : "", "", { style: `--depth:${depth}` });
    const open = make("button", "name", node.name, { type: "button" });
    if (shown) open.setAttribute("aria-current", "true");
    open.addEventListener("click", () => shown || this.tell("option_select", { run: node.run }));
    const tools = make("span", "tree-tools");
    if (node.parent) tools.append(this.tool("Compare with its parent", () => this.tell("expand", { run: node.run }), !node.ended));
    tools.append(this.tool("Rename", () => this.rename(item, open, node)));
    if (this.server.keep) tools.append(this.tool("Keep", (button) => this.keep(button, node), !node.ended));
    if (node.parent) tools.append(this.deleting(node));
    item.append(open, make("span", "tree-told", told(node)), tools);
    return item;
  }

  tool(text, act, disabled = false) {
    const button = make("button", "quiet", text, { type: "button" });
    button.disabled = disabled;
    button.addEventListener("click", () => act(button));
    return button;
  }

  rename(item, open, node) {
    const input = make("input", "", "", { type: "text", maxlength: 60, "aria-label": "Name of this branch" });
    input.value = node.name;
    open.replaceWith(input);
    input.focus();
    input.select();
    const leave = () => input.isConnected && input.replaceWith(open);
    input.addEventListener("blur", leave);
    input.addEventListener("keydown", async (event) => {
      event.stopPropagation();
      if (event.key === "Escape") leave();
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.show(await this.server.rename([node.run, input.value, node.name]).catch(() => ({ error: UNREACHABLE })));
    });
  }

  deleting(node) {
    const button = this.tool("Delete", () => {
      if (button.textContent !== "Delete") return this.prune(node);
      set(button, "Delete it?");
      setTimeout(() => set(button, "Delete"), DELETES_WITHIN);
    });
    return button;
  }

  async prune(node) {
    const answer = await this.server.prune(node.run).catch(() => ({ error: UNREACHABLE }));
    const gone = answer.nodes && !answer.nodes.some(({ run }) => run === this.run);
    if (answer.parent && gone) this.tell("option_select", { run: answer.parent });
    else this.show(answer.nodes ? answer : { ...answer, nodes: this.nodes });
  }

  /** Into the gallery of the Traces tab. */
  async keep(button, node) {
    button.disabled = true;
    const request = { run: node.run, name: node.parent ? node.name : "", key: visitorKey() };
    const answer = await this.server.keep(request).catch(() => ({ error: UNREACHABLE }));
    button.disabled = !answer.error;
    set(button, answer.error ? "Keep" : "Kept, see Traces");
    set(this.alert, answer.error ?? "");
    this.alert.hidden = !answer.error;
  }
}
