// The words and the symbol for the health of a branch. The colour goes by the
// same name.

import { amount, count, duration } from "./format";
import { BranchHealth, type Branch } from "./watch/update";

// names name the symbols in index.html and the colours in theme.css.
const names: Record<BranchHealth, string> = {
  [BranchHealth.UNSPECIFIED]: "unknown",
  [BranchHealth.AGREES]: "agrees",
  [BranchHealth.BEHIND]: "behind",
  [BranchHealth.CUT_OFF]: "cut-off",
  [BranchHealth.UNREACHABLE]: "unreachable",
  [BranchHealth.RECOVERING]: "recovering",
  [BranchHealth.HALTED]: "halted",
};

const plural: Record<BranchHealth, string> = {
  [BranchHealth.UNSPECIFIED]: "not known",
  [BranchHealth.AGREES]: "agree",
  [BranchHealth.BEHIND]: "behind",
  [BranchHealth.CUT_OFF]: "cut off",
  [BranchHealth.UNREACHABLE]: "unreachable",
  [BranchHealth.RECOVERING]: "recovering",
  [BranchHealth.HALTED]: "halted",
};

// order goes from the best health to the worst.
export const order = [
  BranchHealth.AGREES,
  BranchHealth.UNSPECIFIED,
  BranchHealth.BEHIND,
  BranchHealth.RECOVERING,
  BranchHealth.CUT_OFF,
  BranchHealth.HALTED,
  BranchHealth.UNREACHABLE,
];

// name returns the name of the symbol and the colour.
export function name(health: BranchHealth): string {
  return names[health] ?? "unknown";
}

// many says the health of several branches: "agree".
export function many(health: BranchHealth): string {
  return plural[health] ?? "not known";
}

// lasts tells whether it matters how long a branch has had this health.
function lasts(health: BranchHealth): boolean {
  return health !== BranchHealth.AGREES && health !== BranchHealth.UNSPECIFIED && health !== BranchHealth.BEHIND;
}

// brief says the health in a tile, without the time: "cut off", "3 behind".
export function brief(branch: Branch): string {
  switch (branch.health) {
    case BranchHealth.AGREES:
      return "agrees";
    case BranchHealth.BEHIND:
      return `${amount(branch.behind)} behind`;
    default:
      return many(branch.health);
  }
}

// since says how long a branch has had its health, where that matters: "12 s".
export function since(branch: Branch, now: number): string {
  return lasts(branch.health) ? duration(now - branch.healthSince) : "";
}

// full says the health in a sentence: "cut off for 12 s, 3 entries behind".
export function full(branch: Branch, now: number): string {
  const behind = branch.behind > 0n ? `${count(branch.behind, "entry", "entries")} behind` : "";
  if (branch.health === BranchHealth.BEHIND) {
    return behind || "behind";
  }
  const words = lasts(branch.health) ? `${many(branch.health)} for ${since(branch, now)}` : brief(branch);
  return behind ? `${words}, ${behind}` : words;
}
