// Gradio's text fields say that somebody typed at a press of a key alone. What is pasted, dropped, dictated or
// deleted is told as one, so that the form follows it too.

/** Follow the whole page. */
export function tellChanges() {
  let pressed = false; // a key, just before the text changes
  document.addEventListener("keypress", () => (pressed = true), true);
  document.addEventListener("input", ({ target }) => {
    const told = pressed || !target.matches("[data-testid=textbox]");
    if (!told) target.dispatchEvent(new KeyboardEvent("keypress", { bubbles: true }));
    pressed = false;
  });
  // What is typed into a closed list replaces its choice, and does not go behind it.
  for (const way of ["focusin", "click"]) {
    document.addEventListener(way, ({ target }) => {
      if (target.matches?.("input[role=listbox]:not([readonly])") && target.selectionStart === target.selectionEnd) target.select();
    });
  }
}
