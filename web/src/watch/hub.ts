// The streams of all tabs: one for each watched account, however many tabs watch
// it.

import { branchClient, identityClient } from "../clients";
import type { Identity } from "../login/identity";
import { onNews } from "../login/login";
import type { Connection } from "./connection";
import { Picture } from "./picture";
import { Stream, type Clients, type StreamListener } from "./stream";
import type { Update } from "./update";

// Over HTTP/1.1 a browser opens six connections to a branch. Streams leave half
// of them for calls.
const streamsMax = 3;

export class Hub {
  private readonly topics = new Map<string, Topic>();
  private readonly clients: Clients = { branch: branchClient(), identity: identityClient() };

  // A stream belongs to the login with which it was opened.
  constructor() {
    onNews(() => this.reopen());
  }

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

  private reopen(): void {
    this.topics.forEach((topic) => topic.forget());
    this.openStreams();
  }

  private openStreams(): void {
    let open = 0;
    for (const topic of this.topics.values()) {
      if (open++ < streamsMax) {
        topic.open(this.clients);
      }
    }
  }
}

// Topic is an account with its watchers.
class Topic implements StreamListener {
  private readonly watchers = new Set<StreamListener>();
  private picture = new Picture();
  private identified: Identity | undefined;
  private known = false;
  private state: Connection = { phase: "waiting", since: Date.now(), reason: "" };
  private stream: Stream | undefined;

  constructor(private readonly account: string) {}

  add(watcher: StreamListener): void {
    this.watchers.add(watcher);
    if (this.identified) {
      watcher.identity(this.identified);
    }
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

  open(clients: Clients): void {
    this.stream ??= new Stream(clients, this.account, this);
  }

  close(): void {
    this.stream?.stop();
  }

  // forget closes the stream, and forgets what came on it: it was for somebody else.
  forget(): void {
    this.close();
    this.stream = undefined;
    this.picture = new Picture();
    this.identified = undefined;
    this.known = false;
  }

  identity(identity: Identity): void {
    this.identified = identity;
    this.watchers.forEach((watcher) => watcher.identity(identity));
  }

  update(update: Update): void {
    this.known = true;
    this.picture.apply(update, Date.now());
    this.watchers.forEach((watcher) => watcher.update(update));
  }

  connection(connection: Connection): void {
    this.state = connection;
    this.known &&= connection.phase !== "out";
    this.watchers.forEach((watcher) => watcher.connection(connection));
  }
}
