// Copying a text. The clipboard is only there on loopback and over HTTPS;
// elsewhere the text is selected for the keyboard.

// copyText reports whether the text of the element is in the clipboard now.
export async function copyText(element: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(element.textContent ?? "");
    return true;
  } catch {
    getSelection()?.selectAllChildren(element);
    return false;
  }
}
