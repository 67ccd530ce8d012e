// How the page writes amounts and times. Amounts are bigint, as exact as in the
// bank, and nothing here rounds them.

const grouped = new Intl.NumberFormat("en-US");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// amount groups the digits: "1,234,567".
export function amount(value: bigint): string {
  return value > -1000n && value < 1000n ? value.toString() : grouped.format(value);
}

// Whole numbers in a text that a branch wrote, except in a quoted name, an
// address or an id.
const numbers = /"(?:[^"\\]|\\.)*"|(?<![\w.:/#-])\d{4,}(?![\w:/#-]|\.\d)/g;

// groupedIn groups the digits in a text that a branch wrote.
export function groupedIn(text: string): string {
  return text.replace(numbers, (found) => (found.startsWith('"') ? found : amount(BigInt(found))));
}

// count is amount with its noun: "1 entry", "2 entries".
export function count(value: bigint, one: string, many: string): string {
  return `${amount(value)} ${value === 1n ? one : many}`;
}

// day writes when something ends: "17:30:00" today, and the date as well on another day.
export function day(at: number): string {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock.format(date) : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock.format(date)}`;
}

function two(part: number): string {
  return String(part).padStart(2, "0");
}

// duration writes how long a state has lasted, given in milliseconds: "12 s", "3 min".
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

// spread writes how long something took, given in microseconds: "840 µs", "3.2 ms".
export function spread(us: bigint | number): string {
  const micros = Number(us);
  if (micros < 1_000) {
    return `${Math.round(micros)} µs`;
  }
  return micros < 1_000_000 ? `${digits(micros / 1_000)} ms` : `${digits(micros / 1_000_000)} s`;
}

// roundTrip writes a round trip, given in microseconds: "0.4 ms", "41 ms".
export function roundTrip(us: bigint): string {
  if (us < 100n) {
    return "< 0.1 ms";
  }
  return us < 1_000n ? `${digits(Number(us) / 1_000)} ms` : spread(us);
}

function digits(value: number): string {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}

// A branch may claim any time, but no calendar reaches further than this, in
// milliseconds since 1970.
const latestTime = 8.64e15;

// time writes the time of day, by this browser's clock.
export function time(ms: number): string {
  return Math.abs(ms) <= latestTime ? clock.format(ms) : "–";
}
