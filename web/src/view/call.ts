// The form that makes a call at a branch, the answer, and the curl command
// that does the same.

import { ConnectError } from "@connectrpc/connect";
import { answered, indented, refused } from "../call/answer";
import { curl } from "../call/curl";
import { call, type Asked, type Operation } from "../call/operation";
import { customerClient } from "../clients";
import { byId, make, setData, setText } from "../dom";
import { Acknowledge } from "../gen/bank/v1/branch_pb";
import type { Picture } from "../watch/picture";
import { copyText } from "./copy";
import type { Change, View } from "./frame";
import type { Location } from "./location";

export class CallView implements View {
  private readonly form = byId<HTMLFormElement>("call");
  private readonly branch = byId<HTMLSelectElement>("call-branch");
  private readonly account = byId<HTMLInputElement>("call-account");
  private readonly requestId = byId<HTMLInputElement>("call-request-id");
  private readonly output = byId<HTMLOutputElement>("call-answer");
  private readonly command = byId("call-curl");
  private picture: Picture | undefined;
  // The request id that was sent last, and the branch it was sent to.
  private sent = { requestId: "", branch: 0 };
  private waiting: AbortController | undefined;

  constructor(private readonly location: Location) {
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.form.addEventListener("input", () => this.preview());
    byId("call-again").addEventListener("click", () => void this.send());
    byId("call-stop").addEventListener("click", () => this.waiting?.abort());
    byId("call-new-id").addEventListener("click", () => this.renew());
    byId("call-copy").addEventListener("click", () => void this.copy());
    this.branch.addEventListener("change", () => location.chooseBranch(Number(this.branch.value)));
    location.onBranch(() => this.chooseBranch());
    location.onAccount((account) => ((this.account.value = account), this.preview()));
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
  }

  private chooseBranch(): void {
    this.branch.value = String(this.location.branch);
    this.preview();
  }

  private submit(event: Event): void {
    event.preventDefault();
    // What is sent anew is a new request; only "again" repeats one.
    if (this.requestId.value !== "" && this.requestId.value === this.sent.requestId) {
      this.renew();
    }
    void this.send();
  }

  private async send(): Promise<void> {
    if (!this.form.reportValidity()) {
      return;
    }
    this.waiting?.abort();
    const waiting = new AbortController();
    this.waiting = waiting;
    this.form.dataset["waiting"] = "";
    const asked = this.asked();
    this.preview();
    await this.exchange(asked, waiting.signal);
    if (this.waiting === waiting) {
      delete this.form.dataset["waiting"];
    }
  }

  private async exchange(asked: Asked, signal: AbortSignal): Promise<void> {
    if (asked.operation !== "query" && asked.requestId !== this.sent.requestId) {
      this.sent = { requestId: asked.requestId, branch: asked.branch };
    }
    let words = "";
    let status = 0;
    const client = customerClient(asked.branch, (code, text) => ((status = code), (words = text)));
    const begun = performance.now();
    const request = call(asked);
    let meaning: string;
    let result = "answered";
    try {
      meaning = await answered(client, request, signal);
    } catch (error) {
      const reason = ConnectError.from(error);
      meaning = refused(reason);
      words ||= reason.message;
      result = "refused";
    }
    // An answer to a request that another one has replaced is not shown.
    if (!signal.aborted || this.waiting?.signal === signal) {
      const took = `${(performance.now() - begun).toFixed(1)} ms`;
      this.showAnswer(result, meaning, status > 0 ? `HTTP ${status}, ${took}` : took, words);
    }
  }

  private showAnswer(result: string, meaning: string, note: string, words: string): void {
    setData(this.output, "result", result);
    this.output.replaceChildren(
      make("p", "answer-meaning", meaning),
      make("pre", "answer-words", indented(words)),
      make("p", "answer-note", note),
    );
    const again = byId<HTMLButtonElement>("call-again");
    again.disabled = this.sent.requestId === "" || this.operation() === "query";
  }

  private asked(): Asked {
    const fields = new FormData(this.form);
    const text = (name: string) => String(fields.get(name) ?? "").trim();
    const branch = Number(this.branch.value);
    const requestId = text("request-id");
    const repeated = requestId !== "" && requestId === this.sent.requestId;
    return {
      operation: this.operation(),
      branch,
      account: text("account"),
      to: text("to"),
      amount: whole(text("amount")),
      customer: whole(text("customer")),
      requestId,
      homeBranch: repeated && this.sent.branch !== branch ? this.sent.branch : 0,
      acknowledge: Number(text("acknowledge")) as Acknowledge,
      strong: text("consistency") === "strong",
    };
  }

  private operation(): Operation {
    return String(new FormData(this.form).get("operation")) as Operation;
  }

  private renew(): void {
    this.requestId.value = newRequestId();
    this.preview();
  }

  // preview shows the fields that the operation has, and its command.
  private preview(): void {
    const operation = this.operation();
    setData(this.form, "operation", operation);
    this.form.querySelectorAll<HTMLElement>("[data-for]").forEach((field) => {
      const shown = field.dataset["for"]!.split(" ").includes(operation);
      field.hidden = !shown;
      field.querySelectorAll<HTMLInputElement>("input, select").forEach((input) => (input.disabled = !shown));
    });
    setText(byId("call-account-label"), operation === "transfer" ? "From account" : "Account");
    setText(byId("call-send"), `${verbs[operation]} at branch ${this.branch.value || "…"}`);
    const address = this.picture?.branches.get(Number(this.branch.value))?.address;
    setText(this.command, address ? curl(address, call(this.asked())) : "");
  }

  private async copy(): Promise<void> {
    const copied = await copyText(this.command);
    setText(byId("call-copied"), copied ? "Copied." : "Selected: copy it with the keyboard.");
    setTimeout(() => setText(byId("call-copied"), ""), 4_000);
  }
}

const verbs: Record<Operation, string> = { deposit: "Deposit", withdraw: "Withdraw", transfer: "Transfer", query: "Query" };

// whole reads digits; what is no whole number of 64 bits is 0, which the branch
// refuses.
function whole(text: string): bigint {
  const value = /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
  return BigInt.asIntN(64, value) === value ? value : 0n;
}

// newRequestId is short enough to read aloud. crypto.randomUUID is only there
// on loopback and over HTTPS.
function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(6));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
