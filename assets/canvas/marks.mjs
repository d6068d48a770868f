// A refusal names a field: the field is marked, and a fix can be pressed.

import { whenThere } from "./dom.mjs";

const ids = (name) => [`setting-${name}`, name, ...["compare", "evaluate", "train"].map((tab) => `${tab}-${name}`)];
const INPUT = "input, textarea";

/** The block of the form's field of a name; null: the form has none. */
function fieldOf(form, name) {
  if (!name) return null; // a refusal of no single field
  return ids(name).map((id) => form.querySelector(`#${CSS.escape(id)}`)).find(Boolean) ?? null;
}

function clearMarks(form) {
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    const tip = input.closest("label")?.parentElement.querySelector(".lz-tip");
    if (tip) input.setAttribute("aria-describedby", tip.id);
    else input.removeAttribute("aria-describedby");
  }
}

/** Type a value into an input, as a reader would. */
function type(input, value) {
  const kind = input.matches("textarea") ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(input, value);
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

/** A refusal appeared: mark its field, open the fold that it is in, and take the focus there if it is nowhere. */
function mark(alert) {
  const form = alert.closest(".lz-form");
  if (!form) return;
  clearMarks(form);
  const field = fieldOf(form, alert.dataset.field);
  const input = field?.querySelector(INPUT);
  if (!input) return;
  alert.id = `refused-${alert.dataset.field}`;
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", alert.id);
  const fold = field.closest(".lz-more")?.querySelector("button.label-wrap:not(.open)");
  fold?.click();
  if (document.activeElement === document.body || document.activeElement?.closest(".lz-go")) input.focus();
}

function fix(button) {
  const alert = button.closest("[data-field]");
  const form = alert.closest(".lz-form");
  const input = form && fieldOf(form, alert.dataset.field)?.querySelector(INPUT);
  if (!input) return;
  type(input, button.dataset.fix);
  alert.hidden = true; // the next one is another element
  input.focus();
}

/** Mark what the refusals at a place are about; each has another number. */
function watch(place) {
  let last = "";
  const look = () => {
    const alert = place.querySelector("[data-number]");
    const number = alert?.dataset.number ?? "";
    if (number !== last && alert) mark(alert);
    last = number;
  };
  const what = { childList: true, subtree: true, attributes: true, attributeFilter: ["data-number"] };
  new MutationObserver(look).observe(place, what);
}

/** Follow the refusals of all tabs. */
export function followRefusals() {
  for (const place of ["#alert", "#compare-alert", "#evaluate-alert", "#train-alert"]) whenThere(place, watch);
  document.addEventListener("click", (event) => {
    const offered = event.target.closest?.("[data-fix]");
    if (offered) fix(offered);
    const form = event.target.closest?.(".lz-go button")?.closest(".lz-form");
    if (form) clearMarks(form);
  });
  document.addEventListener("input", (event) => {
    if (event.target.closest?.(".lz-form")) event.target.removeAttribute("aria-invalid");
  });
}
