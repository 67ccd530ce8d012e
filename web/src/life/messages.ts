// The messages of a diagram: which step at one branch led to which at another.

import type { Arrow, Builder, Look, Node } from "./diagram";
import { RequestStepKind as Kind, type BranchLife } from "./life";
import { place } from "./columns";
import { pageWords, results } from "./words";
import { spread } from "../format";

// joinMessages adds the arrows, the page's own events, and what is still to come.
export function joinMessages(b: Builder): void {
  const page = new Attempts(b);
  b.life.attempts.forEach((_, nth) => page.join(nth));
  for (const branch of b.life.branches.values()) {
    joinEntries(b, branch);
    joinQuestions(b, branch);
  }
  const home = b.life.home();
  if (home) {
    joinPending(b, home);
  }
}

// arrow adds an arrow, unless there is one between the same two dots. One of many messages
// is done once all of them are.
function arrow(b: Builder, from: Node, to: Node, look: Arrow["look"], done = true): void {
  const known = b.arrows.find((other) => other.from === from && other.to === to);
  if (known) {
    known.done &&= done;
  } else if (from !== to) {
    b.arrows.push({ from, to, look, done });
  }
}

// Attempts joins the page with the branch that it asks, and that one with the request's home.
class Attempts {
  // How many requests, passed on ones and answers of each branch are joined.
  private readonly taken = new Map<string, number>();

  constructor(private readonly b: Builder) {}

  join(nth: number): void {
    const { b } = this;
    const { branch, result, tookMs } = b.life.attempts[nth]!;
    const sent = b.add(0, "asks", "sent", [pageWords(branch, undefined, undefined)]);
    sent.gap = nth > 0 ? 1 : 0;
    const came = this.take(branch, Kind.REQUEST_RECEIVED);
    if (came) {
      arrow(b, sent, came, "request");
    }
    const answered = this.passedOn(branch) ?? this.take(branch, Kind.ANSWERED);
    if (result) {
      const end = b.add(0, ends[result], results[result], [pageWords(branch, result, tookMs)]);
      end.time = tookMs === undefined ? "" : spread(tookMs * 1000);
      if (answered) {
        arrow(b, answered, end, "reply", result !== "unknown");
      } else if (came && result !== "unknown") {
        arrow(b, came, end, "reply");
      }
    }
  }

  // passedOn joins a request that the branch has passed on to its home, and returns the
  // branch's answer.
  private passedOn(branch: number): Node | undefined {
    const { b } = this;
    const home = b.life.branches.get(branch)?.steps.filter(({ kind }) => kind === Kind.FORWARDED)[this.taken.get(`${branch}/${Kind.FORWARDED}`) ?? 0]?.peer;
    const on = home === undefined ? undefined : this.take(branch, Kind.FORWARDED, home);
    if (home === undefined || !on) {
      return undefined;
    }
    const came = this.take(home, Kind.REQUEST_RECEIVED);
    const back = this.take(home, Kind.ANSWERED);
    const answered = this.take(branch, Kind.ANSWERED);
    if (came) {
      arrow(b, on, came, "request");
    }
    if (back && answered) {
      arrow(b, back, answered, "reply");
    }
    return answered;
  }

  private take(branch: number, kind: Kind, peer = 0): Node | undefined {
    const key = `${branch}/${kind}`;
    const nth = this.taken.get(key) ?? 0;
    const node = this.b.node(branch, kind, peer, nth);
    if (node) {
      this.taken.set(key, nth + 1);
    }
    return node;
  }
}

const ends: Record<keyof typeof results, Look> = { answered: "asked", late: "asked", refused: "refuses", unknown: "pending" };

// joinEntries joins what a branch has sent with what has come of it, and what it has applied
// with those who heard so.
function joinEntries(b: Builder, branch: BranchLife): void {
  for (const { kind, peer } of branch.steps) {
    const from = b.node(branch.id, kind, peer);
    if (!from || peer === 0) {
      continue;
    }
    if (kind === Kind.SENT) {
      const to = b.node(peer, Kind.RECEIVED, branch.id) ?? (hasEarlier(b, peer) ? undefined : b.node(peer, Kind.APPLIED));
      if (to) {
        arrow(b, from, to, "entry");
      }
    }
    const cause = kind === Kind.ACKNOWLEDGED ? b.node(peer, Kind.APPLIED) : kind === Kind.SYNC_ACKNOWLEDGED ? b.node(peer, Kind.SYNCED) : undefined;
    if (cause) {
      arrow(b, cause, from, "ack");
    }
  }
}

// hasEarlier tells whether a branch has received the entry from anybody that it names.
function hasEarlier(b: Builder, id: number): boolean {
  return b.life.branches.get(id)!.steps.some(({ kind }) => kind === Kind.RECEIVED);
}

// joinQuestions joins what a branch has asked others with their answers.
function joinQuestions(b: Builder, branch: BranchLife): void {
  for (const [asked, heard] of [
    [Kind.CLAIMED, Kind.CLAIM_ANSWERED],
    [Kind.LOOKED, Kind.LOOK_ANSWERED],
  ] as const) {
    for (const { kind, peer } of branch.steps) {
      const from = kind === asked ? b.node(branch.id, asked, peer) : undefined;
      if (!from) {
        continue;
      }
      const to = b.node(branch.id, heard, peer);
      const column = place(b.columns, peer);
      if (!b.questions.some((other) => other.from === from && other.to === to && other.column === column)) {
        b.questions.push({ from, to, column });
      }
    }
  }
}

// joinPending adds a dot at each line where the entry is not known to be, and an arrow that
// has not arrived. A branch that tells nothing may have it all the same: its ack says so.
function joinPending(b: Builder, home: BranchLife): void {
  const journaled = b.node(home.id, Kind.JOURNALED)!;
  const peers = [...b.life.branches.keys()].filter((id) => id !== home.id && !b.life.has(id) && !b.node(id, Kind.RECEIVED, home.id));
  const lines = new Map<number, number[]>();
  peers.forEach((id) => lines.set(place(b.columns, id), [...(lines.get(place(b.columns, id)) ?? []), id]));
  for (const [column, ids] of lines) {
    const heard = ids.filter((id) => b.node(home.id, Kind.ACKNOWLEDGED, id));
    const missing = ids.filter((id) => !heard.includes(id));
    const from = (id: number) => b.node(home.id, Kind.SENT, id) ?? journaled;
    if (heard.length > 0) {
      const node = b.add(column, "pending", heard.length > 1 ? `${heard.length} have it` : "has it", heard.map((id) => `Branch ${id} has applied the entry, as branch ${home.id} has heard.`));
      heard.forEach((id) => {
        arrow(b, from(id), node, "entry");
        arrow(b, node, b.node(home.id, Kind.ACKNOWLEDGED, id)!, "ack");
      });
    }
    if (missing.length > 0) {
      const words = missing.map((id) => `Branch ${id} is not known to have the entry${why(b, id)}.`);
      const node = b.add(column, "pending", ids.length > 1 || b.isShared(ids[0]!) ? `${missing.length} not yet` : "not yet", words);
      missing.forEach((id) => arrow(b, from(id), node, "entry", false));
    }
  }
}

// why says why a branch tells nothing; empty if it follows.
function why(b: Builder, id: number): string {
  const { follows, reason } = b.life.branches.get(id)!;
  return follows || reason === "" ? "" : `: ${reason}`;
}
