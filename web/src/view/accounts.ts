// The watched account, and the names to choose from.

import type { Client } from "@connectrpc/connect";
import { byId, make } from "../dom";
import type { BranchService } from "../gen/bank/v1/branch_pb";
import { ownAccounts } from "../login/identity";
import type { Rights } from "../login/rights";
import type { Location } from "./location";

export class AccountChooser {
  private readonly form = byId<HTMLFormElement>("account-form");
  private readonly input = byId<HTMLInputElement>("account");
  private readonly names = byId<HTMLDataListElement>("account-names");

  constructor(
    private readonly client: Client<typeof BranchService>,
    private readonly location: Location,
    private readonly rights: Rights,
  ) {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.choose();
    });
    this.input.addEventListener("change", () => this.choose());
    document.querySelectorAll("[list=account-names]").forEach((input) => {
      input.addEventListener("focus", () => void this.load());
    });
    location.onAccount(() => (this.input.value = location.account));
    this.input.value = location.account;
    rights.onChange(() => this.begin());
  }

  // begin chooses an account that may be used, unless one is chosen already.
  private begin(): void {
    if (this.rights.mayUse("")) {
      return;
    }
    const [first] = ownAccounts(this.rights.identity);
    document.querySelectorAll<HTMLInputElement>("[list=account-names]").forEach((input) => (input.placeholder = "one of yours"));
    if (this.location.account === "" && first) {
      this.location.chooseAccount(first);
    }
  }

  private choose(): void {
    const account = this.input.value.trim();
    this.location.chooseAccount(account === "shared" ? "" : account);
  }

  // load asks for the names. Without an answer the earlier ones stay.
  private async load(): Promise<void> {
    if (!this.rights.may("getStatus")) {
      this.offer(ownAccounts(this.rights.identity));
      return;
    }
    try {
      const { accounts } = await this.client.getStatus({}, { signal: AbortSignal.timeout(5_000) });
      this.offer(accounts.map(({ account }) => account));
    } catch {
      // The names are only a help, and the page shows the connection's state.
    }
  }

  private offer(names: string[]): void {
    this.names.replaceChildren(...names.map(option));
  }
}

function option(account: string): HTMLOptionElement {
  const element = make("option");
  element.value = account;
  return element;
}
