// Closing an element that opens over the page (a "fold", such as the model's menu), as menus close.

/** Close an open fold at the next press outside of it, or with Escape. button: opens and closes it;
 * isOpen(): whether it is open. */
export function closeOutside(fold, button, isOpen) {
  fold.closing?.abort();
  fold.closing = new AbortController();
  const { signal } = fold.closing;
  const close = () => {
    fold.closing.abort();
    if (isOpen()) button.click();
  };
  document.addEventListener("pointerdown", (event) => fold.contains(event.target) || close(), { signal });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    close();
    button.focus();
  }, { signal });
}
