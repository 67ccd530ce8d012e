// One call and its answer, from the first byte to the sentence that says what
// it means.

import { Code, ConnectError } from "@connectrpc/connect";
import { customerClient } from "../clients";
import { answered, failed, type Outcome } from "./answer";
import { call, type Asked } from "./operation";

// A branch answers a call within 10 seconds, and a branch that passes it on
// waits little longer. After this time no answer is expected.
const answerWithinMs = 30_000;

// Exchanged is a call's outcome, with its answer.
export interface Exchanged extends Outcome {
  // The answer as it came; without an answer, the error.
  words: string;
  // The answer's status, if any, and how long it took.
  note: string;
  // How long it took, in milliseconds, by this browser's clock.
  tookMs: number;
}

// exchange makes a call; stop ends the wait for its answer.
export async function exchange(asked: Asked, stop: AbortSignal): Promise<Exchanged> {
  let words = "";
  let status = 0;
  const client = customerClient(asked.branch, (code, text) => ((status = code), (words = text)));
  const late = AbortSignal.timeout(answerWithinMs);
  const request = call(asked);
  const begun = performance.now();
  let outcome: Outcome;
  try {
    outcome = await answered(client, request, AbortSignal.any([stop, late]));
  } catch (error) {
    const reason = stop.aborted ? stopped() : late.aborted ? tooLate() : ConnectError.from(error);
    outcome = failed(request, reason);
    words ||= reason.rawMessage;
  }
  const tookMs = performance.now() - begun;
  const took = `${tookMs.toFixed(1)} ms`;
  return { ...outcome, words, note: status > 0 ? `HTTP ${status}, ${took}` : took, tookMs };
}

// notSent is the outcome of a call that was stopped before it was made.
export function notSent(): Exchanged {
  return { result: "refused", meaning: "Nothing was sent: you stopped before.", words: "", note: "not sent", tookMs: 0 };
}

function stopped(): ConnectError {
  return new ConnectError("you stopped waiting for the answer", Code.Canceled);
}

function tooLate(): ConnectError {
  return new ConnectError(`no answer came within ${answerWithinMs / 1000} s`, Code.Canceled);
}
