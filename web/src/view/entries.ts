// The latest entries as they come.

import { byId, make, setData, setText, setTitle } from "../dom";
import { amount, groupedIn, spread, time } from "../format";
import type { Rights } from "../login/rights";
import { named, short } from "../text";
import type { Picture } from "../watch/picture";
import type { Entry } from "../watch/update";
import type { Change, View } from "./frame";

// Under load the table is drawn less often than entries come, because nobody
// reads ten tables a second.
const drawEveryMs = 250;

// A table needs this much room, in pixels, and more for amounts with many digits.
const tableWidth = 660;
const longTableWidth = 860;
const manyDigits = 13;

// The place of the cell that says what an entry is.
const whatPlace = 3;

// A refusal may name every branch, so the row shows only its beginning.
const refusalLetters = 160;

export class EntriesView implements View {
  private readonly section = byId("entries");
  private readonly body = this.section.querySelector("tbody")!;
  private readonly hold = byId<HTMLButtonElement>("entries-hold");
  private readonly rows: EntryRow[] = [];
  private picture: Picture | undefined;
  private drawnAt = 0;
  private due = false;
  // The letters of the longest amount.
  private digits = 1;

  constructor(rights: Rights) {
    rights.onChange(() => (byId("entries-how").hidden = rights.identity.secured));
    this.hold.addEventListener("click", () => this.toggleHold());
    new ResizeObserver(() => this.layOut()).observe(this.section);
  }

  show(picture: Picture, change: Change): void {
    this.picture = picture;
    if (change.complete || change.entries) {
      this.due = true;
    }
    const now = Date.now();
    if (this.due && !this.isHeld() && now - this.drawnAt >= drawEveryMs) {
      this.draw(picture, now);
    }
  }

  // tick draws the entries that came last, and those that count as applied
  // everywhere because all branches agree.
  tick(now: number): void {
    if (this.picture && !this.isHeld()) {
      this.draw(this.picture, now);
    }
  }

  private draw(picture: Picture, now: number): void {
    this.drawnAt = now;
    this.due = false;
    const newest = [...picture.entries].reverse();
    while (this.rows.length < newest.length) {
      const row = new EntryRow();
      this.rows.push(row);
      this.body.append(row.row);
    }
    while (this.rows.length > newest.length) {
      this.rows.pop()!.row.remove();
    }
    newest.forEach((entry, place) => this.rows[place]!.show(entry));
    this.digits = Math.max(1, ...newest.map((entry) => amount(entry.amount).length));
    this.layOut();
    byId("entries-empty").hidden = newest.length > 0;
    const skipped = picture.skippedEntries;
    setText(byId("entries-skipped"), skipped > 0n ? `${amount(skipped)} more came too fast to be shown` : "");
  }

  // layOut makes a table of the entries. Where there is no room for that, each
  // entry gets several lines.
  private layOut(): void {
    const many = this.digits > manyDigits;
    const width = this.section.clientWidth;
    this.section.style.setProperty("--digits", String(this.digits));
    setData(this.section, "amounts", many ? "long" : "short");
    setData(this.section, "layout", width < (many ? longTableWidth : tableWidth) ? "lines" : "table");
  }

  private isHeld(): boolean {
    return this.hold.getAttribute("aria-pressed") === "true";
  }

  private toggleHold(): void {
    this.hold.setAttribute("aria-pressed", String(!this.isHeld()));
  }
}

// EntryRow is a row that shows one entry after another, because the newest is
// always in the first row.
class EntryRow {
  readonly row = make("tr", "entry");
  private said = "";
  private readonly cells = ["time", "customer", "where", "what", "amount", "result", "spread"].map((name) => {
    const cell = make("td", `entry-${name}`);
    cell.setAttribute("role", "cell");
    return cell;
  });

  constructor() {
    this.row.setAttribute("role", "row");
    this.row.append(...this.cells);
  }

  show(entry: Entry): void {
    const recorded = entry.journal > 0;
    setData(this.row, "result", recorded ? "recorded" : "refused");
    setData(this.row, "key", entry.key);
    const texts = [
      time(entry.at),
      who(entry),
      recorded ? `branch ${entry.journal} #${entry.sequence}` : `branch ${entry.branch}`,
      "",
      entry.kind === "list" ? "–" : amount(entry.amount),
      recorded ? `recorded, balance ${amount(entry.balance)}` : `refused: ${short(groupedIn(entry.refusal || entry.refusalCode), refusalLetters)}`,
      recorded ? everywhere(entry) : "–",
    ];
    texts.forEach((text, place) => place !== whatPlace && setText(this.cells[place]!, text));
    this.showWhat(what(entry));
    setTitle(this.cells[5]!, recorded ? "" : `${entry.refusalCode}: ${entry.refusal}`);
  }

  // showWhat gives each name an element of its own, so a name that is written
  // from right to left turns nothing else around.
  private showWhat(words: string[]): void {
    const said = JSON.stringify(words);
    if (this.said !== said) {
      this.said = said;
      this.cells[whatPlace]!.replaceChildren(...words.map((word, place) => (place % 2 === 0 ? word : make("bdi", "name", named(word)))));
    }
  }
}

// who names the customer: by the name that it has proven, or else by the number that it
// gives itself.
function who(entry: Entry): string {
  if (entry.customerName !== "") {
    return named(entry.customerName);
  }
  return entry.customer !== 0n ? `customer ${entry.customer}` : "–";
}

// what returns words and names in turn.
function what(entry: Entry): string[] {
  switch (entry.kind) {
    case "transfer":
      return ["transfer, ", entry.from, " → ", entry.to];
    case "grant":
      return [`grant to ${entry.to}`];
    case "list":
      return ["list of operations"];
    default:
      return [entry.kind];
  }
}

function everywhere(entry: Entry): string {
  if (entry.spreadUs > 0n) {
    return spread(entry.spreadUs);
  }
  return entry.everywhere ? "yes" : "…";
}
