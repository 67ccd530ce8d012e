// Copying a text. There is a clipboard only on loopback and over HTTPS.
// Elsewhere the text is selected, to be copied with the keyboard.

// copyText copies the text of the element, and reports whether it is in the
// clipboard now.
export async function copyText(element: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(element.textContent ?? "");
    return true;
  } catch {
    getSelection()?.selectAllChildren(element);
    return false;
  }
}
