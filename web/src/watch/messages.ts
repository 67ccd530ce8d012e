// The messages between a tab and the worker.

import type { Identity } from "../login/identity";
import type { Connection } from "./connection";
import type { Update } from "./update";

// A worker of another version of the page has another name, so the two never
// talk to each other. Count it up with every change to the messages.
export const workerName = "passbook-watch-3";

export type FromTab =
  // Watch an account instead of the previous one.
  | { type: "watch"; account: string }
  // The tab is still here. A tab that has crashed says nothing.
  | { type: "here" }
  | { type: "leave" };

export type FromWorker =
  | { type: "update"; update: Update }
  | { type: "connection"; connection: Connection }
  // Whom the branch takes this browser for. It comes before what he may see.
  | { type: "identity"; identity: Identity };

// How often a watching tab says that it is here, and after how long without that
// it is taken for gone.
export const hereEveryMs = 5_000;
export const goneAfterMs = 20_000;
