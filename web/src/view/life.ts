// The life of the last write that was sent from the form, while it happens.

import { diagram, type Diagram, type Node } from "../life/diagram";
import { Following, type State } from "../life/following";
import { Life } from "../life/life";
import { summary } from "../life/summary";
import type { Exchanged } from "../call/exchange";
import type { Asked } from "../call/operation";
import { byId, make, setData, setText } from "../dom";
import type { Rights } from "../login/rights";
import { draw } from "./diagram";
import { isNarrow, roomFor } from "./layout";

// Branches may sync an entry after all have it. So long it is followed further.
const settleMs = 3_000;
// More sentences than these are of no use to anybody.
const sentencesMax = 400;

export class LifeView {
  private readonly section = byId("life");
  private readonly figure = byId("life-figure");
  private readonly list = byId("life-list");
  private readonly jump = byId<HTMLButtonElement>("call-life");
  private life = new Life();
  private asked: Asked | undefined;
  private following: Following | undefined;
  private requested = false;
  private settling: number | undefined;

  constructor(private readonly rights: Rights) {
    new ResizeObserver(() => this.redraw()).observe(this.figure);
    this.jump.addEventListener("click", () => this.section.scrollIntoView({ block: "nearest" }));
  }

  // begin follows a request that is about to be sent, and waits until its branches do, or
  // somebody stops it.
  async begin(asked: Asked, stop: AbortSignal): Promise<void> {
    if (!this.rights.may("followRequest")) {
      return;
    }
    if (!this.isSame(asked)) {
      this.following?.end("ended");
      this.life = new Life();
    }
    this.asked = asked;
    clearTimeout(this.settling);
    this.settling = undefined;
    if (!this.following?.isOn || this.following.requestId !== asked.requestId) {
      this.following = this.follow(asked.requestId, this.life);
    }
    this.section.hidden = this.jump.hidden = false;
    const stopped = new Promise((resolve) => stop.addEventListener("abort", resolve, { once: true }));
    await Promise.race([this.following.ready, stopped]);
  }

  // sent notes that the request is sent.
  sent({ branch }: Asked): void {
    this.life.send(branch);
    this.redraw();
  }

  // answered notes what came of the last sending.
  answered({ result, tookMs }: Exchanged): void {
    const last = this.life.attempts.at(-1);
    if (last && !last.result) {
      last.result = result;
      last.tookMs = tookMs;
      this.redraw();
    }
  }

  // isSame tells whether a request is the one that is shown, sent again.
  private isSame({ requestId, homeBranch }: Asked): boolean {
    return requestId !== "" && this.asked?.requestId === requestId && this.asked.homeBranch === homeBranch;
  }

  private follow(requestId: string, life: Life): Following {
    return new Following(requestId, {
      begun: () => life.begin(),
      heard: (message) => {
        life.hear(message);
        this.redraw();
      },
      state: (state, reason) => {
        if (life === this.life) {
          this.say(state, reason);
        }
      },
    });
  }

  private say(state: State, reason: string): void {
    setData(this.section, "state", state);
    setText(byId("life-state"), states[state] + (reason === "" ? "" : ` (${reason})`));
    if (state !== "following") {
      this.life.lose();
    }
    this.redraw();
  }

  // redraw draws in the next frame.
  private redraw(): void {
    if (!this.requested && this.asked) {
      this.requested = true;
      requestAnimationFrame(() => {
        this.requested = false;
        this.show(this.life, this.asked!);
      });
    }
  }

  private show(life: Life, asked: Asked): void {
    if (life.isOver() && this.settling === undefined) {
      this.settling = window.setTimeout(() => this.following?.end("ended"), settleMs);
    }
    const room = this.figure.clientWidth;
    const laid = diagram(life, roomFor(room), isNarrow(room));
    setText(byId("life-summary"), summary(life, asked));
    this.figure.replaceChildren(draw(laid, names(laid, isNarrow(room)), silent(laid, life), room));
    this.list.replaceChildren(...sentences(laid).map((words) => make("li", "", words)));
    setData(this.section, "room", String(room));
  }
}

// names are the heads of the lines.
function names({ columns: { own, shared } }: Diagram, narrow: boolean): string[] {
  return [narrow ? "Page" : "This page", ...own.map((id) => `Branch ${id}`), ...(shared.length > 0 ? [`${shared.length} others`] : [])];
}

// silent returns the lines of branches that don't tell what they do, with the reasons.
function silent({ columns: { own } }: Diagram, life: Life): Map<number, string> {
  const reasons = own.map((id, i): [number, string] => [i + 1, life.branches.get(id)?.reason ?? ""]);
  return new Map(reasons.filter(([, reason]) => reason !== ""));
}

// sentences say all that the drawing shows, causes before effects.
function sentences({ nodes }: Diagram): string[] {
  const inOrder = (a: Node, b: Node) => a.row - b.row || a.column - b.column;
  return [...nodes].sort(inOrder).flatMap(({ words }) => words).slice(0, sentencesMax);
}

const states: Record<State, string> = {
  following: "Live",
  lost: "The stream that tells of it broke; it is opened again",
  paused: "Paused while hidden",
  ended: "Followed to its end",
  elsewhere: "Another tab follows its own request now",
  refused: "The branch lets nobody follow it",
};
