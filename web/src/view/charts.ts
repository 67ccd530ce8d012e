// The last five minutes: the account's balance and the entries of each second,
// and how long entries took until every branch had them.

import uPlot from "uplot";
import { byId, setText } from "../dom";
import { amount, count, spread } from "../format";
import { samplesMax, type Picture } from "../watch/picture";
import type { Sample } from "../watch/update";
import type { Change, View } from "./frame";
import { color, Plot } from "./plot";

export class ChartsView implements View {
  private readonly balance = new Plot(
    byId("chart-balance"),
    [
      { scale: "entries", stroke: () => color("chart-2"), fill: () => color("chart-2-fill"), width: 0, paths: uPlot.paths.bars!({ size: [1, 12] }), points: { show: false } },
      { scale: "balance", stroke: () => color("chart-1"), width: 2, paths: uPlot.paths.stepped!({ align: -1 }), points: { show: false } },
    ],
    { x: fiveMinutes, balance: { range: roomy }, entries: { range: (_, __, most) => [0, Math.max(most, 1) * 2] } },
    [
      { scale: "balance", size: widthOf, values: (_, values) => values.map(whole) },
      { scale: "entries", side: 1, size: widthOf, grid: { show: false }, values: (_, values) => values.map(whole) },
    ],
    (place) => this.readBalance(place),
  );
  private readonly spread = new Plot(
    byId("chart-spread"),
    [
      { scale: "us", stroke: () => color("chart-3"), width: 2, points: { size: 4 } },
      { scale: "us", stroke: () => color("chart-4"), width: 2, dash: [5, 3], points: { size: 4 } },
    ],
    { x: fiveMinutes, us: { distr: 3, range: decades } },
    [{ scale: "us", size: widthOf, values: (_, values) => values.map((value) => (isDecade(value) ? spread(value) : "")) }],
    (place) => this.readSpread(place),
  );
  private seconds: Sample[] = [];

  private picture: Picture | undefined;

  show(picture: Picture, change: Change): void {
    this.picture = picture;
    if (change.complete) {
      this.draw(picture, Date.now());
    }
  }

  // tick moves the charts on, whether anything happened or not.
  tick(now: number): void {
    if (this.picture) {
      this.draw(this.picture, now);
    }
  }

  private draw(picture: Picture, now: number): void {
    this.seconds = everySecond(picture, now);
    const xs = this.seconds.map((second) => second.at / 1000);
    // A chart draws pixels: here, and only here, amounts become floats.
    const entries = this.seconds.map((second) => Number(second.entries));
    const balances = this.seconds.map((second) => Number(second.balance));
    this.balance.show([xs, entries, balances]);
    const positive = (us: bigint) => (us > 0n ? Number(us) : null);
    this.spread.show([
      xs,
      this.seconds.map((second) => positive(second.spreadP50Us)),
      this.seconds.map((second) => positive(second.spreadP99Us)),
    ]);
    this.readBalance(null);
    this.readSpread(null);
  }

  // readBalance says in words what the chart shows, now or under the pointer.
  private readBalance(place: number | null): void {
    const second = place === null ? this.seconds.at(-1) : this.seconds[place];
    if (second) {
      setText(byId("chart-balance-text"), `${when(place, second)}balance ${amount(second.balance)}, ${count(second.entries, "entry", "entries")} a second`);
    }
  }

  private readSpread(place: number | null): void {
    const second = place === null ? this.seconds.findLast(hasSpread) : this.seconds[place];
    const text =
      second && hasSpread(second)
        ? `${when(place, second)}half within ${spread(second.spreadP50Us)}, 99 of 100 within ${spread(second.spreadP99Us)}`
        : "no entries";
    setText(byId("chart-spread-text"), text);
  }
}

function hasSpread(second: Sample): boolean {
  return second.spreadP50Us > 0n;
}

function when(place: number | null, second: Sample): string {
  return place === null ? "" : `${new Date(second.at).toLocaleTimeString("en-GB")}: `;
}

// everySecond fills in the seconds in which nothing happened, up to now.
function everySecond(picture: Picture, now: number): Sample[] {
  const last = picture.samples.at(-1);
  if (!last) {
    return [];
  }
  const end = last.at + Math.floor((now - picture.sampledAt) / 1000) * 1000;
  const byTime = new Map(picture.samples.map((sample) => [Math.round(sample.at / 1000), sample]));
  const seconds: Sample[] = [];
  let balance: bigint | undefined;
  for (let second = Math.round(end / 1000) - samplesMax + 1; second <= Math.round(end / 1000); second++) {
    const sample = byTime.get(second);
    balance = sample?.balance ?? balance;
    if (sample) {
      seconds.push(sample);
    } else if (balance !== undefined) {
      seconds.push({ at: second * 1000, balance, entries: 0n, spreadP50Us: 0n, spreadP99Us: 0n });
    }
  }
  return seconds;
}

// fiveMinutes is the scale of the time, however little of it is known yet.
const fiveMinutes: uPlot.Scale = { time: false, range: (_, __, last) => [last - samplesMax + 1, last] };

// roomy keeps the line of a balance off the edges, and below zero out of sight.
function roomy(_: uPlot, least: number, most: number): [number, number] {
  const room = Math.max((most - least) * 0.15, 1);
  return [Math.max(0, least - room), most + room];
}

// decades shows at least one power of ten, whole ones.
function decades(_: uPlot, least: number | null, most: number | null): [number, number] {
  const from = 10 ** Math.floor(Math.log10(least || 1_000));
  return [from, Math.max(10 ** Math.ceil(Math.log10(most || 10_000)), from * 10)];
}

function isDecade(value: number): boolean {
  return value > 0 && Number.isInteger(Math.round(Math.log10(value) * 1e6) / 1e6);
}

const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 3 });

// whole labels an axis of whole numbers.
function whole(value: number): string {
  return Number.isInteger(value) ? compact.format(value) : "";
}

// widthOf leaves room for the longest label.
function widthOf(_: uPlot, labels: string[] | null): number {
  return 18 + 7 * Math.max(2, ...(labels ?? []).map((label) => label.length));
}
