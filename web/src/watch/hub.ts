// The streams of all tabs: one for each watched account, however many tabs watch
// it.

import type { Client } from "@connectrpc/connect";
import type { BranchService } from "../gen/bank/v1/branch_pb";
import type { Connection } from "./connection";
import { Picture } from "./picture";
import { Stream, type StreamListener } from "./stream";
import type { Update } from "./update";

// Over HTTP/1.1 a browser opens six connections to a branch. Streams leave half
// of them for calls.
const streamsMax = 3;

export class Hub {
  private readonly topics = new Map<string, Topic>();

  constructor(private readonly client: Client<typeof BranchService>) {}

  // watch sends a watcher the updates of an account, and no more of the previous
  // one.
  watch(watcher: StreamListener, account: string): void {
    this.leave(watcher);
    let topic = this.topics.get(account);
    if (!topic) {
      topic = new Topic(account);
      this.topics.set(account, topic);
    }
    topic.add(watcher);
    this.openStreams();
  }

  // leave sends a watcher nothing more. A stream ends with its last watcher.
  leave(watcher: StreamListener): void {
    for (const [account, topic] of this.topics) {
      if (topic.remove(watcher) && topic.isEmpty()) {
        topic.close();
        this.topics.delete(account);
      }
    }
    this.openStreams();
  }

  private openStreams(): void {
    let open = 0;
    for (const topic of this.topics.values()) {
      if (open++ < streamsMax) {
        topic.open(this.client);
      }
    }
  }
}

// Topic is an account with its watchers.
class Topic implements StreamListener {
  private readonly watchers = new Set<StreamListener>();
  private readonly picture = new Picture();
  private known = false;
  private state: Connection = { phase: "waiting", since: Date.now(), reason: "" };
  private stream: Stream | undefined;

  constructor(private readonly account: string) {}

  add(watcher: StreamListener): void {
    this.watchers.add(watcher);
    if (this.known) {
      watcher.update(this.picture.complete());
    }
    watcher.connection(this.state);
  }

  remove(watcher: StreamListener): boolean {
    return this.watchers.delete(watcher);
  }

  isEmpty(): boolean {
    return this.watchers.size === 0;
  }

  open(client: Client<typeof BranchService>): void {
    this.stream ??= new Stream(client, this.account, this);
  }

  close(): void {
    this.stream?.stop();
  }

  update(update: Update): void {
    this.known = true;
    this.picture.apply(update, Date.now());
    this.watchers.forEach((watcher) => watcher.update(update));
  }

  connection(connection: Connection): void {
    this.state = connection;
    this.watchers.forEach((watcher) => watcher.connection(connection));
  }
}
