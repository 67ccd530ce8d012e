// The bank as far as it is known: what all updates since the last complete one
// add up to.

import { BranchHealth, type Branch, type Entry, type Headline, type Sample, type Update } from "./update";

// How much is kept; older entries and samples are forgotten.
export const entriesMax = 50;
export const samplesMax = 300;

// How long an entry has been known when agreement means that every branch has
// it: a branch agrees when it has all that is known since a second.
const agreedAfterMs = 2_000;

const idleAfterMs = 2_500;

// Doubt is that no news come from the branch that serves this page.
export interface Doubt {
  since: number;
  // Whether it answers, and only tells no news.
  answers: boolean;
}

export class Picture {
  serving = 0;
  bank = "";
  faults = false;
  headline: Headline = { text: "", agree: false };
  // What each branch reported last, and what is known of it: not that, once the
  // serving branch does not answer.
  private readonly reported = new Map<number, Branch>();
  readonly branches = new Map<number, Branch>();
  // That no news come, and since when.
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
      this.reported.set(branch.id, branch);
      this.branches.set(branch.id, this.known(branch));
    }
    this.addEntries(update.entries);
    this.skippedEntries += update.skippedEntries;
    this.addSamples(update.samples, now);
    this.settle(now);
  }

  // doubt says why nothing is known any more of what the branches told last;
  // undefined when it is.
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

  // rate is how many entries the last second had: seconds in which nothing
  // happened may not be told.
  rate(now: number): bigint {
    return now - this.sampledAt < idleAfterMs ? (this.samples.at(-1)?.entries ?? 0n) : 0n;
  }

  // complete returns the whole picture, for one who has seen nothing of it.
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
