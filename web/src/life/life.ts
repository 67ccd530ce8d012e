// The life of one request: what this page did, and what each branch tells that it has
// done. A branch may tell anything, so all of it is bounded here.

import { RequestStepKind, type FollowedBranch, type FollowRequestResponse, type RequestStep } from "../gen/bank/v1/follow_pb";
import { short } from "../text";

export { RequestStepKind };

// Bounds of what is kept.
const branchesMax = 1_000;
const runsMax = 64;
const stepsMax = 20_000;
const repeatsMax = 16;
// A branch tells of no more, however often a request is sent again.
const attemptsMax = 8;
const textMax = 160;
// No clock of a branch runs for longer, in microseconds: an hour.
const longestUs = 3_600_000_000n;

// Step is something that a branch did for the request, or heard of it.
export interface Step {
  kind: RequestStepKind;
  // The other branch; 0 for none.
  peer: number;
  // Microseconds on the clock of the run. Those of different branches or runs can't be
  // compared.
  atUs: number;
  run: number;
  // Whether it happened before anybody followed, so nobody knows when.
  before: boolean;
  // Why the request was refused; empty for success, and for other steps.
  code: string;
}

// BranchLife is what one branch has told.
export interface BranchLife {
  id: number;
  follows: boolean;
  // Why it does not, in words.
  reason: string;
  // In the order in which the branch saw them.
  steps: Step[];
}

// Attempt is one sending of the request from this page, and what came of it.
export interface Attempt {
  // The branch that it was sent to.
  branch: number;
  result?: "answered" | "late" | "refused" | "unknown";
  tookMs?: number;
}

// Kinds of steps that come again when the request is sent again.
const repeating = new Set([RequestStepKind.REQUEST_RECEIVED, RequestStepKind.FORWARDED, RequestStepKind.ANSWERED]);

// Kinds of steps that name no other branch.
const alone = new Set([RequestStepKind.REQUEST_RECEIVED, RequestStepKind.JOURNALED, RequestStepKind.APPLIED, RequestStepKind.SYNCED, RequestStepKind.ANSWERED]);

export class Life {
  readonly attempts: Attempt[] = [];
  readonly branches = new Map<number, BranchLife>();
  // How many steps of each run of each branch are known, and how many this stream has
  // told: another stream tells them again.
  private readonly known = new Map<string, number>();
  private told = new Map<string, number>();
  private readonly seen = new Map<string, number>();
  private steps = 0;

  // begin notes that another stream begins.
  begin(): void {
    this.told = new Map();
  }

  // send notes that this page sends the request to a branch.
  send(branch: number): void {
    if (this.attempts.length < attemptsMax) {
      this.attempts.push({ branch });
    }
  }

  // hear takes what a stream tells.
  hear(message: FollowRequestResponse): void {
    for (const told of message.branches) {
      const branch = this.branch(told.branch);
      if (branch) {
        branch.follows = told.follows;
        branch.reason = short(told.reason, textMax);
        this.hearSteps(branch, told);
      }
    }
  }

  // lose notes that nothing more is told.
  lose(): void {
    this.branches.forEach((branch) => (branch.follows = false));
  }

  private branch(id: number): BranchLife | undefined {
    const known = this.branches.get(id);
    if (known || id === 0 || this.branches.size >= branchesMax) {
      return known;
    }
    const branch: BranchLife = { id, follows: false, reason: "", steps: [] };
    this.branches.set(id, branch);
    return branch;
  }

  private hearSteps(branch: BranchLife, { run, steps }: FollowedBranch): void {
    const key = `${branch.id}/${run}`;
    if (!this.known.has(key) && this.known.size >= runsMax + this.branches.size) {
      return;
    }
    for (const step of steps) {
      const place = (this.told.get(key) ?? 0) + 1;
      this.told.set(key, place);
      if (place > (this.known.get(key) ?? 0)) {
        this.known.set(key, place);
        this.add(branch, step, run);
      }
    }
  }

  // add adds a step that is possible and not known.
  private add(branch: BranchLife, told: RequestStep, run: number): void {
    const { kind, peer } = told;
    const possible = RequestStepKind[kind] !== undefined && kind !== RequestStepKind.UNSPECIFIED;
    const place = alone.has(kind) ? peer === 0 : peer !== branch.id && this.branches.has(peer);
    const key = `${branch.id}/${kind}/${peer}`;
    const before = this.seen.get(key) ?? 0;
    if (!possible || !place || before >= (repeating.has(kind) ? repeatsMax : 1) || this.steps >= stepsMax) {
      return;
    }
    this.seen.set(key, before + 1);
    this.steps++;
    const atUs = Number(told.atUs < 0n ? 0n : told.atUs > longestUs ? longestUs : told.atUs);
    branch.steps.push({ kind, peer, atUs, run, before: told.before, code: short(told.code, textMax) });
  }

  // home returns the branch that has recorded the request in its own journal, if any.
  home(): BranchLife | undefined {
    return [...this.branches.values()].find((branch) => has(branch, RequestStepKind.JOURNALED));
  }

  // has tells whether a branch has the entry, by its own word.
  has(id: number): boolean {
    const branch = this.branches.get(id);
    return branch !== undefined && (has(branch, RequestStepKind.JOURNALED) || has(branch, RequestStepKind.APPLIED));
  }

  // isOver tells whether nothing more is to be expected: it was refused, or every branch has
  // it and the branch that wrote it knows.
  isOver(): boolean {
    const last = this.attempts.at(-1);
    if (!last?.result || last.result === "unknown") {
      return false;
    }
    if (last.result === "refused") {
      return this.branches.get(last.branch)?.steps.some(({ kind, code }) => kind === RequestStepKind.ANSWERED && code !== "") ?? false;
    }
    const home = this.home();
    const peers = [...this.branches.keys()].filter((id) => id !== home?.id);
    return home !== undefined && peers.every((peer) => this.has(peer) && has(home, RequestStepKind.ACKNOWLEDGED, peer));
  }
}

// has tells whether a branch has told of a step.
export function has(branch: BranchLife, kind: RequestStepKind, peer = 0): boolean {
  return branch.steps.some((step) => step.kind === kind && step.peer === peer);
}
