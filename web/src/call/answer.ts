// What came back from a call, in the API's own words.

import type { Client, ConnectError } from "@connectrpc/connect";
import { Code } from "@connectrpc/connect";
import { amount } from "../format";
import type { BranchService } from "../gen/bank/v1/branch_pb";
import type { Call } from "./operation";

// answered makes the call and says in a sentence what the answer means.
export async function answered(client: Client<typeof BranchService>, { operation, request }: Call, signal: AbortSignal): Promise<string> {
  if (operation === "query") {
    const { balance, available } = await client.query(request, { signal });
    return `The balance is ${amount(balance)}. This branch alone can pay ${amount(available)} of it.`;
  }
  const response = await client[operation](request as never, { signal });
  const { receipt, replay, balance, unreachableBranches: missing } = response;
  const place = `branch ${receipt?.branch} #${receipt?.sequence}`;
  const recorded = replay ? `Replayed: it was recorded before, as ${place}; it counts once.` : `Recorded as ${place}. The balance was ${amount(balance)} right after it.`;
  return missing.length === 0 ? recorded : `${recorded} Not yet at ${missing.length === 1 ? "branch" : "branches"} ${missing.join(", ")}.`;
}

// refused says what an error means.
export function refused(error: ConnectError): string {
  switch (error.code) {
    case Code.DeadlineExceeded:
      return `Recorded or not known: ${error.rawMessage}`;
    case Code.Canceled:
      return "You stopped waiting. Whether it was recorded is not known: send it again with the same request id.";
    default:
      return `Refused: ${error.rawMessage}`;
  }
}

// indented lays out JSON over several lines. Amounts are strings in it, so
// none is rounded on the way.
export function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
