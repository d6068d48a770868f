// Making and changing elements. Text enters the page by textContent only.

/** A new element with a class, its text and attributes. */
export function make(tag, name = "", text = "", attributes = {}) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** What a <select> offers. choices: [value, label, heading]; those of one heading stand together, without one they
 * stand alone. */
export function fillChoices(select, choices) {
  const groups = new Map();
  select.replaceChildren();
  for (const [value, label, heading] of choices) {
    if (heading && !groups.has(heading)) groups.set(heading, select.appendChild(make("optgroup", "", "", { label: heading })));
    (groups.get(heading) ?? select).append(make("option", "", label, { value }));
  }
}

/** Call act(element) once there is an element at a selector: parts of the page come one after the other. */
export function whenThere(where, act) {
  const found = document.querySelector(where);
  if (found) act(found);
  else setTimeout(() => whenThere(where, act), 100); // ms
}

/** Bring an element into view, unless its upper part is there already: it may stand under a form. */
export function reveal(element) {
  const { top } = element.getBoundingClientRect();
  if (top >= 0 && top < window.innerHeight * 0.7) return;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ behavior: calm ? "auto" : "smooth" });
}

/** What the browser keeps under a name; "" where it keeps nothing. */
export function kept(name) {
  try {
    return localStorage.getItem(name) ?? "";
  } catch {
    return ""; // forbidden here
  }
}

/** Let the browser keep a text under a name, if it may. */
export function keep(name, text) {
  try {
    localStorage.setItem(name, text);
  } catch {
    // forbidden here, or full
  }
}

/** Change an element's text only when it differs: an unchanged page costs no layout. */
export function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The bytes of a base64 text. */
export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** Give the reader a file: its text, or where it is compressed its bytes, in base64. */
export function download({ name, text, base64 }) {
  const link = make("a", "", "", { download: name });
  const [content, type] = base64 ? [bytesOf(base64), "application/gzip"] : [text, "application/jsonl"];
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Copy a text; whether the browser let it. */
export async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
