// The question before a code logs somebody in. An address with a code is a link, and anybody
// may send one of his own: so whoever opens it is told who he would be, and nothing happens
// until he says so.

import { byId, make, setText } from "../dom";
import { accountsOf } from "../login/identity";
import type { Asked } from "../login/login";
import { named } from "../text";

// How long the question must have been there, in a window that is in front, before it can be
// answered with yes. A page of somebody else may lie above this one and vanish between the
// two clicks of a double click, and the second would be an answer to what nobody has read.
const readMs = 800;

export class AskView {
  private readonly dialog = byId<HTMLDialogElement>("login-ask");
  private readonly yes = byId<HTMLButtonElement>("login-yes");
  private decide: (yes: boolean) => void = () => undefined;
  private reading = 0;

  constructor() {
    this.yes.addEventListener("click", () => this.answer(true));
    byId("login-no").addEventListener("click", () => this.answer(false));
    // Escape closes it, and so does going back on a phone.
    this.dialog.addEventListener("close", () => !this.dialog.open && this.answer(false));
    window.addEventListener("focus", () => this.read());
    document.addEventListener("visibilitychange", () => this.read());
  }

  // ask shows whom a code logs in, and returns the answer. A question that is open already is
  // answered with no.
  ask({ bank, branch, client, role, accounts, now }: Asked): Promise<boolean> {
    this.answer(false);
    const may = accountsOf({ secured: true, client, role, accounts, procedures: [], until: 0 });
    byId("login-ask-title").replaceChildren("Log in as ", make("b", "", named(client)), "?");
    setText(byId("login-ask-what"), `${named(client)} is ${aOrAn(role)} of bank ${bank} and may use ${may}. What you do at branch ${branch} from then on is done in that name.`);
    const note = byId("login-ask-now");
    note.hidden = now === undefined;
    if (now !== undefined) {
      setText(note, now.client === client ? `You are logged in as ${named(client)} already.` : `You are logged in as ${named(now.client)}, ${now.role}, now. That login ends.`);
    }
    setText(this.yes, `Log in as ${named(client)}`);
    this.dialog.showModal();
    this.read();
    return new Promise((decide) => (this.decide = decide));
  }

  // read begins the time that somebody needs to read the question.
  private read(): void {
    if (this.dialog.open) {
      this.yes.disabled = true;
      clearTimeout(this.reading);
      this.reading = window.setTimeout(() => (this.yes.disabled = false), readMs);
    }
  }

  private answer(yes: boolean): void {
    const decide = this.decide;
    this.decide = () => undefined;
    this.dialog.close();
    decide(yes);
  }
}

function aOrAn(role: string): string {
  return /^[aeiou]/.test(role) ? `an ${role}` : `a ${role}`;
}
