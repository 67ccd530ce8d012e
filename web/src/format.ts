// How the page writes amounts and times. Amounts are bigint, as exact as the
// bank; nothing here rounds one.

const grouped = new Intl.NumberFormat("en-US");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// amount groups the digits: "1,234,567".
export function amount(value: bigint): string {
  return value > -1000n && value < 1000n ? value.toString() : grouped.format(value);
}

// Whole numbers in the words of a branch, but for those in a quoted name, an
// address or an id.
const numbers = /"(?:[^"\\]|\\.)*"|(?<![\w.:/#-])\d{4,}(?![\w:/#-]|\.\d)/g;

// groupedIn groups the digits in the words of a branch.
export function groupedIn(text: string): string {
  return text.replace(numbers, (found) => (found.startsWith('"') ? found : amount(BigInt(found))));
}

// count is amount with its noun: "1 entry", "2 entries".
export function count(value: bigint, one: string, many: string): string {
  return `${amount(value)} ${value === 1n ? one : many}`;
}

// duration is how long a state has lasted, in milliseconds: "12 s", "3 min".
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) {
    return `${seconds} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    return `${minutes} min`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

// spread is how long something took, in microseconds: "840 µs", "3.2 ms".
export function spread(us: bigint | number): string {
  const micros = Number(us);
  if (micros < 1_000) {
    return `${Math.round(micros)} µs`;
  }
  return micros < 1_000_000 ? `${digits(micros / 1_000)} ms` : `${digits(micros / 1_000_000)} s`;
}

function digits(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

// A time is what a branch claims: no calendar reaches further than this, in
// milliseconds from 1970.
const latestTime = 8.64e15;

// time is the time of day, by this browser's clock.
export function time(ms: number): string {
  return Math.abs(ms) <= latestTime ? clock.format(ms) : "–";
}
