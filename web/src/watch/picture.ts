// The bank as far as it is known: the sum of all updates since the last complete
// one.

import { BranchHealth, type Branch, type Entry, type Headline, type Sample, type Update } from "./update";

// How many are kept; older entries and samples are forgotten.
export const entriesMax = 50;
export const samplesMax = 300;

// How long an entry has been known when agreement means that every branch has
// it: a branch agrees when it has all entries that have been known for a second.
const agreedAfterMs = 2_000;

const idleAfterMs = 2_500;

// Doubt says that no news comes from the branch that serves this page.
export interface Doubt {
  since: number;
  // Whether it answers, but has no news.
  answers: boolean;
}

export class Picture {
  serving = 0;
  bank = "";
  faults = false;
  headline: Headline = { text: "", agree: false };
  // The last report of each branch, and its health. The health is not known once
  // the serving branch does not answer.
  private readonly reported = new Map<number, Branch>();
  readonly branches = new Map<number, Branch>();
  // Set while no news comes: since when.
  doubted: Doubt | undefined;
  // Oldest first.
  entries: Entry[] = [];
  skippedEntries = 0n;
  // Oldest first, by the clock of the serving branch.
  samples: Sample[] = [];
  // When the last sample came, by this browser's clock.
  sampledAt = 0;

  // apply adds what changed.
  apply(update: Update, now: number): void {
    if (update.complete) {
      this.clear(update);
    }
    this.headline = update.headline ?? this.headline;
    for (const branch of update.branches) {
      const whole = { ...branch, roundTrips: this.roundTrips(branch) };
      this.reported.set(branch.id, whole);
      this.branches.set(branch.id, this.known(whole));
    }
    this.addEntries(update.entries);
    this.skippedEntries += update.skippedEntries;
    this.addSamples(update.samples, now);
    this.settle(now);
  }

  // roundTrips adds those that a branch reports to those that it has reported before.
  private roundTrips({ id, roundTrips }: Branch): Map<number, bigint> {
    const before = this.reported.get(id)?.roundTrips;
    return before && roundTrips.size === 0 ? before : new Map([...(before ?? []), ...roundTrips]);
  }

  // doubt says why the last reports of the branches may be out of date; undefined
  // when they are current.
  doubt(doubted: Doubt | undefined): void {
    this.doubted = doubted;
    for (const [id, branch] of this.reported) {
      this.branches.set(id, this.known(branch));
    }
  }

  private known(branch: Branch): Branch {
    if (!this.doubted) {
      return branch;
    }
    const { since, answers } = this.doubted;
    if (branch.id === this.serving && !answers) {
      return { ...branch, health: BranchHealth.UNREACHABLE, healthSince: since, reason: "it does not answer this page" };
    }
    const reason = answers ? "the branch that serves this page lets nobody more watch" : "the branch that tells of it does not answer";
    return { ...branch, health: BranchHealth.UNSPECIFIED, healthSince: since, reason };
  }

  // rate returns how many entries the last second had. There may be no sample of a
  // second in which nothing happened.
  rate(now: number): bigint {
    return now - this.sampledAt < idleAfterMs ? (this.samples.at(-1)?.entries ?? 0n) : 0n;
  }

  // complete returns the whole picture, for a watcher that has seen none of it.
  complete(): Update {
    return {
      complete: true,
      serving: this.serving,
      bank: this.bank,
      faults: this.faults,
      headline: this.headline,
      branches: [...this.reported.values()],
      entries: this.entries,
      skippedEntries: this.skippedEntries,
      samples: this.samples,
    };
  }

  private clear(update: Update): void {
    this.serving = update.serving;
    this.bank = update.bank;
    this.faults = update.faults;
    this.branches.clear();
    this.reported.clear();
    this.entries = [];
    this.skippedEntries = 0n;
    this.samples = [];
  }

  private addEntries(entries: Entry[]): void {
    if (entries.length === 0) {
      return;
    }
    const places = new Map(this.entries.map((entry, place) => [entry.key, place]));
    for (const entry of entries) {
      const place = places.get(entry.key);
      if (place !== undefined) {
        this.entries[place] = { ...entry, heardAt: this.entries[place]!.heardAt };
      } else if (this.isNew(entry)) {
        places.set(entry.key, this.entries.push(entry) - 1);
      }
    }
    if (this.entries.length > entriesMax) {
      this.entries = this.entries.slice(-entriesMax);
    }
  }

  // isNew tells an entry from one that was forgotten and comes again, because
  // it is applied everywhere.
  private isNew(entry: Entry): boolean {
    return this.entries.length < entriesMax || entry.at >= this.entries[0]!.at;
  }

  private addSamples(samples: Sample[], now: number): void {
    for (const sample of samples) {
      const before = this.samples.findLastIndex((known) => known.at <= sample.at);
      const replaced = this.samples[before]?.at === sample.at;
      this.samples.splice(replaced ? before : before + 1, replaced ? 1 : 0, sample);
      this.sampledAt = now;
    }
    if (this.samples.length > samplesMax) {
      this.samples.splice(0, this.samples.length - samplesMax);
    }
  }

  private settle(now: number): void {
    if (!this.headline.agree) {
      return;
    }
    for (const entry of this.entries) {
      entry.everywhere ||= now - entry.heardAt > agreedAfterMs;
    }
  }
}
