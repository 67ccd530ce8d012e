// The code in the address that 'passbook dashboard' prints: https://bank:50051/#login=CODE.
// This file is the first that runs: the code is out of the address, and so out of the
// browser's history and of every copy of the address, before anything else happens.

const prefix = "#login=";

let taken = "";
take(location.hash, "");
// Somebody may open the printed address where the page is open already. Then the browser
// only changes what stands behind the #, and the page keeps what stood there. By the time
// that the event comes, another part of the page may have put something in its place.
window.addEventListener("hashchange", ({ newURL, oldURL }) => take(new URL(newURL).hash, new URL(oldURL).hash));

function take(hash: string, before: string): void {
  if (hash.startsWith(prefix)) {
    taken = codeIn(hash);
  }
  if (location.hash.startsWith(prefix)) {
    history.replaceState(null, "", location.pathname + location.search + before);
  }
}

// takeCode returns the code that came with the address, once; empty for none.
export function takeCode(): string {
  const code = taken;
  taken = "";
  return code;
}

// codeIn returns the code in a text: a code, or the whole address with one.
export function codeIn(text: string): string {
  return text.slice(text.includes(prefix) ? text.indexOf(prefix) + prefix.length : 0).trim();
}
