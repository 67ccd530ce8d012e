// Draws the diagram of a life. Texts and numbers get into the picture as text nodes and
// attributes only, and all looks are those of the style sheet.

import { visible, visibleLines } from "../text";
import type { Arrow, Diagram, Node, Question } from "../life/diagram";
import { dotRadius, headHeight, Layout, rowHeight, textGap } from "./layout";

const namespace = "http://www.w3.org/2000/svg";

// Of the events that share a dot, so many are told where the pointer rests on it.
const wordsMost = 12;

// draw draws a diagram as wide as there is room, with the names of its lines. Some of them are
// silent, for a reason.
export function draw(diagram: Diagram, names: string[], silent: Map<number, string>, room: number): SVGSVGElement {
  return new Sheet(diagram, silent, new Layout(diagram, names, room)).draw();
}

class Sheet {
  private readonly svg: SVGSVGElement;

  constructor(
    private readonly diagram: Diagram,
    private readonly silent: Map<number, string>,
    private readonly at: Layout,
  ) {
    const { width, height, scale } = at;
    this.svg = element("svg", "life-svg", { viewBox: `0 0 ${width} ${height}`, width: Math.floor(width * scale), height: Math.floor(height * scale), role: "img", "aria-labelledby": "life-title life-summary" });
  }

  draw(): SVGSVGElement {
    this.svg.append(markers());
    this.at.names.forEach((name, column) => this.line(name, column));
    this.diagram.questions.forEach((question) => this.question(question));
    this.diagram.arrows.forEach((arrow) => this.arrow(arrow));
    this.diagram.nodes.forEach((node) => this.dot(node));
    return this.svg;
  }

  private line(name: string, column: number): void {
    const x = this.at.x(column);
    const shared = this.diagram.columns.shared.length > 0 && column === this.at.names.length - 1;
    const kind = column === 0 ? "life-page" : shared ? "life-shared" : this.silent.has(column) ? "life-silent" : "";
    const group = element("g", `life-line ${kind}`, {});
    const width = this.at.head(name);
    group.append(
      titled(this.silent.get(column) ?? ""),
      element("path", "life-thread", { d: `M${x} ${headHeight}V${this.at.height - 10}` }),
      element("rect", "life-head", { x: x - width / 2, y: 1, width, height: headHeight - 2, rx: 7 }),
      text("life-head-label", x, headHeight / 2 + 4.5, name),
    );
    this.svg.append(group);
  }

  // dot draws an event with its texts.
  private dot(node: Node): void {
    const [x, y] = [this.at.x(node.column), this.at.y(node.row)];
    const group = element("g", `life-event life-${node.look}`, {});
    group.append(titled(node.words.slice(0, wordsMost).join("\n")), element("circle", "life-dot", { cx: x, cy: y, r: dotRadius }));
    this.texts(group, node, x, y);
    this.svg.append(group);
  }

  // texts puts an event's texts where its arrows leave room: the page's above the dot and
  // below it, the others beside it.
  private texts(group: SVGElement, node: Node, x: number, y: number): void {
    const { column, label, time } = node;
    if (column === 0) {
      group.append(text("life-label life-middle", x, y - 11, label));
      if (time !== "") {
        group.append(text("life-time life-middle", x, y + 20, time));
      }
      return;
    }
    const left = this.at.isLeft(node);
    const side = left ? "life-left" : "life-right";
    const beside = x + (left ? -1 : 1) * textGap;
    group.append(text(`life-label ${side}`, beside, time === "" ? y + 4 : y - 1, label));
    if (time !== "") {
      group.append(text(`life-time ${side}`, beside, y + 11, time));
    }
  }

  // arrow draws a message. One that has not arrived ends on its way.
  private arrow({ from, to, look, done }: Arrow): void {
    const [x1, y1] = [this.at.x(from.column), this.at.y(from.row)];
    const [x2, y2] = [this.at.x(to.column), this.at.y(to.row)];
    const [ax, ay] = towards(x1, y1, x2, y2, dotRadius + 1);
    const [bx, by] = towards(x2, y2, x1, y1, done ? dotRadius + 3 : Math.hypot(x2 - x1, y2 - y1) * 0.2);
    const ends: Record<string, string> = done ? { "marker-end": `url(#life-tip-${look})` } : {};
    this.svg.append(element("path", `life-arrow life-${look}${done ? "" : " life-open"}`, { d: `M${ax} ${ay}L${bx} ${by}`, ...ends }));
  }

  // question draws a way to the line of another branch and back.
  private question({ from, to, column }: Question): void {
    const [x, y] = [this.at.x(from.column), this.at.y(from.row)];
    const far = this.at.x(column);
    const turn = to ? (y + this.at.y(to.row)) / 2 : y + rowHeight / 2;
    this.way(towards(x, y, far, turn, dotRadius + 1), [far, turn]);
    if (to) {
      this.way([far, turn], towards(x, this.at.y(to.row), far, turn, dotRadius + 3));
    }
  }

  private way([ax, ay]: Point, [bx, by]: Point): void {
    this.svg.append(element("path", "life-arrow life-ask", { d: `M${ax} ${ay}L${bx} ${by}`, "marker-end": "url(#life-tip-ask)" }));
  }
}

type Point = [x: number, y: number];

// towards returns the point at some distance from one point on the way to another.
function towards(x: number, y: number, toX: number, toY: number, distance: number): Point {
  const length = Math.hypot(toX - x, toY - y) || 1;
  const share = Math.min(1, distance / length);
  return [round(x + (toX - x) * share), round(y + (toY - y) * share)];
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function markers(): SVGElement {
  const defs = element("defs", "", {});
  for (const look of ["request", "entry", "ack", "reply", "ask"]) {
    const marker = element("marker", `life-tip life-${look}`, {
      id: `life-tip-${look}`, viewBox: "0 0 10 10", refX: 8, refY: 5, markerUnits: "userSpaceOnUse", markerWidth: 9, markerHeight: 9, orient: "auto",
    });
    marker.append(element("path", "", { d: "M0 .8 10 5 0 9.2z" }));
    defs.append(marker);
  }
  return defs;
}

// titled returns what appears when the pointer rests on a part of the drawing.
function titled(content: string): SVGElement {
  const made = element("title", "", {});
  made.textContent = visibleLines(content);
  return made;
}

function text(name: string, x: number, y: number, content: string): SVGElement {
  const made = element("text", name, { x, y });
  made.textContent = visible(content);
  return made;
}

function element<K extends keyof SVGElementTagNameMap>(tag: K, name: string, attributes: Record<string, string | number>): SVGElementTagNameMap[K] {
  const made = document.createElementNS(namespace, tag);
  if (name !== "") {
    made.setAttribute("class", name.trim());
  }
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, String(value)));
  return made;
}
