// The last five minutes: the account's balance and the entries of each second,
// and how long entries took until every branch had them.

import uPlot from "uplot";
import { byId, setText } from "../dom";
import { amount, count, spread, time } from "../format";
import { samplesMax, type Picture } from "../watch/picture";
import type { Sample } from "../watch/update";
import type { Change, View } from "./frame";
import { color, Plot } from "./plot";
import { WholeScale } from "./ticks";

export class ChartsView implements View {
  private readonly balances = new WholeScale();
  private readonly counts = new WholeScale();
  private readonly balance = new Plot(
    byId("chart-balance"),
    [
      { scale: "entries", stroke: () => color("chart-2"), fill: () => color("chart-2-fill"), width: 0, paths: uPlot.paths.bars!({ size: [1, 12] }), points: { show: false } },
      { scale: "balance", stroke: () => color("chart-1"), width: 2, paths: uPlot.paths.stepped!({ align: -1 }), points: { show: false } },
    ],
    { balance: { range: (_, least, most) => this.balances.range(least, most) }, entries: { range: (_, __, most) => [0, Math.max(most, 1) * 2] } },
    [this.balances.axis({ scale: "balance" }), this.counts.axis({ scale: "entries", side: 1, grid: { show: false } })],
    (place) => this.readBalance(place),
  );
  private readonly spread = new Plot(
    byId("chart-spread"),
    [
      { scale: "us", stroke: () => color("chart-3"), width: 2, points: { size: 4 } },
      { scale: "us", stroke: () => color("chart-4"), width: 2, dash: [5, 3], points: { size: 4 } },
    ],
    { us: { distr: 3, range: decades } },
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

  // tick moves the charts on, whether or not anything happened.
  tick(now: number): void {
    if (this.picture) {
      this.draw(this.picture, now);
    }
  }

  private draw(picture: Picture, now: number): void {
    const end = lastSecond(picture, now);
    this.seconds = everySecond(picture, end, lastKnown(picture, now));
    const xs = this.seconds.map((second) => second.at / 1000);
    // A chart draws pixels, so here, and only here, amounts become floats.
    const entries = this.counts.offsets(this.seconds.map((second) => second.entries), 0n);
    const balances = this.balances.offsets(this.seconds.map((second) => second.balance));
    this.balance.show(end, [xs, entries, balances]);
    const positive = (us: bigint) => (us > 0n ? Number(us) : null);
    this.spread.show(end, [
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
      setText(byId("chart-balance-text"), `${when(this.isNow(place), second)}balance ${amount(second.balance)}, ${count(second.entries, "entry", "entries")} a second`);
    }
  }

  // isNow tells whether the value is the present one. Otherwise its time is named.
  private isNow(place: number | null): boolean {
    return place === null && !this.picture?.doubted;
  }

  private readSpread(place: number | null): void {
    const second = place === null ? this.seconds.findLast(hasSpread) : this.seconds[place];
    const text =
      second && hasSpread(second)
        ? `${when(this.isNow(place), second)}half within ${spread(second.spreadP50Us)}, 99 of 100 within ${spread(second.spreadP99Us)}`
        : "no entries";
    setText(byId("chart-spread-text"), text);
  }
}

function hasSpread(second: Sample): boolean {
  return second.spreadP50Us > 0n;
}

function when(isNow: boolean, second: Sample): string {
  return isNow ? "" : `${time(second.at)}: `;
}

// lastSecond is the last second in the charts, by the clock of the serving
// branch once that is known.
function lastSecond(picture: Picture, now: number): number {
  const last = picture.samples.at(-1);
  const ms = last ? last.at + Math.max(0, now - picture.sampledAt) : now;
  return Math.floor(ms / 1000);
}

// lastKnown is the last second about which something is known. Without a sample,
// nothing happened in it.
function lastKnown(picture: Picture, now: number): number {
  return lastSecond(picture, picture.doubted ? Math.min(now, picture.doubted.since) : now);
}

// everySecond fills in the seconds in which nothing happened, with the balance
// of the second before.
function everySecond(picture: Picture, end: number, known: number): Sample[] {
  const begin = end - samplesMax + 1;
  const byTime = new Map(picture.samples.map((sample) => [Math.round(sample.at / 1000), sample]));
  const seconds: Sample[] = [];
  let balance = picture.samples.findLast((sample) => sample.at / 1000 < begin)?.balance;
  for (let place = 0; place < samplesMax; place++) {
    const second = begin + place;
    const sample = byTime.get(second);
    balance = sample?.balance ?? balance;
    if (sample) {
      seconds.push(sample);
    } else if (balance !== undefined && second <= known) {
      seconds.push({ at: second * 1000, balance, entries: 0n, spreadP50Us: 0n, spreadP99Us: 0n });
    }
  }
  return seconds;
}

// decades returns a range of whole powers of ten, at least one.
function decades(_: uPlot, least: number | null, most: number | null): [number, number] {
  const from = 10 ** Math.floor(Math.log10(least || 1_000));
  return [from, Math.max(10 ** Math.ceil(Math.log10(most || 10_000)), from * 10)];
}

function isDecade(value: number): boolean {
  return value > 0 && Number.isInteger(Math.round(Math.log10(value) * 1e6) / 1e6);
}

// widthOf leaves room for the longest label.
function widthOf(_: uPlot, labels: string[] | null): number {
  return 18 + 7 * Math.max(2, ...(labels ?? []).map((label) => label.length));
}
