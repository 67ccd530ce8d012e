// The branches: a table whose rows are tiles, and how many have each health.

import { byId, icon, make, setData, setText } from "../dom";
import { amount } from "../format";
import { many, name, order } from "../health";
import type { Picture } from "../watch/picture";
import type { BranchHealth, Entry } from "../watch/update";
import type { Change, View } from "./frame";
import type { Location } from "./location";
import { moveAmong } from "./roving";
import { Tile } from "./tile";

// In a busier second no tile lights up, because all would, all the time.
const busyEntries = 8n;

export class BranchesView implements View {
  private readonly table = byId<HTMLTableElement>("branches");
  private readonly body = this.table.tBodies[0]!;
  private readonly counts = byId("health-counts");
  private readonly tiles = new Map<number, Tile>();
  // The entries whose branches have already lit up.
  private lastEntry: Entry | undefined;

  constructor(private readonly location: Location) {
    location.onBranch(() => this.showChosen());
    this.body.addEventListener("click", (event) => this.chooseFrom(event.target as Element));
    moveAmong(this.body, ".tile-button");
    this.counts.addEventListener("click", (event) => this.chooseNext(event.target as Element));
  }

  show(picture: Picture, change: Change): void {
    const now = Date.now();
    if (change.complete) {
      this.layOut(picture);
    }
    if (change.complete || change.branches.size > 0) {
      this.showBranches(picture, change, now);
    }
    if (change.entries) {
      this.light(picture, change.complete, now);
    }
  }

  tick(now: number): void {
    for (const tile of this.tiles.values()) {
      tile.tick(now);
      tile.settle(now);
    }
  }

  // layOut makes a tile for every branch, in the order of the ids.
  private layOut(picture: Picture): void {
    const ids = [...picture.branches.keys()].sort((a, b) => a - b);
    for (const id of this.tiles.keys()) {
      if (!picture.branches.has(id)) {
        this.tiles.get(id)!.row.remove();
        this.tiles.delete(id);
      }
    }
    for (const id of ids) {
      const tile = this.tiles.get(id) ?? new Tile(picture.branches.get(id)!);
      this.tiles.set(id, tile);
      this.body.append(tile.row);
    }
    setData(this.table, "density", density(ids.length));
    this.showChosen();
  }

  private showBranches(picture: Picture, change: Change, now: number): void {
    const largest = largestEscrow(picture);
    const calm = picture.rate(now) > busyEntries;
    let digits = 0;
    for (const [id, branch] of picture.branches) {
      digits = Math.max(digits, amount(branch.balance).length);
      this.tileOf(id, picture).show(branch, largest, now, calm);
    }
    this.table.style.setProperty("--digits", String(digits));
    if (change.complete || change.branches.size > 0) {
      this.showCounts(picture);
    }
  }

  private tileOf(id: number, picture: Picture): Tile {
    if (!this.tiles.has(id)) {
      this.layOut(picture);
    }
    return this.tiles.get(id)!;
  }

  // light shows which branches wrote the new entries.
  private light(picture: Picture, complete: boolean, now: number): void {
    const { entries } = picture;
    const seen = this.lastEntry ? entries.findLastIndex((entry) => entry.key === this.lastEntry!.key) : -1;
    this.lastEntry = entries.at(-1);
    if (complete || picture.rate(now) > busyEntries) {
      return;
    }
    for (const entry of entries.slice(seen + 1)) {
      if (entry.journal > 0 && entry.kind !== "grant" && entry.kind !== "list") {
        this.tiles.get(entry.branch)?.took(sign(entry, this.location.account) + amount(entry.amount), now);
      }
    }
  }

  // showCounts says how many branches have each health. A click on a count goes
  // to one of them.
  private showCounts(picture: Picture): void {
    const counts = new Map<BranchHealth, number>();
    for (const { health } of picture.branches.values()) {
      counts.set(health, (counts.get(health) ?? 0) + 1);
    }
    const present = order.filter((health) => counts.has(health));
    const healths = present.map(name).join();
    if (this.counts.dataset["healths"] !== healths) {
      this.counts.dataset["healths"] = healths;
      this.counts.replaceChildren(...present.map(countButton));
    }
    present.forEach((health, place) => {
      setText(this.counts.children[place]!.lastElementChild!, `${counts.get(health)} ${many(health)}`);
    });
  }

  private chooseFrom(target: Element): void {
    const button = target.closest("tr")?.querySelector("button");
    const tile = [...this.tiles.values()].find((candidate) => candidate.button === button);
    if (tile) {
      this.location.chooseBranch(tile.branch.id);
    }
  }

  // chooseNext chooses the next branch that has this health.
  private chooseNext(target: Element): void {
    const health = target.closest<HTMLElement>("button")?.dataset["health"];
    const alike = [...this.tiles.values()].filter((tile) => name(tile.branch.health) === health);
    alike.sort((a, b) => a.branch.id - b.branch.id);
    const next = alike.find((tile) => tile.branch.id > this.location.branch) ?? alike[0];
    if (next) {
      this.location.chooseBranch(next.branch.id);
      next.row.scrollIntoView({ block: "nearest" });
    }
  }

  private showChosen(): void {
    const chosen = this.tiles.get(this.location.branch);
    const first = chosen ?? this.tiles.values().next().value;
    for (const tile of this.tiles.values()) {
      tile.choose(tile === chosen);
      tile.button.tabIndex = tile === first ? 0 : -1;
    }
  }
}

// density says how large tiles can be, so 50 of them fit on a screen.
function density(branches: number): string {
  return branches <= 9 ? "large" : branches <= 64 ? "medium" : "small";
}

function largestEscrow(picture: Picture): bigint {
  let largest = 0n;
  for (const { available } of picture.branches.values()) {
    largest = available > largest ? available : largest;
  }
  return largest;
}

// sign says whether an entry pays into the account or out of it.
function sign(entry: Entry, account: string): string {
  const out = entry.kind === "withdrawal" || (entry.kind === "transfer" && entry.from === (account || "shared"));
  return out ? "−" : "+";
}

function countButton(health: BranchHealth): HTMLButtonElement {
  const button = make("button", "count");
  button.type = "button";
  button.dataset["health"] = name(health);
  button.append(icon(name(health)), make("span"));
  return button;
}
