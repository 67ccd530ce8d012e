// The services, as the branch that serves this page offers them.

import { Code, ConnectError, createClient, type Client } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { BranchService } from "./gen/bank/v1/branch_pb";
import { FaultService } from "./gen/bank/v1/fault_pb";

// branchClient calls the branch that serves this page, in the binary form.
export function branchClient(): Client<typeof BranchService> {
  return createClient(BranchService, createConnectTransport({ baseUrl: self.location.origin, useBinaryFormat: true }));
}

// faultClient breaks branches of the bank on purpose.
export function faultClient(): Client<typeof FaultService> {
  return createClient(FaultService, createConnectTransport({ baseUrl: self.location.origin, fetch: reading(() => undefined) }));
}

// identityClient asks whom the branch that serves this page takes this browser for. That
// it takes it for nobody is no fault of the page.
export function identityClient(): Client<typeof BranchService> {
  return createClient(BranchService, createConnectTransport({ baseUrl: self.location.origin, useBinaryFormat: false, fetch: reading(() => undefined) }));
}

// Answer receives the text of an answer as it came, to be shown.
export type Answer = (status: number, text: string) => void;

// customerClient calls any branch as a customer with curl would, in JSON. The
// branch that serves this page passes the call on.
export function customerClient(branch: number, answer: Answer): Client<typeof BranchService> {
  return createClient(
    BranchService,
    createConnectTransport({ baseUrl: `${self.location.origin}/branch/${branch}`, useBinaryFormat: false, fetch: reading(answer) }),
  );
}

// statusHeader asks a branch to send the status of an error in a header. A
// browser logs a status in the first line as an error of this page.
export const statusHeader = "Passbook-Status";

// reading fetches, and reads an answer to its end before anybody believes it.
// An answer that no branch gave, such as a proxy's own page, fails with
// Code.Unknown, which no branch uses, whatever its status is.
function reading(answer: Answer): typeof fetch {
  return async (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set(statusHeader, "header");
    let response: Response;
    let text: string;
    try {
      response = await fetch(input, { ...init, headers });
    } catch (error) {
      throw noAnswer("no answer came", error);
    }
    try {
      text = await response.text();
    } catch (error) {
      throw noAnswer("the answer broke off", error);
    }
    const status = Number(response.headers.get(statusHeader) ?? response.status);
    answer(status, text);
    if (!isJson(text, status < 400)) {
      throw noAnswer(`what came is not the answer of a branch (HTTP ${status})`, undefined);
    }
    return new Response(text, { status, headers: response.headers });
  };
}

// isJson tells whether a text can be a branch's answer, or its error.
function isJson(text: string, ok: boolean): boolean {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === "object" && answer !== null && (ok || ("code" in answer && typeof answer.code === "string"));
  } catch {
    return false;
  }
}

function noAnswer(what: string, cause: unknown): ConnectError {
  const why = cause instanceof Error ? ` (${cause.message})` : "";
  return new ConnectError(what + why, Code.Unknown, undefined, undefined, cause);
}
