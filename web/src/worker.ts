// The worker that all tabs share: it holds their streams.

import type { Identity } from "./login/identity";
import type { Connection } from "./watch/connection";
import { Hub } from "./watch/hub";
import { goneAfterMs, hereEveryMs, type FromTab, type FromWorker } from "./watch/messages";
import type { StreamListener } from "./watch/stream";
import type { Update } from "./watch/update";

const hub = new Hub();
const tabs = new Set<Tab>();

// Tab is a page that watches.
class Tab implements StreamListener {
  private heardAt = Date.now();
  private account = "";

  constructor(private readonly port: MessagePort) {
    port.onmessage = ({ data }: MessageEvent<FromTab>) => this.hear(data);
  }

  update(update: Update): void {
    this.post({ type: "update", update });
  }

  identity(identity: Identity): void {
    this.post({ type: "identity", identity });
  }

  connection(connection: Connection): void {
    this.post({ type: "connection", connection });
  }

  isGone(now: number): boolean {
    return now - this.heardAt > goneAfterMs;
  }

  leave(): void {
    hub.leave(this);
    tabs.delete(this);
  }

  private watch(account: string): void {
    this.account = account;
    tabs.add(this);
    hub.watch(this, account);
  }

  private hear(message: FromTab): void {
    this.heardAt = Date.now();
    if (message.type === "leave") {
      this.leave();
    } else if (message.type === "watch") {
      this.watch(message.account);
    } else if (!tabs.has(this)) {
      // The tab was taken for gone, for instance because the machine slept.
      this.watch(this.account);
    }
  }

  private post(message: FromWorker): void {
    this.port.postMessage(message);
  }
}

function dropGone(): void {
  const now = Date.now();
  [...tabs].filter((tab) => tab.isGone(now)).forEach((tab) => tab.leave());
}

self.addEventListener("connect", (event) => new Tab((event as MessageEvent).ports[0]!));
setInterval(dropGone, hereEveryMs);
