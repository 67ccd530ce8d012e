// The chosen branch, with everything that it reports.

import { byId, setData, setIcon, setText } from "../dom";
import { amount, duration, spread } from "../format";
import { full, name } from "../health";
import type { Picture } from "../watch/picture";
import { BranchHealth, type Branch } from "../watch/update";
import type { View } from "./frame";
import type { Location } from "./location";
import { RoundTripsView } from "./trips";

export class DetailsView implements View {
  private readonly section = byId("details");
  private readonly symbol = this.section.querySelector<SVGSVGElement>(".icon")!;
  private readonly roundTrips = new RoundTripsView();
  private picture: Picture | undefined;

  constructor(private readonly location: Location) {
    location.onBranch(() => this.draw(Date.now()));
  }

  show(picture: Picture): void {
    this.picture = picture;
    if (!picture.branches.has(this.location.branch) && picture.serving > 0) {
      this.location.chooseBranch(picture.serving);
    }
    this.draw(Date.now());
  }

  tick(now: number): void {
    this.draw(now);
  }

  private draw(now: number): void {
    const branch = this.picture?.branches.get(this.location.branch);
    if (branch) {
      this.drawBranch(branch, now);
    }
  }

  private drawBranch(branch: Branch, now: number): void {
    const serving = branch.id === this.picture!.serving ? ", which serves this page" : "";
    setData(this.section, "health", name(branch.health));
    setIcon(this.symbol, name(branch.health));
    setText(byId("details-title"), `Branch ${branch.id}${serving}`);
    setText(byId("details-health"), full(branch, now));
    this.setNote("details-reason", [branch.reason, ...branch.alarms].filter(Boolean).join(" · "));
    setText(byId("details-balance"), amount(branch.balance));
    setText(byId("details-escrow"), amount(branch.available));
    setText(byId("details-spread"), spreadOf(branch));
    setText(byId("details-boot"), `${servedFor(branch, now)}boot ${branch.epoch}`);
    setText(byId("details-address"), branch.address);
    this.roundTrips.show(branch, this.picture!);
    this.setNote("details-peers", branch.reason ? "" : peers(branch, this.picture!.branches.size));
  }

  private setNote(id: string, text: string): void {
    setText(byId(id), text);
    byId(id).hidden = text === "";
  }
}

// servedFor says how long a branch has served, unless it may have stopped.
function servedFor(branch: Branch, now: number): string {
  return branch.health === BranchHealth.UNREACHABLE || branch.health === BranchHealth.UNSPECIFIED ? "" : `${duration(now - branch.servingSince)}, `;
}

function spreadOf(branch: Branch): string {
  return branch.spreadP50Us > 0n ? `${spread(branch.spreadP50Us)}, p99 ${spread(branch.spreadP99Us)}` : "no entries lately";
}

function peers(branch: Branch, branches: number): string {
  const lost = branch.unreachablePeers;
  if (lost.length === 0) {
    return "";
  }
  if (lost.length === branches - 1) {
    return "Reaches none of its peers.";
  }
  const named = lost.slice(0, 12).join(", ") + (lost.length > 12 ? ` and ${lost.length - 12} more` : "");
  return `Does not reach ${lost.length === 1 ? "branch" : "branches"} ${named}.`;
}
