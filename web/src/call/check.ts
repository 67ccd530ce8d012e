// Checks of the form's fields before anything is sent: for content that a branch
// would refuse, or that would never reach it.

import { amount } from "../format";
import { isVisible, visible } from "../text";
import { most, whole } from "./whole";

// A name has at most this many bytes.
const nameBytes = 128;

// wrongAmount says what is wrong with an amount; empty when nothing is.
export function wrongAmount(text: string): string {
  return whole(text) === 0n ? "The amount must be greater than 0." : wrongWhole(text);
}

// wrongCustomer says what is wrong with a customer's number, which may be left
// out.
export function wrongCustomer(text: string): string {
  return text.trim() === "" ? "" : wrongWhole(text);
}

function wrongWhole(text: string): string {
  return whole(text) === undefined ? `Give a whole number up to ${amount(most)}: digits, or digits in groups of three as in 1,234,567.` : "";
}

// wrongName says what is wrong with the name of an account or a request. Blanks
// around it are left out.
export function wrongName(text: string): string {
  const name = text.trim();
  const bytes = new TextEncoder().encode(name).length;
  if (!isVisible(name)) {
    return `A name has only characters that can be seen. This one is ${visible(name)}`;
  }
  return bytes > nameBytes ? `A name has at most ${nameBytes} bytes; this one has ${bytes}.` : "";
}
