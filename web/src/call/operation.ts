// The calls that a customer can make with the form.

import { create, toJsonString, type MessageInitShape } from "@bufbuild/protobuf";
import { Acknowledge, BranchService, Consistency } from "../gen/bank/v1/branch_pb";
import { visible } from "../text";
import type { Entry, Kind } from "../watch/update";

export type Operation = "deposit" | "withdraw" | "transfer" | "query";

// Asked is the content of the form.
export interface Asked {
  operation: Operation;
  branch: number;
  account: string;
  to: string;
  amount: bigint;
  customer: bigint;
  requestId: string;
  // The branch where the request id was first used. It is always named: an id
  // counts once only if each call that has it names the same one.
  homeBranch: number;
  acknowledge: Acknowledge;
  strong: boolean;
}

// Call is a method with its request.
export type Call =
  | { operation: "deposit"; request: MessageInitShape<typeof BranchService.method.deposit.input> }
  | { operation: "withdraw"; request: MessageInitShape<typeof BranchService.method.withdraw.input> }
  | { operation: "transfer"; request: MessageInitShape<typeof BranchService.method.transfer.input> }
  | { operation: "query"; request: MessageInitShape<typeof BranchService.method.query.input> };

// call returns the request for the content of the form.
export function call(asked: Asked): Call {
  const { account, amount, requestId, homeBranch, acknowledge, customer: customerId } = asked;
  const write = { amount, requestId, homeBranch: requestId === "" ? 0 : homeBranch, acknowledge, customerId };
  switch (asked.operation) {
    case "deposit":
    case "withdraw":
      return { operation: asked.operation, request: { account, ...write } };
    case "transfer":
      return { operation: "transfer", request: { fromAccount: account, toAccount: asked.to, ...write } };
    case "query":
      return { operation: "query", request: { account, customerId, consistency: asked.strong ? Consistency.STRONG : Consistency.UNSPECIFIED } };
  }
}

// isSame tells whether two forms ask for the same, at whatever branch. If so,
// they may have the same request id.
export function isSame(a: Asked, b: Asked): boolean {
  const same = a.operation === b.operation && a.amount === b.amount && a.customer === b.customer && named(a.account) === named(b.account);
  return same && (a.operation !== "transfer" || named(a.to) === named(b.to));
}

// named gives the bank's shared account its name.
function named(account: string): string {
  return account || "shared";
}

const kinds: Record<Operation, Kind | undefined> = { deposit: "deposit", withdraw: "withdrawal", transfer: "transfer", query: undefined };

// isEntryOf tells whether an entry came from a request.
export function isEntryOf(entry: Entry, { operation, requestId, account, to, amount }: Asked): boolean {
  const payer = operation === "deposit" ? "" : named(account);
  const paid = { deposit: named(account), withdraw: "", transfer: named(to), query: "" }[operation];
  return entry.journal > 0 && entry.requestId === requestId && entry.kind === kinds[operation] && entry.amount === amount && entry.from === payer && entry.to === paid;
}

// json returns the request in JSON, with invisible characters written out.
export function json({ operation, request }: Call): string {
  const schema = BranchService.method[operation].input;
  return visible(toJsonString(schema, create(schema, request as never)));
}
