// Updates are drawn together, at most once a frame.

import type { Picture } from "../watch/picture";
import type { Update } from "../watch/update";

// Change says which parts must be drawn again.
export interface Change {
  // Everything, because the picture is a new one.
  complete: boolean;
  branches: Set<number>;
  entries: boolean;
  samples: boolean;
}

// View draws a part of the picture.
export interface View {
  show(picture: Picture, change: Change): void;
  // tick comes once a second, for texts that say how long something has lasted.
  tick?(now: number): void;
}

export class Frame {
  private change = nothing();
  private requested = false;

  constructor(
    private readonly picture: Picture,
    private readonly views: View[],
  ) {
    setInterval(() => this.tick(), 1_000);
  }

  // add notes what an update has changed, to be drawn in the next frame.
  add(update: Update): void {
    this.change.complete ||= update.complete;
    update.branches.forEach(({ id }) => this.change.branches.add(id));
    this.change.entries ||= update.entries.length > 0;
    this.change.samples ||= update.samples.length > 0;
    this.request();
  }

  // addAll notes that every branch has to be drawn again.
  addAll(): void {
    for (const id of this.picture.branches.keys()) {
      this.change.branches.add(id);
    }
    this.request();
  }

  private request(): void {
    if (!this.requested) {
      this.requested = true;
      requestAnimationFrame(() => this.draw());
    }
  }

  private draw(): void {
    const { change } = this;
    this.change = nothing();
    this.requested = false;
    this.views.forEach((view) => view.show(this.picture, change));
  }

  private tick(): void {
    if (document.visibilityState === "visible") {
      this.views.forEach((view) => view.tick?.(Date.now()));
    }
  }
}

function nothing(): Change {
  return { complete: false, branches: new Set(), entries: false, samples: false };
}
