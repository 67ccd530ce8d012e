// Who is logged in, in the bar at the top; and what stands in the place of everything else
// while nobody is.

import { byId, make, setData, setText, setTitle } from "../dom";
import { day } from "../format";
import { accountsOf, type Identity } from "../login/identity";
import { codeIn, takeCode } from "../login/code";
import { askWhom, isSurprising, logIn, logOut, onNews } from "../login/login";
import type { Rights } from "../login/rights";
import { named } from "../text";
import type { Connection } from "../watch/connection";
import { AskView } from "./ask";
import { copyText } from "./copy";

// What a branch says to a browser that has never logged in begins so. It is about
// certificates and tokens, which a browser seldom has.
const asksWho = "this bank asks who you are";

export class LoginView {
  private readonly who = byId("who");
  private readonly section = byId("login");
  private readonly code = byId<HTMLInputElement>("login-code");
  private readonly command = byId("login-command");
  private readonly question = new AskView();
  private busy = false;

  constructor(private readonly rights: Rights) {
    byId("login-form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.logIn(codeIn(this.code.value));
    });
    byId("login-copy").addEventListener("click", () => void this.copy());
    byId("who-out").addEventListener("click", () => void this.logOut());
    window.addEventListener("hashchange", () => void this.useAddress());
    rights.onChange(() => this.show(rights.identity));
    // Nothing of what somebody has seen stays after he has logged out.
    onNews((news) => news === "out" && location.reload());
    setText(this.command, `passbook dashboard --address ${address()} --certs-dir passbook-certs`);
  }

  // useAddress logs in with the code that came with the page's address, if there is one, and
  // if whoever opened it wants to.
  async useAddress(): Promise<void> {
    const code = takeCode();
    if (code !== "") {
      await this.logIn(code);
    }
  }

  setConnection({ phase, reason }: Connection): void {
    if (phase === "paused") {
      return;
    }
    const out = phase === "out";
    if (out && this.section.hidden) {
      const known = this.rights.identity.secured ? "Your login has ended." : "";
      this.say("login-reason", reason.startsWith(asksWho) ? known : sentence(reason));
    }
    this.section.hidden = !out;
    this.who.hidden = out || !this.rights.identity.secured;
    setData(document.documentElement, "login", out ? "out" : "in");
  }

  // show says who is logged in. A browser that shows a certificate has not logged in, and
  // can't log out.
  private show(identity: Identity): void {
    this.who.hidden = !identity.secured;
    const { client, role, until } = identity;
    byId("who-name").replaceChildren(make("b", "", named(client)), make("span", "", `, ${role}`));
    const accounts = accountsOf(identity);
    setText(byId("who-accounts"), accounts);
    setText(byId("who-until"), until > 0 ? `until ${day(until)}` : "");
    setTitle(byId("who-accounts"), `May use ${accounts}.`);
    byId("who-out").hidden = until === 0;
    if (until > 0 && isSurprising(client)) {
      this.say("who-answer", `This browser is logged in as ${named(client)}, and nobody has said yes to that on this page. Somebody who serves another port of this host may want you to act in that name: log out.`);
    }
  }

  private async logIn(code: string): Promise<void> {
    if (this.busy || code === "") {
      return;
    }
    this.busy = true;
    const asked = await askWhom(code);
    this.busy = false;
    if (typeof asked === "string") {
      this.sayRefused(asked);
    } else if (await this.question.ask(asked)) {
      this.sayRefused(await logIn(code, asked));
    }
  }

  private sayRefused(why: string): void {
    this.say("login-answer", why && `You are not logged in: ${sentence(why)}`);
    // Somebody who is logged in already stays so.
    this.say("who-answer", why && `The code was not used, and nothing has changed: ${sentence(why)}`);
    if (why === "") {
      this.code.value = "";
    }
  }

  private async logOut(): Promise<void> {
    const failed = await logOut();
    if (failed === "") {
      location.reload();
    }
    this.say("who-answer", failed && `You are still logged in: ${failed}.`);
  }

  private say(id: string, text: string): void {
    setText(byId(id), text);
    byId(id).hidden = text === "";
  }

  private async copy(): Promise<void> {
    setText(byId("login-copied"), (await copyText(this.command)) ? "Copied." : "Selected: copy it with the keyboard.");
    setTimeout(() => setText(byId("login-copied"), ""), 4_000);
  }
}

// address returns the host and port that this browser reaches the branch by: the branch's
// certificate is good for them.
function address(): string {
  return `${location.hostname}:${location.port || "443"}`;
}

function sentence(text: string): string {
  return text && `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/[.;\s]+$/, "")}.`;
}
