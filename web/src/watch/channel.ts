// A tab's side of the stream. All tabs share the streams of one worker, so six
// tabs still leave connections for calls. In a browser without shared workers,
// each tab opens its own stream. A hidden tab gives its stream up.

import { Hub } from "./hub";
import { hereEveryMs, workerName, type FromTab, type FromWorker } from "./messages";
import type { StreamListener } from "./stream";

interface Source {
  watch(account: string): void;
  leave(): void;
}

export class Channel {
  private source: Source;
  private account = "";

  constructor(private readonly listener: StreamListener) {
    this.source = "SharedWorker" in window ? new WorkerSource(listener, () => this.goDirect()) : new DirectSource(listener);
    document.addEventListener("visibilitychange", () => this.follow());
    window.addEventListener("pagehide", () => this.source.leave());
    window.addEventListener("pageshow", (event) => event.persisted && this.follow());
  }

  // watch watches an account instead of the previous one.
  watch(account: string): void {
    this.account = account;
    this.follow();
  }

  private follow(): void {
    if (document.visibilityState === "visible") {
      this.source.watch(this.account);
    } else {
      this.source.leave();
      this.listener.connection({ phase: "paused", since: Date.now(), reason: "" });
    }
  }

  // goDirect is for a browser that has shared workers and refuses ours.
  private goDirect(): void {
    this.source.leave();
    this.source = new DirectSource(this.listener);
    this.follow();
  }
}

class WorkerSource implements Source {
  private readonly port: MessagePort;
  private timer: number | undefined;
  // Whether updates come, at least one a second, and when the last one came.
  private live = false;
  private heardAt = Date.now();

  constructor(
    private readonly listener: StreamListener,
    private readonly failed: () => void,
  ) {
    const worker = new SharedWorker("worker.js", { name: workerName });
    worker.onerror = failed;
    this.port = worker.port;
    this.port.onmessage = ({ data }: MessageEvent<FromWorker>) => this.hear(data);
  }

  watch(account: string): void {
    this.post({ type: "watch", account });
    this.heardAt = Date.now();
    this.timer ??= window.setInterval(() => this.check(), hereEveryMs);
  }

  private hear(message: FromWorker): void {
    this.heardAt = Date.now();
    if (message.type === "update") {
      this.listener.update(message.update);
    } else if (message.type === "identity") {
      this.listener.identity(message.identity);
    } else {
      this.live = message.connection.phase === "live";
      this.listener.connection(message.connection);
    }
  }

  // check finds out that the worker has crashed: a working one would have
  // reported a silent stream.
  private check(): void {
    if (this.live && Date.now() - this.heardAt > hereEveryMs) {
      this.failed();
    } else {
      this.post({ type: "here" });
    }
  }

  leave(): void {
    this.post({ type: "leave" });
    window.clearInterval(this.timer);
    this.timer = undefined;
  }

  private post(message: FromTab): void {
    this.port.postMessage(message);
  }
}

class DirectSource implements Source {
  private readonly hub = new Hub();

  constructor(private readonly listener: StreamListener) {}

  watch(account: string): void {
    this.hub.watch(this.listener, account);
  }

  leave(): void {
    this.hub.leave(this.listener);
  }
}
