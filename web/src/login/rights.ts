// What whoever uses this page may do, for all parts that offer something.

import { BranchService } from "../gen/bank/v1/branch_pb";
import { FaultService } from "../gen/bank/v1/fault_pb";
import { isSame, mayCall, mayUse, type Identity } from "./identity";

// Before the branch has said anything, the page looks as it does where nobody has to log
// in.
const anybody: Identity = { secured: false, client: "", role: "", accounts: [], procedures: [], until: 0 };

export class Rights extends EventTarget {
  identity = anybody;
  private known = false;

  // learn takes up what the branch says. Of another client nothing may stay on the page,
  // so it begins anew.
  learn(identity: Identity): void {
    if (this.known && !isSame(identity, this.identity)) {
      location.reload();
      return;
    }
    this.known = true;
    this.identity = identity;
    this.dispatchEvent(new Event("change"));
  }

  onChange(listener: () => void): void {
    this.addEventListener("change", listener);
  }

  may(method: keyof typeof BranchService.method): boolean {
    return mayCall(this.identity, BranchService.typeName, BranchService.method[method].name);
  }

  // mayBreak tells whether branches may be broken on purpose.
  mayBreak(): boolean {
    return mayCall(this.identity, FaultService.typeName, FaultService.method.cut.name);
  }

  mayUse(account: string): boolean {
    return mayUse(this.identity, account);
  }
}
