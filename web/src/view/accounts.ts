// The watched account, and the names to choose from.

import type { Client } from "@connectrpc/connect";
import { byId, make } from "../dom";
import type { BranchService } from "../gen/bank/v1/branch_pb";
import type { Location } from "./location";

export class AccountChooser {
  private readonly form = byId<HTMLFormElement>("account-form");
  private readonly input = byId<HTMLInputElement>("account");
  private readonly names = byId<HTMLDataListElement>("account-names");

  constructor(
    private readonly client: Client<typeof BranchService>,
    private readonly location: Location,
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
  }

  private choose(): void {
    const account = this.input.value.trim();
    this.location.chooseAccount(account === "shared" ? "" : account);
  }

  // load asks for the names. Without an answer the earlier ones stay.
  private async load(): Promise<void> {
    try {
      const { accounts } = await this.client.getStatus({}, { signal: AbortSignal.timeout(5_000) });
      this.names.replaceChildren(...accounts.map(({ account }) => option(account)));
    } catch {
      // The names are only a help, and the page shows the connection's state.
    }
  }
}

function option(account: string): HTMLOptionElement {
  const element = make("option");
  element.value = account;
  return element;
}
