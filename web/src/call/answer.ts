// What an answer means. A call without an answer, or with one that no branch
// gave, may have been carried out all the same: nobody here knows.

import type { DescMessage } from "@bufbuild/protobuf";
import { Code, ConnectError, type Client } from "@connectrpc/connect";
import { amount, groupedIn } from "../format";
import { EscrowUnavailableSchema, InsufficientFundsSchema, NotReplicatedSchema, type BranchService, type NotReplicated, type Receipt } from "../gen/bank/v1/branch_pb";
import type { Call } from "./operation";

// Result is what became of a call:
//  - answered: it was carried out.
//  - late: it is recorded, but not yet at as many branches as were asked for.
//  - refused: a branch says that nothing was recorded; or a query has no answer.
//  - unknown: it may have been recorded or not.
export type Result = "answered" | "late" | "refused" | "unknown";

// Outcome is the result, with a sentence for the user.
export interface Outcome {
  result: Result;
  meaning: string;
  // Whether the refusal of a write holds for its request id, and so for every
  // earlier call with that id, too.
  settled?: boolean;
}

// answered makes the call and says what the answer means.
export async function answered(client: Client<typeof BranchService>, { operation, request }: Call, signal: AbortSignal): Promise<Outcome> {
  if (operation === "query") {
    const { balance, available } = await client.query(request, { signal });
    return { result: "answered", meaning: `The balance is ${amount(balance)}. This branch alone can pay ${amount(available)} of it.` };
  }
  const { receipt, replay, balance, unreachableBranches: missing } = await client[operation](request as never, { signal });
  if (!receipt) {
    throw new ConnectError("the answer has no receipt", Code.Unknown);
  }
  const recorded = replay
    ? `Replayed: it was recorded before, as ${place(receipt)}; it counts once.`
    : `Recorded as ${place(receipt)}. The balance was ${amount(balance)} right after it.`;
  return { result: "answered", meaning: missing.length === 0 ? recorded : `${recorded} Not yet at ${branches(missing)}.` };
}

// place names the place where something was recorded.
export function place({ branch, sequence }: Pick<Receipt, "branch" | "sequence">): string {
  return `branch ${branch} #${sequence}`;
}

// failed says what an error means that answered a call, or that came instead of
// an answer.
export function failed({ operation }: Call, error: ConnectError): Outcome {
  if (operation === "query") {
    return { result: "refused", meaning: isVerdict(error) ? `Refused: ${groupedIn(error.rawMessage)}` : `No answer: ${error.rawMessage}` };
  }
  const [late] = error.code === Code.DeadlineExceeded ? error.findDetails(NotReplicatedSchema) : [];
  if (late?.receipt) {
    return { result: "late", meaning: recordedLate(late, late.receipt) };
  }
  if (isVerdict(error)) {
    return { result: "refused", meaning: `Refused, and nothing was recorded: ${groupedIn(error.rawMessage)}`, settled: isSettled(error) };
  }
  const unsaid = saysUnknown(error) ? "" : "; it may have been recorded, or may yet be";
  return { result: "unknown", meaning: `It is not known what became of it. ${sentence(groupedIn(error.rawMessage))}${unsaid}. Ask again with the same request id: it counts once.` };
}

function recordedLate({ missingBranches: missing, replay, balance }: NotReplicated, receipt: Receipt): string {
  const recorded = replay ? `Recorded before, as ${place(receipt)}; it counts once.` : `Recorded as ${place(receipt)}. The balance was ${amount(balance)} right after it.`;
  const where = missing.length > 0 ? `: ${branches(missing)} ${missing.length === 1 ? "has" : "have"} not confirmed it in time` : "";
  return `${recorded} It spreads, but has not yet reached all the branches that were asked for${where}. Ask again with the same request id to see whether it is.`;
}

// isVerdict tells whether an error means that nothing was recorded. With these
// codes a branch says that it refused the call. For two of them the text
// decides, as the API says.
export function isVerdict(error: ConnectError): boolean {
  switch (error.code) {
    case Code.InvalidArgument:
    case Code.FailedPrecondition:
    case Code.AlreadyExists:
    case Code.ResourceExhausted:
    case Code.PermissionDenied:
    case Code.Unauthenticated:
    case Code.NotFound:
    case Code.OutOfRange:
    case Code.Unimplemented:
      return true;
    case Code.Unavailable:
      return !saysUnknown(error);
    case Code.DeadlineExceeded:
      return error.rawMessage.includes("nothing was recorded");
    default:
      return false;
  }
}

// isSettled tells whether a branch looked for the request id before it refused.
// If that request had been recorded, its receipt would have been the answer.
function isSettled(error: ConnectError): boolean {
  return error.code === Code.AlreadyExists || [InsufficientFundsSchema, EscrowUnavailableSchema].some((schema) => error.findDetails<DescMessage>(schema).length > 0);
}

// again says what the outcome of a call means when an earlier call had the same
// request id, and nobody knows the outcome of that one.
export function again(outcome: Outcome): Outcome {
  if (outcome.result !== "refused" || outcome.settled) {
    return outcome;
  }
  return { result: "unknown", meaning: `It is still not known what became of it the first time. This time: ${outcome.meaning}` };
}

function saysUnknown(error: ConnectError): boolean {
  return error.rawMessage.includes("not known");
}

function branches(ids: number[]): string {
  return `${ids.length === 1 ? "branch" : "branches"} ${ids.join(", ")}`;
}

// sentence begins a text with a capital letter and drops the full stop.
function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1).replace(/[.;\s]+$/, "");
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
