// The form that makes a call at a branch, and the curl command that does the
// same.

import { wrongAmount, wrongCustomer, wrongName } from "../call/check";
import { again } from "../call/answer";
import { curl } from "../call/curl";
import { exchange, notSent, type Exchanged } from "../call/exchange";
import { call, isEntryOf, isSame, type Asked, type Operation } from "../call/operation";
import { whole } from "../call/whole";
import { byId, setData, setText, setTitle } from "../dom";
import { amount } from "../format";
import { Acknowledge } from "../gen/bank/v1/branch_pb";
import { accountsOf, ownAccounts } from "../login/identity";
import type { Rights } from "../login/rights";
import type { Picture } from "../watch/picture";
import { AnswerView } from "./answer";
import { copyText } from "./copy";
import type { Change, View } from "./frame";
import type { LifeView } from "./life";
import type { Location } from "./location";

export class CallView implements View {
  private readonly form = byId<HTMLFormElement>("call");
  private readonly branch = byId<HTMLSelectElement>("call-branch");
  private readonly account = byId<HTMLInputElement>("call-account");
  private readonly to = byId<HTMLInputElement>("call-to");
  private readonly amount = byId<HTMLInputElement>("call-amount");
  private readonly customer = byId<HTMLInputElement>("call-customer");
  private readonly requestId = byId<HTMLInputElement>("call-request-id");
  private readonly again = byId<HTMLButtonElement>("call-again");
  private readonly command = byId("call-curl");
  private readonly answer = new AnswerView();
  private picture: Picture | undefined;
  // The last write that was sent. Only this one may be sent again under its id.
  private sent: Asked | undefined;
  // Whether its outcome is not known.
  private lost = false;
  private waiting: AbortController | undefined;

  constructor(
    private readonly location: Location,
    private readonly rights: Rights,
    private readonly life: LifeView,
  ) {
    rights.onChange(() => this.offer());
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.form.addEventListener("input", (event) => this.edit(event.target as Element));
    this.requestId.addEventListener("change", () => this.requestId.value.trim() === "" && this.renew());
    this.again.addEventListener("click", () => this.sendAgain());
    byId("call-stop").addEventListener("click", () => this.waiting?.abort());
    byId("call-new-id").addEventListener("click", () => this.renew());
    byId("call-copy").addEventListener("click", () => void this.copy());
    this.branch.addEventListener("change", () => location.chooseBranch(Number(this.branch.value)));
    location.onBranch(() => this.chooseBranch());
    location.onAccount((account) => ((this.account.value = account), this.edit(this.account)));
    this.account.value = location.account;
    this.renew();
  }

  show(picture: Picture, change: Change): void {
    this.picture = picture;
    if (change.complete || this.branch.options.length !== picture.branches.size) {
      const ids = [...picture.branches.keys()].sort((a, b) => a - b);
      this.branch.replaceChildren(...ids.map((id) => new Option(`Branch ${id}`, String(id))));
      this.chooseBranch();
    }
    if (change.complete || change.entries) {
      this.learn();
    }
  }

  // offer offers what whoever is logged in may do, and says so if that is not all.
  private offer(): void {
    const { identity } = this.rights;
    const all = [...this.form.querySelectorAll<HTMLInputElement>("[name=operation]")];
    const may = all.filter(({ value }) => this.rights.may(value as Operation));
    this.form.hidden = may.length === 0;
    // Of a form that is hidden, nothing has to be right.
    all.forEach((choice) => (choice.disabled = may.length > 0 && !may.includes(choice)));
    if (!may.some(({ checked }) => checked)) {
      may[0]?.click();
    }
    if (!this.rights.mayUse(this.to.value)) {
      this.to.value = ownAccounts(identity).find((account) => account !== this.location.account) ?? "";
    }
    const some = may.length > 0 ? `may ${may.map(({ value }) => value).join(" and ")} only` : "uses no account, so there is nothing to do here";
    setText(byId("call-rights"), `The role ${identity.role} ${some}.`);
    byId("call-rights").hidden = may.length === all.length;
    byId("call-curl-note").hidden = !identity.secured;
    this.preview();
  }

  private chooseBranch(): void {
    this.branch.value = String(this.location.branch);
    this.preview();
  }

  // edit handles a change of the form. Other content is another request, and
  // needs another id. A request whose answer was lost keeps its id.
  private edit(field: Element): void {
    this.showFields();
    const asked = this.asked();
    if (this.sent && field !== this.requestId && asked.operation !== "query") {
      if (isSame(asked, this.sent) && this.lost) {
        this.requestId.value = this.sent.requestId;
      } else if (!isSame(asked, this.sent) && this.isSentId()) {
        this.requestId.value = newRequestId();
      }
    }
    this.preview();
  }

  private submit(event: Event): void {
    event.preventDefault();
    if (this.waiting) {
      return;
    }
    if (this.mustRepeat()) {
      this.sendAgain();
      return;
    }
    // Sending makes a new request; only "again" repeats one.
    if (this.isSentId() || this.requestId.value.trim() === "") {
      this.requestId.value = newRequestId();
    }
    void this.send(this.asked());
  }

  // sendAgain sends the last write once more, to the branch that is chosen now,
  // whatever else the form says.
  private sendAgain(): void {
    if (this.sent && !this.waiting) {
      void this.send({ ...this.sent, branch: Number(this.branch.value) });
    }
  }

  private async send(asked: Asked): Promise<void> {
    const repeatsLost = this.lost && asked.requestId === this.sent?.requestId;
    if (asked.operation !== "query") {
      this.sent = asked;
    }
    this.waiting = new AbortController();
    this.form.dataset["waiting"] = "";
    this.preview();
    let exchanged = await this.exchange(asked, this.waiting.signal);
    this.waiting = undefined;
    delete this.form.dataset["waiting"];
    if (asked === this.sent) {
      exchanged = repeatsLost ? { ...exchanged, ...again(exchanged) } : exchanged;
      this.lost = exchanged.result === "unknown";
    }
    this.answer.show(asked, exchanged);
    this.learn();
    this.preview();
  }

  // exchange makes a call. The branches follow a write before it is sent, so that its life is
  // seen from the beginning.
  private async exchange(asked: Asked, stop: AbortSignal): Promise<Exchanged> {
    if (asked.operation === "query") {
      return exchange(asked, stop);
    }
    await this.life.begin(asked, stop);
    if (stop.aborted) {
      return notSent();
    }
    this.life.sent(asked);
    const exchanged = await exchange(asked, stop);
    this.life.answered(exchanged);
    return exchanged;
  }

  // learn looks for the entry of a write whose answer was lost.
  private learn(): void {
    const entry = this.lost && this.picture?.entries.findLast((candidate) => isEntryOf(candidate, this.sent!));
    if (entry) {
      this.lost = false;
      this.answer.correct(this.sent!, entry);
      this.preview();
    }
  }

  // mustRepeat tells whether the form still asks for the write whose answer was
  // lost. Under another id that write could count twice.
  private mustRepeat(): boolean {
    return this.lost && this.isSentId() && isSame(this.asked(), this.sent!);
  }

  private isSentId(): boolean {
    return this.sent !== undefined && this.requestId.value.trim() === this.sent.requestId;
  }

  private asked(): Asked {
    const fields = new FormData(this.form);
    const text = (name: string) => String(fields.get(name) ?? "").trim();
    const branch = Number(this.branch.value);
    return {
      operation: String(fields.get("operation")) as Operation,
      branch,
      account: text("account"),
      to: text("to"),
      amount: whole(text("amount")) ?? 0n,
      customer: whole(text("customer")) ?? 0n,
      requestId: text("request-id"),
      homeBranch: this.isSentId() ? this.sent!.homeBranch : branch,
      acknowledge: Number(text("acknowledge")) as Acknowledge,
      strong: text("consistency") === "strong",
    };
  }

  private renew(): void {
    this.requestId.value = newRequestId();
    this.preview();
  }

  // check tells the browser which fields are wrong, and returns whether all are
  // right.
  private check(): boolean {
    this.amount.setCustomValidity(wrongAmount(this.amount.value));
    this.customer.setCustomValidity(wrongCustomer(this.customer.value));
    this.requestId.setCustomValidity(wrongName(this.requestId.value));
    [this.account, this.to].forEach((field) => field.setCustomValidity(wrongName(field.value) || this.forbidden(field.value)));
    return this.form.matches(":valid");
  }

  // forbidden says that whoever is logged in may not use an account; empty if he may.
  private forbidden(account: string): string {
    return this.rights.mayUse(account.trim()) ? "" : `You may use ${accountsOf(this.rights.identity)}.`;
  }

  // showFields shows the fields of the operation, and hides the others.
  private showFields(): void {
    const { operation } = this.asked();
    setData(this.form, "operation", operation);
    this.form.querySelectorAll<HTMLElement>("[data-for]").forEach((field) => {
      const shown = field.dataset["for"]!.split(" ").includes(operation);
      field.hidden = !shown;
      field.querySelectorAll<HTMLInputElement>("input, select").forEach((input) => (input.disabled = !shown));
    });
    setText(byId("call-account-label"), operation === "transfer" ? "From account" : "Account");
  }

  // preview shows what the form will do, and the command that does the same.
  private preview(): void {
    this.showFields();
    const { operation } = this.asked();
    const verb = this.mustRepeat() ? "Ask again" : verbs[operation];
    setText(byId("call-send"), `${verb} at branch ${this.branch.value || "…"}`);
    byId<HTMLButtonElement>("call-send").disabled = this.waiting !== undefined;
    this.again.disabled = this.waiting !== undefined || !this.sent;
    setTitle(this.again, this.sent ? described(this.sent) : "");
    const address = this.picture?.branches.get(Number(this.branch.value))?.address;
    const valid = this.check();
    setText(this.command, address && valid ? curl(address, call(this.asked()), this.rights.identity) : "");
    byId<HTMLButtonElement>("call-copy").disabled = !valid;
  }

  private async copy(): Promise<void> {
    const copied = await copyText(this.command);
    setText(byId("call-copied"), copied ? "Copied." : "Selected: copy it with the keyboard.");
    setTimeout(() => setText(byId("call-copied"), ""), 4_000);
  }
}

const verbs: Record<Operation, string> = { deposit: "Deposit", withdraw: "Withdraw", transfer: "Transfer", query: "Query" };

// described describes a request.
function described({ operation, amount: sum, account, to, requestId, homeBranch }: Asked): string {
  const accounts = operation === "transfer" ? `${account || "shared"} to ${to || "shared"}` : account || "shared";
  return `${verbs[operation]} ${amount(sum)}, ${accounts}: request id ${requestId}, which belongs to branch ${homeBranch}`;
}

// newRequestId returns an id short enough to read aloud. crypto.randomUUID
// exists only on loopback and over HTTPS.
function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
