// The alarms of all branches, which need an operator.

import { byId, make, setText } from "../dom";
import type { Rights } from "../login/rights";
import { short } from "../text";
import type { Picture } from "../watch/picture";
import type { Change, View } from "./frame";

// This many are shown, and the rest are counted.
const alarmsShown = 8;

// This many letters of each are shown.
const alarmLetters = 600;

export class AlarmsView implements View {
  private readonly section = byId("alarms");
  private readonly list = byId("alarms-list");
  private readonly more = byId("alarms-more");
  private shown = "";

  // Whoever may not ask for a branch's alarms is not told how to.
  constructor(rights: Rights) {
    rights.onChange(() => (byId("alarms-how").hidden = !rights.may("listAlarms")));
  }

  show(picture: Picture, change: Change): void {
    if (!change.complete && change.branches.size === 0) {
      return;
    }
    const alarms = byText(picture);
    const shown = JSON.stringify([...alarms]);
    if (shown === this.shown) {
      return;
    }
    this.shown = shown;
    this.section.hidden = alarms.size === 0;
    this.list.replaceChildren(...[...alarms].slice(0, alarmsShown).map(([text, branches]) => item(text, branches)));
    const more = alarms.size - alarmsShown;
    setText(this.more, more > 0 ? `${more} more ${more === 1 ? "alarm is" : "alarms are"} not shown here. ` : "");
  }
}

// byText gathers the branches that have the same alarm.
function byText(picture: Picture): Map<string, number[]> {
  const alarms = new Map<string, number[]>();
  for (const id of [...picture.branches.keys()].sort((a, b) => a - b)) {
    for (const text of picture.branches.get(id)!.alarms) {
      alarms.set(text, [...(alarms.get(text) ?? []), id]);
    }
  }
  return alarms;
}

function item(text: string, branches: number[]): HTMLLIElement {
  const line = make("li");
  const named = branches.length > 12 ? `${branches.slice(0, 11).join(", ")} and ${branches.length - 11} more` : branches.join(", ");
  line.append(make("b", "", `${branches.length === 1 ? "Branch" : "Branches"} ${named}: `), make("span", "", short(text, alarmLetters)));
  return line;
}
