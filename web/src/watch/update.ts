// The content of a Watch stream, in the form that the page keeps and that the
// worker passes on to every tab: plain values, times by the browser's clock.

import type { BranchReport, Sample as SampleMessage, WatchedEntry, WatchResponse } from "../gen/bank/v1/branch_pb";
import { BranchHealth } from "../gen/bank/v1/branch_pb";

// Branch is what a branch reports about itself. Times are milliseconds since
// 1970 by this browser's clock.
export interface Branch {
  id: number;
  address: string;
  health: BranchHealth;
  healthSince: number;
  reason: string;
  behind: bigint;
  balance: bigint;
  available: bigint;
  unreachablePeers: number[];
  epoch: bigint;
  servingSince: number;
  alarms: string[];
  spreadP50Us: bigint;
  spreadP99Us: bigint;
  // The round trips to its peers, in microseconds. In an update that isn't complete,
  // only those that have changed; 0 for one that is not known any more.
  roundTrips: Map<number, bigint>;
}

// Kind is the kind of an entry. A list of many operations comes without them.
export type Kind = "deposit" | "withdrawal" | "transfer" | "grant" | "list";

// Entry is a write to the watched account, recorded or refused.
export interface Entry {
  // The same key when the entry comes again, applied everywhere.
  key: string;
  branch: number;
  // The branch and the sequence of its receipt; 0 when it was refused.
  journal: number;
  sequence: bigint;
  at: number;
  // When this browser first heard of it.
  heardAt: number;
  customer: bigint;
  // The name that the customer has proven; empty for none.
  customerName: string;
  // Empty when the write had none.
  requestId: string;
  kind: Kind;
  amount: bigint;
  from: string;
  to: string;
  balance: bigint;
  // How long it took until every branch had the entry; 0 until then.
  spreadUs: bigint;
  // Whether every branch has the entry, even if it isn't known how long that took.
  everywhere: boolean;
  refusalCode: string;
  refusal: string;
}

// Sample is one second of the bank.
export interface Sample {
  at: number;
  balance: bigint;
  entries: bigint;
  spreadP50Us: bigint;
  spreadP99Us: bigint;
}

// Headline says in words what is true of the bank.
export interface Headline {
  text: string;
  agree: boolean;
}

// Update is a set of changes; a complete one replaces everything that was known.
export interface Update {
  complete: boolean;
  serving: number;
  // The name of the bank.
  bank: string;
  faults: boolean;
  headline: Headline | undefined;
  branches: Branch[];
  entries: Entry[];
  skippedEntries: bigint;
  samples: Sample[];
}

// update converts a message that arrived at a time.
export function update(message: WatchResponse, now: number): Update {
  return {
    complete: message.complete,
    serving: message.branch,
    bank: message.bankName,
    faults: message.faults,
    headline: message.headline && { text: message.headline.text, agree: message.headline.agree },
    branches: message.reports.map((report) => branch(report, now)),
    entries: message.entries.map((watched) => entry(watched, now)),
    skippedEntries: message.skippedEntries,
    samples: message.samples.map(sample),
  };
}

function branch(report: BranchReport, now: number): Branch {
  return {
    id: report.branch,
    address: report.address,
    health: report.health,
    healthSince: now - Number(report.healthForMs),
    reason: report.reason,
    behind: report.behind,
    balance: report.balance,
    available: report.available,
    unreachablePeers: report.unreachablePeers,
    epoch: report.epoch,
    servingSince: now - Number(report.uptimeMs),
    alarms: report.alarms,
    spreadP50Us: report.spreadP50Us,
    spreadP99Us: report.spreadP99Us,
    roundTrips: new Map(report.roundTrips.map(({ branch: peer, tookUs }) => [peer, tookUs])),
  };
}

// Refusals have no receipts that would tell them apart.
let refusals = 0;

function entry(watched: WatchedEntry, now: number): Entry {
  const { receipt, entry: written } = watched;
  const at = Number(written?.recordedAtUnixMs ?? 0n);
  return {
    key: receipt ? `${receipt.branch}/${receipt.sequence}` : `refused/${++refusals}`,
    branch: watched.branch,
    journal: receipt?.branch ?? 0,
    sequence: receipt?.sequence ?? 0n,
    at: at > 0 ? at : now,
    heardAt: now,
    customer: written?.customerId ?? 0n,
    customerName: written?.customer ?? "",
    requestId: written?.requestId ?? "",
    ...fact(watched),
    balance: watched.balance,
    spreadUs: watched.spreadUs,
    everywhere: watched.spreadUs > 0n,
    refusalCode: watched.refusalCode,
    refusal: watched.refusal,
  };
}

function fact(watched: WatchedEntry): Pick<Entry, "kind" | "amount" | "from" | "to"> {
  const { case: kind, value } = watched.entry?.fact ?? { case: undefined, value: undefined };
  switch (kind) {
    case "deposit":
      return { kind, amount: value.amount, from: "", to: value.account };
    case "withdrawal":
      return { kind, amount: value.amount, from: value.account, to: "" };
    case "transfer":
      return { kind, amount: value.amount, from: value.fromAccount, to: value.toAccount };
    case "grant":
      return { kind, amount: value.amount, from: value.account, to: `branch ${value.toBranch}` };
    default:
      return { kind: "list", amount: 0n, from: "", to: "" };
  }
}

function sample(message: SampleMessage): Sample {
  return {
    at: Number(message.unixMs),
    balance: message.balance,
    entries: message.entries,
    spreadP50Us: message.spreadP50Us,
    spreadP99Us: message.spreadP99Us,
  };
}

export { BranchHealth };
