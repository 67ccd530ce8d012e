// Where the lines of a diagram go, so that its texts have room beside them.

import type { Diagram, Node } from "../life/diagram";

// What the drawing measures, in pixels.
export const rowHeight = 40;
export const headHeight = 28;
export const dotRadius = 6.5;
const top = headHeight + 30;
export const textGap = dotRadius + 6;
const between = 6;
// A drawing that needs a little more than there is gets smaller by as much.
const leastScale = 0.85;
// Below this width there is room for the shortest texts only.
const narrowBelow = 520;
const lineMost = 210;
const margin = 3;
// More than a character takes of a text, whatever the font, and of one in small type.
const charWidth = 7.1;
const smallCharWidth = 6.4;
const headCharWidth = 7.2;
const headPadding = 7;

// roomFor tells how many lines fit a width.
export function roomFor(width: number): number {
  return Math.min(9, Math.max(4, 1 + Math.floor((width - 90) / 92)));
}

// isNarrow tells whether a width is one for short texts.
export function isNarrow(width: number): boolean {
  return width < narrowBelow;
}

// Layout says where everything goes.
export class Layout {
  readonly width: number;
  readonly height: number;
  // By how much the drawing is smaller than it is measured.
  readonly scale: number;
  private readonly lines: number[] = [];
  private readonly left: Set<Node>;

  constructor(
    diagram: Diagram,
    readonly names: string[],
    room: number,
  ) {
    this.left = onTheLeft(diagram);
    const heads = names.map((name) => this.head(name) / 2);
    const before = names.map(() => dotRadius);
    const after = [...before];
    for (const node of diagram.nodes) {
      const side = this.isLeft(node) ? before : after;
      const wide = textWidth(node);
      if (node.column > 0) {
        side[node.column] = Math.max(side[node.column]!, textGap + wide);
        continue;
      }
      before[0] = Math.max(before[0]!, wide / 2);
      // The texts of the page are above and below its dots. In most such rows the next line
      // has none on its left.
      if (diagram.nodes.some((other) => other.row === node.row && this.isLeft(other))) {
        after[0] = Math.max(after[0]!, wide / 2);
      }
    }
    const gaps = heads.slice(1).map((head, i) => Math.max(after[i]! + before[i + 1]!, heads[i]! + head) + between);
    before[0] = Math.max(before[0]!, heads[0]!);
    const last = Math.max(after.at(-1)!, heads.at(-1)!);
    const needed = before[0] + sum(gaps) + last + 2 * margin;
    const spare = Math.max(0, room - needed) / Math.max(1, gaps.length);
    let at = before[0] + margin;
    this.lines.push(at);
    gaps.forEach((gap) => this.lines.push((at += Math.max(gap, Math.min(gap + spare, lineMost)))));
    this.width = Math.ceil(at + last + margin);
    this.height = top + diagram.rows * rowHeight;
    this.scale = Math.min(1, Math.max(leastScale, room / this.width));
  }

  x(column: number): number {
    return Math.round(this.lines[column]!);
  }

  y(row: number): number {
    return top + row * rowHeight;
  }

  // head returns how wide the head of a line is.
  head(name: string): number {
    return headCharWidth * name.length + 2 * headPadding;
  }

  // isLeft tells whether a node's texts go on its left.
  isLeft(node: Node): boolean {
    return this.left.has(node);
  }
}

// onTheLeft returns the nodes whose arrows are all on the right, so the texts go to the left.
function onTheLeft({ nodes, arrows, questions }: Diagram): Set<Node> {
  const right = new Set<Node>();
  const left = new Set<Node>();
  const note = (node: Node, column: number) => (column > node.column ? right : left).add(node);
  for (const { from, to } of arrows) {
    note(from, to.column);
    note(to, from.column);
  }
  for (const { from, to, column } of questions) {
    note(from, column);
    if (to) {
      note(to, column);
    }
  }
  return new Set(nodes.filter((node) => node.column === 1 && right.has(node) && !left.has(node)));
}

function textWidth({ label, time }: Node): number {
  return Math.max(charWidth * label.length, smallCharWidth * time.length);
}

function sum(all: number[]): number {
  return all.reduce((total, one) => total + one, 0);
}
