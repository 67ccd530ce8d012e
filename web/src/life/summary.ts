// The life of a request in one sentence.

import type { Asked } from "../call/operation";
import { amount, count } from "../format";
import { has, RequestStepKind as Kind, type Life } from "./life";

// summary says how far a request has come, as far as is known.
export function summary(life: Life, asked: Asked): string {
  const what = `${verbs[asked.operation]} ${amount(asked.amount)} at branch ${asked.homeBranch}`;
  const home = life.home();
  const last = life.attempts.at(-1);
  if (!home) {
    const refused = last?.result === "refused";
    return `${what}: ${refused ? "refused, so no branch has recorded anything" : last?.result === "unknown" ? "no answer has come, and no branch tells that it has recorded it" : "on its way"}.`;
  }
  const peers = [...life.branches.keys()].filter((id) => id !== home.id);
  const heard = (id: number) => life.has(id) || has(home, Kind.ACKNOWLEDGED, id);
  const missing = peers.filter((id) => !heard(id));
  const where = missing.length === 0 ? `at all ${count(BigInt(peers.length + 1), "branch", "branches")}` : `at ${peers.length + 1 - missing.length} of ${peers.length + 1} branches, not yet at ${named(missing)}`;
  return `${what}: in the journal of branch ${home.id}, and applied ${where}.`;
}

const verbs: Record<Asked["operation"], string> = { deposit: "Deposit of", withdraw: "Withdrawal of", transfer: "Transfer of", query: "Query of" };

// named names a few branches, and counts the others.
function named(ids: number[]): string {
  const most = 6;
  const first = ids.slice(0, most).join(", ");
  return ids.length > most ? `${first} and ${ids.length - most} more` : first;
}
