// The stream that tells of a request. Over HTTP/1.1 a browser opens only six connections
// to a branch, so one tab follows at a time: the one that has sent something last.

import { Code, ConnectError } from "@connectrpc/connect";
import { branchClient } from "../clients";
import type { FollowRequestResponse } from "../gen/bank/v1/follow_pb";

// How long a request waits until its branches follow it. What happens before is not seen.
const readyWithinMs = 700;
// The pause before a stream that has broken is opened again.
const pauseMs = 1_000;
// How long a request is followed in all; a branch ends its streams after this time, too.
const followMs = 600_000;

export type State =
  // Branches tell what they do.
  | "following"
  // The stream broke; it is opened again.
  | "lost"
  // The tab is hidden.
  | "paused"
  // Nothing more is told: it is over, or has taken too long.
  | "ended"
  // Another tab of this browser follows its own request.
  | "elsewhere"
  // The branch refuses.
  | "refused";

export interface FollowListener {
  // begun comes before a stream tells anything.
  begun(): void;
  heard(message: FollowRequestResponse): void;
  state(state: State, reason: string): void;
}

// After these the branch would say the same again.
const final = [Code.InvalidArgument, Code.PermissionDenied, Code.Unauthenticated, Code.Unimplemented, Code.ResourceExhausted, Code.NotFound];

const taken = new BroadcastChannel("passbook-follow");

export class Following {
  private readonly client = branchClient();
  private readonly stopped = new AbortController();
  private readonly until = Date.now() + followMs;
  private stream: AbortController | undefined;
  private arrived: () => void = () => undefined;

  // ready is fulfilled when the branches follow, or won't soon.
  readonly ready: Promise<void>;

  constructor(
    readonly requestId: string,
    private readonly listener: FollowListener,
  ) {
    this.ready = new Promise((resolve) => {
      this.arrived = resolve;
      setTimeout(resolve, readyWithinMs);
    });
    const { signal } = this.stopped;
    taken.postMessage(requestId);
    taken.addEventListener("message", () => this.end("elsewhere"), { signal });
    document.addEventListener("visibilitychange", () => this.look(), { signal });
    void this.run();
  }

  // isOn tells whether it follows, or will again.
  get isOn(): boolean {
    return !this.stopped.signal.aborted;
  }

  // end ends it for good.
  end(state: State, reason = ""): void {
    if (this.isOn) {
      this.stopped.abort();
      this.stream?.abort();
      this.arrived();
      this.listener.state(state, reason);
    }
  }

  private async run(): Promise<void> {
    while (this.isOn && Date.now() < this.until) {
      if (document.visibilityState === "visible") {
        await this.follow();
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    this.end("ended");
  }

  // follow opens the stream and reads it to its end.
  private async follow(): Promise<void> {
    const { signal } = (this.stream = new AbortController());
    this.listener.begun();
    try {
      for await (const message of this.client.followRequest({ requestId: this.requestId }, { signal })) {
        this.listener.heard(message);
        this.listener.state("following", "");
        this.arrived();
      }
      this.lose("the branch ended the stream");
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      if (final.includes(code)) {
        this.end("refused", rawMessage);
      } else {
        this.lose(rawMessage);
      }
    }
  }

  private lose(reason: string): void {
    this.arrived();
    if (this.isOn) {
      this.listener.state(document.visibilityState === "visible" ? "lost" : "paused", reason);
    }
  }

  // look lets go of the stream while the tab is hidden.
  private look(): void {
    if (document.visibilityState !== "visible") {
      this.stream?.abort();
    }
  }
}
