// Whole numbers as people type them and as this page writes them.

// most is the largest number that a branch accepts: 64 bits with a sign.
export const most = 2n ** 63n - 1n;

// whole reads digits, or digits in groups of three: "1234567", "1,234,567". It
// returns undefined for anything else, and for a number that is too large.
export function whole(text: string): bigint | undefined {
  const trimmed = text.trim();
  if (!/^\d{1,40}$|^\d{1,3}(?:,\d{3}){1,12}$/.test(trimmed)) {
    return undefined;
  }
  const value = BigInt(trimmed.replaceAll(",", ""));
  return value <= most ? value : undefined;
}
