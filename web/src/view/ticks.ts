// The ticks of an axis of whole numbers of any size. A chart draws with floats,
// which are exact only up to 2^53: beyond it there may be no float between two
// ticks. So a chart gets the differences of its values from a base, and the
// ticks are computed and written here, exactly.

import type uPlot from "uplot";
import { amount } from "../format";

// Ticks stand no closer than this, in pixels, because a label may take two lines.
const ticksApart = 30;

// A label with more letters is broken into two lines where there is little room,
// in pixels. Then the lowest part of the chart, below which the time stands, has
// none.
const manyLetters = 14;
const littleRoom = 420;
const lowestPart = 0.1;

export class WholeScale {
  private base = 0n;
  private empty = true;
  private labels: string[] = [];

  // offsets returns the differences of the values from a base, by default the
  // least of them. They can be drawn however large the values are.
  offsets(values: bigint[], base = least(values)): number[] {
    this.empty = values.length === 0;
    this.base = base;
    return values.map((value) => Number(value - this.base));
  }

  // range keeps a line off the edges, and shows nothing below zero.
  range(least: number, most: number): [number, number] {
    const room = Math.max((most - least) * 0.15, 1);
    const from = least - room;
    return [this.base < 0n ? from : Math.max(from, -Number(this.base)), most + room];
  }

  // axis is the scale's axis. Without values it has no ticks.
  axis(options: uPlot.Axis): uPlot.Axis {
    return {
      ...options,
      size: (_, labels) => 18 + 7 * Math.max(2, ...(labels ?? []).map(widest)),
      splits: (plot, _, from, to) => this.split(from, to, plot.height / ticksApart, plot.width < littleRoom),
      values: () => this.labels,
    };
  }

  private split(from: number, to: number, most: number, isNarrow: boolean): number[] {
    if (this.empty) {
      this.labels = [];
      return [];
    }
    const found = ticks(this.base + BigInt(Math.ceil(from)), this.base + BigInt(Math.floor(to)), BigInt(Math.max(2, Math.floor(most))));
    const texts = labels(found);
    const lines = isNarrow && texts.some((text) => text.length > manyLetters);
    const places = found.map((tick) => Number(tick - this.base));
    const kept = places.map((place) => !lines || place - from >= (to - from) * lowestPart);
    this.labels = texts.filter((_, place) => kept[place]).map((text) => (lines ? inTwoLines(text) : text));
    return places.filter((_, place) => kept[place]);
  }
}

function least(values: bigint[]): bigint {
  return values.reduce((least, value) => (value < least ? value : least), values[0] ?? 0n);
}

// ticks returns the multiples of 1, 2 or 5 times a power of ten between two
// numbers: of the smallest step that gives no more than most of them.
export function ticks(from: bigint, to: bigint, most: bigint): bigint[] {
  const step = stepFor((to - from) / most + 1n);
  const found: bigint[] = [];
  for (let tick = ceil(from, step); tick <= to; tick += step) {
    found.push(tick);
  }
  return found;
}

// stepFor returns the first of 1, 2, 5, 10, 20, 50, … that is not smaller.
function stepFor(least: bigint): bigint {
  for (let power = 1n; ; power *= 10n) {
    const step = [1n, 2n, 5n].find((digit) => digit * power >= least);
    if (step) {
      return step * power;
    }
  }
}

// ceil returns the first multiple of a step that is not smaller than the value.
function ceil(value: bigint, step: bigint): bigint {
  const below = value / step; // towards zero
  return (value > below * step ? below + 1n : below) * step;
}

const units: [string, bigint][] = [
  ["T", 10n ** 12n],
  ["B", 10n ** 9n],
  ["M", 10n ** 6n],
  ["K", 10n ** 3n],
];

// labels writes ticks exactly, and all in the same unit: "5M", or all digits.
export function labels(all: bigint[]): string[] {
  const [unit, size] = units.find((candidate) => all.every((tick) => tick % candidate[1] === 0n)) ?? ["", 1n];
  return all.map((tick) => (tick === 0n ? "0" : amount(tick / size) + unit));
}

function inTwoLines(text: string): string {
  const groups = text.split(",");
  const half = Math.ceil(groups.length / 2);
  return `${groups.slice(0, half).join()},\n${groups.slice(half).join()}`;
}

function widest(text: string): number {
  return Math.max(...text.split("\n").map((line) => line.length));
}
