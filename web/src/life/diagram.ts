// The life of a request as a space-time diagram (Lamport, 1978): a line for each process, a
// dot for each event, an arrow for each message. A row says what came after what, and not
// when: each event is below the one before it on its line, and each receipt below its send.

import { columns, place, type Columns } from "./columns";
import { RequestStepKind as Kind, type BranchLife, type Life, type Step } from "./life";
import { joinMessages } from "./messages";
import { groupLabel, label, sentence, since } from "./words";

// Look is how a dot is drawn: a process sends, receives, does something, or fails; or it is
// not known to have got that far.
export type Look = "asks" | "asked" | "does" | "tells" | "told" | "hears" | "refuses" | "pending";

// Node is an event, or several of one kind that share a dot.
export interface Node {
  column: number;
  row: number;
  look: Look;
  label: string;
  // When it was, by the clock of its process.
  time: string;
  // Rows to leave free above it.
  gap: number;
  // A sentence for each event.
  words: string[];
  steps: { branch: BranchLife; step: Step }[];
}

// Arrow is a message. One that has not arrived, as far as anybody knows, is not done.
export interface Arrow {
  from: Node;
  to: Node;
  look: "request" | "entry" | "ack" | "reply";
  done: boolean;
}

// Question is what a branch has asked another one, and heard. The other one does not know
// for which request that was, so it has no dot.
export interface Question {
  from: Node;
  to: Node | undefined;
  column: number;
}

export interface Diagram {
  columns: Columns;
  nodes: Node[];
  arrows: Arrow[];
  questions: Question[];
  rows: number;
}

// Steps of one branch that come so close are one to those who look, in microseconds.
const togetherUs = 150;

// Steps of branches that share a line have an order that holds at each of them.
const order = [Kind.REQUEST_RECEIVED, Kind.FORWARDED, Kind.RECEIVED, Kind.APPLIED, Kind.SYNCED];

// diagram lays a life out on at most so many lines. A narrow one has shorter texts.
export function diagram(life: Life, most: number, narrow: boolean): Diagram {
  return new Builder(life, columns(life, most), narrow).build();
}

export class Builder {
  // The nodes of each line, in their order.
  readonly lines: Node[][];
  readonly arrows: Arrow[] = [];
  readonly questions: Question[] = [];
  private readonly of = new Map<string, Node>();

  constructor(
    readonly life: Life,
    readonly columns: Columns,
    private readonly narrow: boolean,
  ) {
    this.lines = Array.from({ length: 1 + columns.own.length + (columns.shared.length > 0 ? 1 : 0) }, () => []);
  }

  build(): Diagram {
    for (const id of [...this.columns.own, ...this.columns.shared]) {
      const branch = this.life.branches.get(id)!;
      const counts = new Map<Kind, number>();
      for (const step of branch.steps) {
        const nth = counts.get(step.kind) ?? 0;
        counts.set(step.kind, nth + 1);
        this.put(branch, step, nth);
      }
    }
    this.lines.at(-1)!.sort((a, b) => (this.columns.shared.length > 0 ? rank(a) - rank(b) : 0));
    this.lines.forEach((line) => line.forEach((node) => this.write(node)));
    joinMessages(this);
    const rows = this.layRows();
    return { columns: this.columns, nodes: this.lines.flat(), arrows: this.arrows, questions: this.questions, rows };
  }

  // add adds a node at the end of a line.
  add(column: number, look: Look, text: string, words: string[]): Node {
    const node: Node = { column, row: 0, look, label: text, time: "", gap: 0, words, steps: [] };
    this.lines[column]!.push(node);
    return node;
  }

  // node returns the node that a step of a branch is in.
  node(branch: number, kind: Kind, peer = 0, nth = 0): Node | undefined {
    return this.of.get(`${branch}/${kind}/${peer}/${nth}`);
  }

  isShared(branch: number): boolean {
    return place(this.columns, branch) > this.columns.own.length;
  }

  // put puts a step into a node: one of its own, or one that it shares.
  private put(branch: BranchLife, step: Step, nth: number): void {
    const column = place(this.columns, branch.id);
    const shares = this.isShared(branch.id);
    const peers = step.peer > 0 && this.isShared(step.peer) ? "shared" : step.peer;
    if (shares && peers === "shared") {
      return; // of messages among those that share a line nothing is drawn
    }
    const key = `line ${column}/${step.kind}/${peers}/${shares ? 0 : repeated(step, nth)}`;
    const last = this.lines[column]!.at(-1);
    let node = this.of.get(key);
    if (!node && last && !shares && peers !== "shared" && joins(last, step)) {
      node = last;
    }
    node ??= this.add(column, look(step), "", []);
    node.steps.push({ branch, step });
    this.of.set(key, node);
    this.of.set(`${branch.id}/${step.kind}/${step.peer}/${repeated(step, nth)}`, node);
  }

  // write writes a node's texts.
  private write(node: Node): void {
    const [first] = node.steps;
    if (!first) {
      return;
    }
    node.words = node.steps.map(({ branch, step }) => sentence(branch, step, since(step, branch)));
    const own = !this.isShared(first.branch.id);
    const kinds = new Set(node.steps.map(({ step }) => step.kind));
    if (own && (first.step.peer === 0 || !this.isShared(first.step.peer))) {
      // Of an ack for both, the stronger one counts.
      node.label = label(first.step.kind === Kind.ACKNOWLEDGED ? node.steps.at(-1)!.step : first.step);
      const both = kinds.has(Kind.APPLIED) && kinds.has(Kind.SYNCED) && !this.narrow;
      node.time = `${both ? "synced " : ""}${since(node.steps.at(-1)!.step, first.branch)}`;
      return;
    }
    const all = this.columns.shared.length;
    const some = node.steps.length === all ? `all ${all}` : `${node.steps.length}${this.narrow ? "/" : " of "}${all}`;
    node.label = groupLabel(first.step, some);
    node.time = own ? until(node) : "";
  }

  // layRows gives each node the first row below all that it follows, and returns how many
  // rows there are. Whatever branches tell, it ends: what would go in a circle is left out.
  private layRows(): number {
    const after = new Map<Node, Node[]>();
    const follow = (node: Node, cause: Node) => after.set(node, [...(after.get(node) ?? []), cause]);
    this.lines.forEach((line) => line.slice(1).forEach((node, i) => follow(node, line[i]!)));
    this.arrows.forEach(({ from, to }) => follow(to, from));
    // The room in which the way to the other branch and back is drawn.
    this.questions.forEach(({ from, to }) => to && follow(to, from));
    const done = new Map<Node, number>();
    const open = new Set<Node>();
    const row = (node: Node): number => {
      const known = done.get(node);
      if (known !== undefined || open.has(node)) {
        return known ?? -1;
      }
      open.add(node);
      const at = 1 + Math.max(-1, ...(after.get(node) ?? []).map(row)) + node.gap;
      open.delete(node);
      done.set(node, at);
      return at;
    };
    this.lines.flat().forEach((node) => (node.row = row(node)));
    return 1 + Math.max(0, ...this.lines.flat().map((node) => node.row));
  }
}

// rank orders the nodes of branches that share a line.
function rank({ steps: [first] }: Node): number {
  const at = order.indexOf(first?.step.kind ?? Kind.UNSPECIFIED);
  return at < 0 ? order.length : at;
}

function repeated({ kind }: Step, nth: number): number {
  return kind === Kind.REQUEST_RECEIVED || kind === Kind.FORWARDED || kind === Kind.ANSWERED ? nth : 0;
}

// joins tells whether a step belongs to the dot before it.
function joins({ steps }: Node, step: Step): boolean {
  const before = steps.at(-1)?.step;
  const pair = before && ((before.kind === Kind.APPLIED && step.kind === Kind.SYNCED) || (before.kind === Kind.ACKNOWLEDGED && step.kind === Kind.SYNC_ACKNOWLEDGED && before.peer === step.peer));
  return pair === true && before.run === step.run && before.before === step.before && Math.abs(step.atUs - before.atUs) < togetherUs;
}

function look({ kind, code }: Step): Look {
  switch (kind) {
    case Kind.REQUEST_RECEIVED:
      return "asked";
    case Kind.SENT:
      return "tells";
    case Kind.RECEIVED:
      return "told";
    case Kind.CLAIM_ANSWERED:
    case Kind.LOOK_ANSWERED:
    case Kind.ACKNOWLEDGED:
    case Kind.SYNC_ACKNOWLEDGED:
      return "hears";
    case Kind.ANSWERED:
      return code === "" ? "asks" : "refuses";
    case Kind.FORWARDED:
      return "asks";
    default:
      return "does";
  }
}

// until writes the time of a node's last step.
function until({ steps }: Node): string {
  const timed = steps.filter(({ step }) => !step.before);
  const last = timed.sort((a, b) => a.step.atUs - b.step.atUs).at(-1);
  return last ? `until ${since(last.step, last.branch)}` : "earlier";
}
