// What a customer can ask for, as the form says it.

import { create, toJsonString, type MessageInitShape } from "@bufbuild/protobuf";
import { visible } from "../text";
import { Acknowledge, BranchService, Consistency } from "../gen/bank/v1/branch_pb";

export type Operation = "deposit" | "withdraw" | "transfer" | "query";

// Asked is what the form says.
export interface Asked {
  operation: Operation;
  branch: number;
  account: string;
  to: string;
  amount: bigint;
  customer: bigint;
  requestId: string;
  // The branch where the request id was first used; 0 for the branch itself.
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

// call is the request that asks for it.
export function call(asked: Asked): Call {
  const { account, amount, requestId, homeBranch, acknowledge, customer: customerId } = asked;
  const write = { amount, requestId, homeBranch, acknowledge, customerId };
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

// json is the request in JSON, in which all that can't be seen is written out.
export function json({ operation, request }: Call): string {
  const schema = BranchService.method[operation].input;
  return visible(toJsonString(schema, create(schema, request as never)));
}
