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
}
