// The services, as the branch that serves this page offers them.

import { createClient, type Client } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { BranchService } from "./gen/bank/v1/branch_pb";
import { FaultService } from "./gen/bank/v1/fault_pb";

// branchClient calls the branch that serves this page, in the binary form.
export function branchClient(): Client<typeof BranchService> {
  return createClient(BranchService, createConnectTransport({ baseUrl: self.location.origin, useBinaryFormat: true }));
}

// faultClient breaks branches of the bank on purpose.
export function faultClient(): Client<typeof FaultService> {
  return createClient(FaultService, createConnectTransport({ baseUrl: self.location.origin }));
}

// Answer is the text of an answer as it came, for those who want to see it.
export type Answer = (status: number, text: string) => void;

// customerClient calls any branch as a customer with curl would, in JSON. The
// branch that serves this page passes the call on.
export function customerClient(branch: number, answer: Answer): Client<typeof BranchService> {
  const read: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    answer(response.status, await response.clone().text());
    return response;
  };
  return createClient(
    BranchService,
    createConnectTransport({ baseUrl: `${self.location.origin}/branch/${branch}`, useBinaryFormat: false, fetch: read }),
  );
}
