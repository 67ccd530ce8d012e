// The state of the stream, in the bar at the top.

import { byId, setData, setText, setTitle } from "../dom";
import { duration } from "../format";
import type { Connection, Phase } from "../watch/connection";
import type { Picture } from "../watch/picture";
import type { View } from "./frame";

const words: Record<Phase, string> = {
  connecting: "Connecting",
  live: "Live",
  silent: "Not responding",
  lost: "Reconnecting",
  crowded: "Crowded out",
  refused: "Refused",
  choose: "Choose an account",
  out: "Logged out",
  waiting: "Waiting",
  paused: "Paused while hidden",
};

export class ConnectionView implements View {
  private readonly output = byId<HTMLOutputElement>("connection");
  private connection: Connection = { phase: "connecting", since: Date.now(), reason: "" };
  private serving = 0;

  show(picture: Picture): void {
    if (picture.serving !== this.serving) {
      this.serving = picture.serving;
      this.draw(Date.now());
    }
  }

  setConnection(connection: Connection): void {
    this.connection = connection;
    setData(document.documentElement, "connection", connection.phase);
    this.draw(Date.now());
  }

  tick(now: number): void {
    this.draw(now);
  }

  private draw(now: number): void {
    const { phase, since, reason } = this.connection;
    const lost = phase === "silent" || phase === "lost" || phase === "crowded";
    const from = phase === "live" && this.serving > 0 ? ` from branch ${this.serving}` : "";
    setData(this.output, "phase", phase);
    setText(this.output.lastElementChild!, words[phase] + from + (lost ? ` for ${duration(now - since)}` : ""));
    setTitle(this.output, reason);
  }
}
