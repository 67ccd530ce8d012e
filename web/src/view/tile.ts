// The tile of a branch: a row of the table, drawn as a card.

import { icon, make, setData, setIcon, setText, setTitle } from "../dom";
import { amount } from "../format";
import { brief, name, since } from "../health";
import type { Branch } from "../watch/update";

// A tile lights up no more often than this, however many entries come.
const pulseEveryMs = 1_000;

export class Tile {
  readonly row = make("tr", "tile");
  readonly button = make("button", "tile-button");
  private readonly balance = make("td", "tile-balance");
  private readonly symbol = icon("unknown");
  private readonly health = make("span", "tile-words");
  private readonly since = make("span", "tile-since");
  private readonly bar = make("span", "bar-fill");
  private readonly escrow = make("span", "tile-amount");
  private pulsedAt = 0;
  branch: Branch;

  constructor(branch: Branch) {
    this.branch = branch;
    this.button.type = "button";
    this.button.tabIndex = -1;
    this.row.setAttribute("role", "row");
    this.row.append(this.header(branch.id), this.balance, this.healthCell(), this.escrowCell());
    this.row.querySelectorAll("td").forEach((cell) => cell.setAttribute("role", "cell"));
  }

  // show draws the branch. The bar is its escrow, relative to the largest one.
  show(branch: Branch, largestEscrow: bigint, now: number, calm: boolean): void {
    if (!calm && branch.balance !== this.branch.balance) {
      this.pulse("changed", now);
    }
    this.branch = branch;
    setText(this.balance, amount(branch.balance));
    setText(this.escrow, amount(branch.available));
    this.bar.style.setProperty("--share", share(branch.available, largestEscrow));
    this.tick(now);
  }

  tick(now: number): void {
    setData(this.row, "health", name(this.branch.health));
    setIcon(this.symbol, name(this.branch.health));
    setText(this.health, brief(this.branch));
    setText(this.since, since(this.branch, now));
    setTitle(this.row, [this.branch.reason, ...this.branch.alarms].filter(Boolean).join(" · "));
    setData(this.row, "alarms", String(this.branch.alarms.length));
  }

  // took shows that the branch wrote an entry: "+25".
  took(text: string, now: number): void {
    if (this.pulse("took", now)) {
      setData(this.row, "took", text);
    }
  }

  choose(chosen: boolean): void {
    this.button.setAttribute("aria-pressed", String(chosen));
  }

  private header(id: number): HTMLTableCellElement {
    const header = make("th", "tile-id");
    header.scope = "row";
    header.setAttribute("role", "rowheader");
    this.button.append(make("span", "visually-hidden", "Branch "), String(id));
    this.button.setAttribute("aria-pressed", "false");
    header.append(this.button);
    return header;
  }

  private healthCell(): HTMLTableCellElement {
    const cell = make("td", "tile-health");
    const alarm = icon("alarm");
    alarm.classList.add("tile-alarm");
    cell.append(this.health, " ", this.since, alarm, this.symbol);
    return cell;
  }

  private escrowCell(): HTMLTableCellElement {
    const cell = make("td", "tile-escrow");
    const bar = make("span", "bar");
    bar.append(this.bar);
    cell.append(bar, this.escrow);
    return cell;
  }

  private pulse(kind: "changed" | "took", now: number): boolean {
    if (now - this.pulsedAt < pulseEveryMs && (kind === "changed" || this.row.dataset["pulse"] === kind)) {
      return false;
    }
    this.pulsedAt = now;
    setData(this.row, "pulse", kind);
    return true;
  }

  // settle ends the light once it has shone.
  settle(now: number): void {
    if (this.row.dataset["pulse"] && now - this.pulsedAt >= pulseEveryMs) {
      delete this.row.dataset["pulse"];
    }
  }
}

// share returns a part of a whole, as the length of a bar.
function share(part: bigint, whole: bigint): string {
  return whole > 0n && part > 0n ? String(Number((part * 1000n) / whole) / 1000) : "0";
}
