// The headline: what is true of the bank, and whether the page knows.

import { byId, setData, setIcon, setText } from "../dom";
import { amount, duration, spread } from "../format";
import { name, order } from "../health";
import { named, visible } from "../text";
import type { Connection } from "../watch/connection";
import type { Picture } from "../watch/picture";
import { BranchHealth } from "../watch/update";
import type { Change, View } from "./frame";

// Under load the balance changes ten times a second. A screen reader hears of it
// no more often than this, but hears at once of everything that is not a figure.
const announceEveryMs = 10_000;

// A headline with more letters is set smaller.
const manyLetters = 70;

export class HeadlineView implements View {
  private readonly section = byId("summary");
  private readonly bank = byId("bank");
  private readonly output = byId<HTMLOutputElement>("headline");
  private readonly symbol = this.section.querySelector<SVGSVGElement>(".icon")!;
  private connection: Connection = { phase: "connecting", since: Date.now(), reason: "" };
  private picture: Picture | undefined;
  private announcedAt = 0;
  private announced = "";

  show(picture: Picture, change: Change): void {
    this.picture = picture;
    setText(this.bank, named(picture.bank));
    this.draw(Date.now());
    if (change.complete || change.samples || change.branches.size > 0) {
      this.showFigures(picture, Date.now());
    }
  }

  setConnection(connection: Connection): void {
    this.connection = connection;
    this.draw(Date.now());
  }

  tick(now: number): void {
    this.draw(now);
    if (this.picture) {
      this.showFigures(this.picture, now);
    }
  }

  private draw(now: number): void {
    const { headline } = this.picture ?? { headline: { text: "", agree: false } };
    if (this.connection.phase !== "live" && this.connection.phase !== "paused") {
      this.say(this.withoutStream(headline.text, now), "unknown", now);
    } else if (headline.text) {
      this.say(headline.text, headline.agree ? "agrees" : worst(this.picture!), now);
    }
  }

  // withoutStream says that what the page shows is old.
  private withoutStream(last: string, now: number): string {
    const branch = this.picture?.serving ? `Branch ${this.picture.serving}` : "The branch";
    const before = last && ` Before that: ${last}`;
    switch (this.connection.phase) {
      case "connecting":
        return "Asking the branch …";
      case "waiting":
        return "Three accounts are watched in other tabs. Close one of them.";
      case "crowded":
        return `${branch}, which serves this page, accepts no more watchers: ${this.connection.reason}.${before}`;
      case "choose":
        return `Choose an account: you may use ${this.connection.reason}`;
      case "out":
        return "Log in to see this bank";
      case "refused":
        return `This can't be watched: ${this.connection.reason}`;
      default:
        return `${branch}, which serves this page, has not answered for ${duration(now - this.connection.since)}.${before}`;
    }
  }

  private say(words: string, health: string, now: number): void {
    const text = visible(words);
    setData(this.section, "health", health);
    setIcon(this.symbol, health);
    if (this.output.textContent === text) {
      return;
    }
    const wording = text.replace(/[\d,]+/g, "0");
    const aloud = wording !== this.announced || now - this.announcedAt > announceEveryMs;
    this.output.setAttribute("aria-live", aloud ? "polite" : "off");
    this.output.textContent = text;
    setData(this.output.parentElement!, "words", text.length > manyLetters ? "many" : "few");
    const bank = this.picture?.bank ? ` · ${visible(named(this.picture.bank))}` : "";
    document.title = `${text}${bank} · Passbook`;
    if (aloud) {
      this.announced = wording;
      this.announcedAt = now;
    }
  }

  private showFigures(picture: Picture, now: number): void {
    const own = picture.branches.get(picture.serving);
    setText(byId("figure-balance"), own ? amount(own.balance) : "–");
    setText(byId("figure-branches"), String(picture.branches.size || "–"));
    setText(byId("figure-entries"), picture.doubted ? "–" : amount(picture.rate(now)));
    const latest = picture.samples.findLast((sample) => sample.spreadP50Us > 0n);
    setText(byId("figure-spread"), latest ? spread(latest.spreadP50Us) : "–");
  }
}

// worst names the health of the branch that is worst off.
function worst(picture: Picture): string {
  let rank = 0;
  for (const { health } of picture.branches.values()) {
    rank = Math.max(rank, order.indexOf(health));
  }
  return name(rank > 0 ? order[rank]! : BranchHealth.BEHIND);
}
