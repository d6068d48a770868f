// Making and changing elements. Text enters the page by textContent only.

/** A new element with a class, its text and attributes. */
export function make(tag, name = "", text = "", attributes = {}) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** Bring an element into view, unless its upper part is there already: it may stand under a form. */
export function reveal(element) {
  const { top } = element.getBoundingClientRect();
  if (top >= 0 && top < window.innerHeight * 0.7) return;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ behavior: calm ? "auto" : "smooth" });
}

/** Change an element's text only when it differs: an unchanged page costs no layout. */
export function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Give the reader a text as a file of JSON lines. */
export function download(name, text) {
  const link = make("a", "", "", { download: name });
  link.href = URL.createObjectURL(new Blob([text], { type: "application/jsonl" }));
  link.click();
  URL.revokeObjectURL(link.href);
}
