// How the page is connected to the branch that serves it.

export type Phase =
  // The first message has not come yet.
  | "connecting"
  // Messages come.
  | "live"
  // The connection is open, but nothing comes: the branch is stuck.
  | "silent"
  // The connection broke; it is opened again.
  | "lost"
  // The branch answers, but accepts no more watchers for now.
  | "crowded"
  // The branch refused to be watched, and would again.
  | "refused"
  // Whoever is logged in may not use the account: the reason says which he may.
  | "choose"
  // The branch asks who this is: nobody is logged in.
  | "out"
  // This browser already watches as many accounts as it may.
  | "waiting"
  // The tab is hidden, so nobody looks.
  | "paused";

export interface Connection {
  phase: Phase;
  // Since when, by this browser's clock; for "silent" and "lost", when the
  // last message came.
  since: number;
  // The error, in words; empty without one.
  reason: string;
}
