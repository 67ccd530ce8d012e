// How the page is connected to the branch that serves it.

export type Phase =
  // The first message has not come yet.
  | "connecting"
  // Messages come.
  | "live"
  // The connection stands, but nothing comes: the branch is stuck.
  | "silent"
  // The connection broke; it is opened again.
  | "lost"
  // The branch answers, and lets nobody more watch for now.
  | "crowded"
  // The branch refused to be watched, and would again.
  | "refused"
  // As many accounts are watched as one browser may.
  | "waiting"
  // Nobody looks: the tab is hidden.
  | "paused";

export interface Connection {
  phase: Phase;
  // Since when, by this browser's clock; for "silent" and "lost", when the
  // last message came.
  since: number;
  // What went wrong, in words; empty when nothing did.
  reason: string;
}
