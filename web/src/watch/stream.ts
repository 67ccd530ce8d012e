// One Watch stream, which is opened again whenever it ends.

import { Code, ConnectError, type Client } from "@connectrpc/connect";
import { WatchScope, type BranchService } from "../gen/bank/v1/branch_pb";
import { accountsOf, identity, mayUse, type Identity } from "../login/identity";
import type { Connection, Phase } from "./connection";
import { update, type Update } from "./update";

// A branch sends at least one message a second.
const silentAfterMs = 2_500;
// A stream that is silent for this long is given up and opened again.
const givenUpAfterMs = 10_000;
const checkEveryMs = 250;

// The pause before the stream is opened again doubles up to the longest, and
// part of it is random, so not all pages come back at once.
const shortestPauseMs = 250;
const longestPauseMs = 5_000;

export interface StreamListener {
  // identity comes first, whenever the stream is opened.
  identity(identity: Identity): void;
  update(update: Update): void;
  connection(connection: Connection): void;
}

// Clients watch the bank, and ask whom the branch takes this browser for.
export interface Clients {
  branch: Client<typeof BranchService>;
  identity: Client<typeof BranchService>;
}

// After these, the branch would say the same again: the stream waits for another account,
// or another login.
const final: (Phase | undefined)[] = ["refused", "choose", "out"];

export class Stream {
  private readonly stopped = new AbortController();
  private heardAt = Date.now();
  private openedAt = 0;
  private phase: Phase | undefined;
  private failures = 0;

  constructor(
    private readonly clients: Clients,
    private readonly account: string,
    private readonly listener: StreamListener,
  ) {
    void this.run();
  }

  // stop ends the stream for good.
  stop(): void {
    this.stopped.abort();
  }

  private async run(): Promise<void> {
    this.tell("connecting", "");
    while (!this.stopped.signal.aborted && !final.includes(this.phase)) {
      await this.follow();
      if (!final.includes(this.phase)) {
        await this.pause();
      }
    }
  }

  // follow opens the stream and reads it to its end.
  private async follow(): Promise<void> {
    const attempt = new AbortController();
    const signal = AbortSignal.any([attempt.signal, this.stopped.signal]);
    const watchdog = setInterval(() => this.watchSilence(attempt), checkEveryMs);
    this.openedAt = Date.now();
    try {
      const who = identity(await this.clients.identity.getIdentity({}, { signal }));
      this.listener.identity(who);
      if (!mayUse(who, this.account)) {
        this.tell("choose", accountsOf(who));
        return;
      }
      for await (const message of this.clients.branch.watch({ account: this.account, scope: WatchScope.BANK }, { signal })) {
        this.hear();
        this.listener.update(update(message, this.heardAt));
      }
      this.lose("the branch ended the stream");
    } catch (error) {
      this.lose(ConnectError.from(error).rawMessage, ConnectError.from(error).code);
    } finally {
      clearInterval(watchdog);
    }
  }

  private hear(): void {
    this.heardAt = Date.now();
    this.failures = 0;
    this.tell("live", "");
  }

  private watchSilence(attempt: AbortController): void {
    const silentMs = Date.now() - Math.max(this.heardAt, this.openedAt);
    if (silentMs > givenUpAfterMs) {
      attempt.abort();
    } else if (silentMs > silentAfterMs) {
      this.tell("silent", "");
    }
  }

  private lose(reason: string, code?: Code): void {
    if (this.stopped.signal.aborted) {
      return;
    }
    this.failures++;
    this.tell(this.phaseAfter(code), reason);
  }

  private phaseAfter(code: Code | undefined): Phase {
    switch (code) {
      case Code.InvalidArgument:
      case Code.PermissionDenied:
        return "refused";
      case Code.Unauthenticated:
        return "out";
      case Code.ResourceExhausted:
        return "crowded";
      default:
        return this.phase === "silent" ? "silent" : "lost";
    }
  }

  private pause(): Promise<void> {
    const longest = Math.min(shortestPauseMs * 2 ** (this.failures - 1), longestPauseMs);
    const ms = this.failures === 0 ? 0 : longest * (0.5 + Math.random() / 2);
    const { signal } = this.stopped;
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal.addEventListener("abort", wake);
    });
  }

  private tell(phase: Phase, reason: string): void {
    if (phase === this.phase || this.stopped.signal.aborted) {
      return;
    }
    this.phase = phase;
    this.listener.connection({ phase, since: this.heardAt, reason });
  }
}
