// The account and the branch that the page shows. Both are in the address, so a
// link or a reload keeps them: #account=savings&branch=7.

export class Location extends EventTarget {
  account = "";
  // The chosen branch; 0 before any is chosen.
  branch = 0;

  constructor() {
    super();
    this.read();
    window.addEventListener("hashchange", () => this.changed(() => this.read()));
  }

  chooseAccount(account: string): void {
    this.changed(() => (this.account = account));
  }

  chooseBranch(branch: number): void {
    this.changed(() => (this.branch = branch));
  }

  onAccount(listener: (account: string) => void): void {
    this.addEventListener("account", () => listener(this.account));
  }

  onBranch(listener: (branch: number) => void): void {
    this.addEventListener("branch", () => listener(this.branch));
  }

  private changed(change: () => void): void {
    const { account, branch } = this;
    change();
    this.write();
    if (account !== this.account) {
      this.dispatchEvent(new Event("account"));
    }
    if (branch !== this.branch) {
      this.dispatchEvent(new Event("branch"));
    }
  }

  private read(): void {
    const hash = new URLSearchParams(location.hash.slice(1));
    this.account = hash.get("account") ?? "";
    this.branch = Number.parseInt(hash.get("branch") ?? "0", 10) || 0;
  }

  private write(): void {
    const hash = new URLSearchParams();
    if (this.account) {
      hash.set("account", this.account);
    }
    if (this.branch) {
      hash.set("branch", String(this.branch));
    }
    const text = hash.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }
}
