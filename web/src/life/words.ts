// What steps are called: in the drawing, and in sentences.

import { spread } from "../format";
import { RequestStepKind as Kind, type Attempt, type BranchLife, type Step } from "./life";

// label names a step beside its dot. The other branch is named, unless there are several.
export function label({ kind, peer, code }: Step): string {
  switch (kind) {
    case Kind.REQUEST_RECEIVED:
      return "received";
    case Kind.FORWARDED:
      return `passes to ${peer}`;
    case Kind.CLAIMED:
      return `claims of ${peer}`;
    case Kind.CLAIM_ANSWERED:
      return `${peer} answers`;
    case Kind.LOOKED:
      return `asks ${peer}`;
    case Kind.LOOK_ANSWERED:
      return `${peer} answers`;
    case Kind.JOURNALED:
      return "journaled";
    case Kind.SENT:
      return `sent to ${peer}`;
    case Kind.RECEIVED:
      return "received";
    case Kind.APPLIED:
      return "applied";
    case Kind.SYNCED:
      return "synced";
    case Kind.ACKNOWLEDGED:
      return `${peer} has it`;
    case Kind.SYNC_ACKNOWLEDGED:
      return `${peer} synced it`;
    case Kind.ANSWERED:
      return code === "" ? "answered" : "refused";
    default:
      return "";
  }
}

// groupLabel names a step that has to do with some of the branches on a shared line: "all 49".
export function groupLabel(step: Step, some: string): string {
  switch (step.kind) {
    case Kind.SENT:
      return `sent to ${some}`;
    case Kind.ACKNOWLEDGED:
      return `${some} have it`;
    case Kind.SYNC_ACKNOWLEDGED:
      return `${some} synced`;
    case Kind.CLAIMED:
      return `claims of ${some}`;
    case Kind.LOOKED:
      return `asks ${some}`;
    case Kind.CLAIM_ANSWERED:
    case Kind.LOOK_ANSWERED:
      return `${some} answer`;
    default:
      return `${some} ${label(step)}`;
  }
}

// sentence says what a branch did in a step.
export function sentence({ id }: BranchLife, step: Step, since: string): string {
  return `Branch ${id} ${deed(step)}${since === "" ? "" : ` (${since})`}.`;
}

function deed({ kind, peer, code }: Step): string {
  switch (kind) {
    case Kind.REQUEST_RECEIVED:
      return "received the request";
    case Kind.FORWARDED:
      return `passed it on to branch ${peer}, its home`;
    case Kind.CLAIMED:
      return `claimed escrow of branch ${peer}`;
    case Kind.CLAIM_ANSWERED:
      return `heard what branch ${peer} grants`;
    case Kind.LOOKED:
      return `asked branch ${peer} what it has paid`;
    case Kind.LOOK_ANSWERED:
      return `heard what branch ${peer} has paid`;
    case Kind.JOURNALED:
      return "wrote the entry to its journal, and synced that";
    case Kind.SENT:
      return `sent the entry to branch ${peer}`;
    case Kind.RECEIVED:
      return `received the entry from branch ${peer}`;
    case Kind.APPLIED:
      return "applied the entry: queries there show it";
    case Kind.SYNCED:
      return "synced the entry to its disk";
    case Kind.ACKNOWLEDGED:
      return `heard that branch ${peer} has applied the entry`;
    case Kind.SYNC_ACKNOWLEDGED:
      return `heard that branch ${peer} has synced the entry`;
    case Kind.ANSWERED:
      return code === "" ? "answered" : `refused: ${code}`;
    default:
      return "did something";
  }
}

// since writes when a step was, counted from the first step of the same branch and run that
// has a time. Nothing is written where nobody knows.
export function since(step: Step, branch: BranchLife): string {
  const first = branch.steps.find((other) => other.run === step.run && !other.before);
  if (step.before) {
    return "earlier";
  }
  return !first || first === step ? "" : `+${spread(Math.max(0, step.atUs - first.atUs))}`;
}

// results names what an attempt came to.
export const results: Record<NonNullable<Attempt["result"]>, string> = { answered: "answer", late: "answer: late", refused: "refused", unknown: "no answer" };

// pageWords says what this page did in an attempt.
export function pageWords(branch: number, result: keyof typeof results | undefined, tookMs: number | undefined): string {
  const took = tookMs === undefined ? "" : ` (${spread(tookMs * 1000)} after it was sent)`;
  switch (result) {
    case undefined:
      return `This page sent the request to branch ${branch}.`;
    case "answered":
      return `The answer has come to this page${took}.`;
    case "late":
      return `The answer has come to this page${took}: it is recorded, but not yet at all branches that were asked for.`;
    case "refused":
      return `The refusal has come to this page${took}.`;
    case "unknown":
      return `No answer has come to this page${took}.`;
  }
}
