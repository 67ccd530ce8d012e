// Breaking the chosen branch on purpose, where the bank was started with
// --faults.

import { ConnectError, type Client } from "@connectrpc/connect";
import { isVerdict } from "../call/answer";
import { byId, setData, setText } from "../dom";
import type { BranchFault, FaultService } from "../gen/bank/v1/fault_pb";
import type { Rights } from "../login/rights";
import type { Picture } from "../watch/picture";
import type { View } from "./frame";
import type { Location } from "./location";

type Method = "cut" | "heal" | "pause" | "resume" | "kill" | "restart";

const methods: Method[] = ["cut", "heal", "pause", "resume", "kill", "restart"];

// Faults may be made elsewhere too: with curl, or in another tab.
const askEveryTicks = 3;

export class FaultsView implements View {
  private readonly section = byId("faults");
  private readonly output = byId<HTMLOutputElement>("faults-answer");
  private faults = new Map<number, BranchFault>();
  private serving = 0;
  private ticks = 0;
  private asking = false;
  private busy = false;

  constructor(
    private readonly client: Client<typeof FaultService>,
    private readonly location: Location,
    private readonly rights: Rights,
  ) {
    methods.forEach((method) => button(method).addEventListener("click", () => void this.make(method)));
    location.onBranch(() => {
      setText(this.output, "");
      this.draw();
    });
  }

  show(picture: Picture): void {
    this.serving = picture.serving;
    const offered = picture.faults && this.rights.mayBreak();
    if (this.section.hidden !== offered) {
      return;
    }
    this.section.hidden = !offered;
    setData(document.documentElement, "faults", offered ? "on" : "off");
    this.draw();
    void this.ask();
  }

  tick(): void {
    if (!this.section.hidden && ++this.ticks % askEveryTicks === 0) {
      void this.ask();
    }
  }

  // ask asks for the present faults. Without an answer the buttons stay as they are.
  private async ask(): Promise<void> {
    if (this.asking || this.section.hidden) {
      return;
    }
    this.asking = true;
    try {
      const { faults } = await this.client.listFaults({}, { signal: AbortSignal.timeout(5_000) });
      this.faults = new Map(faults.map((fault) => [fault.branch, fault]));
      this.draw();
    } catch {
      // The state of the stream says that the branch does not answer.
    } finally {
      this.asking = false;
    }
  }

  private async make(method: Method): Promise<void> {
    const { branch } = this.location;
    if (this.busy || button(method).getAttribute("aria-disabled") === "true") {
      return;
    }
    this.busy = true;
    setText(this.output, `${labels[method]} branch ${branch} …`);
    try {
      await this.client[method]({ branch }, { signal: AbortSignal.timeout(30_000) });
      setText(this.output, done(method, branch));
    } catch (error) {
      setText(this.output, notDone(method, branch, ConnectError.from(error)));
    } finally {
      this.busy = false;
    }
    await this.ask();
  }

  private draw(): void {
    const { branch } = this.location;
    const fault = this.faults.get(branch);
    setText(byId("faults-title"), `Break branch ${branch}`);
    for (const method of methods) {
      const reason = impossible(method, fault, branch === this.serving);
      const element = button(method);
      // A button that can't be used stays in the tab order, so that users can
      // read the reason.
      element.setAttribute("aria-disabled", String(reason !== ""));
      element.hidden = replaced(method, fault);
      setText(byId(`faults-${method}-reason`), reason);
      byId(`faults-${method}-reason`).parentElement!.hidden = reason === "" || element.hidden;
    }
  }
}

const labels: Record<Method, string> = {
  cut: "Cutting off",
  heal: "Healing",
  pause: "Pausing",
  resume: "Resuming",
  kill: "Killing",
  restart: "Restarting",
};

// done says what has happened, and what to expect.
function done(method: Method, branch: number): string {
  switch (method) {
    case "cut":
      return `Branch ${branch} is cut off. It still pays, out of its own escrow, and never more.`;
    case "heal":
      return `Branch ${branch} is healed. It sends and fetches what was missed.`;
    case "pause":
      return `Branch ${branch} is paused. It does nothing, and keeps its connections.`;
    case "resume":
      return `Branch ${branch} goes on.`;
    case "kill":
      return `Branch ${branch} has ended. Its escrow stays locked until it is restarted.`;
    case "restart":
      return `Branch ${branch} serves again.`;
  }
}

// notDone says what an error means that answered a method, or that came instead
// of an answer.
function notDone(method: Method, branch: number, error: ConnectError): string {
  if (isVerdict(error)) {
    return `Refused: ${error.rawMessage}`;
  }
  return `${labels[method]} branch ${branch} got no answer: ${error.rawMessage}. It is not known whether that was done; the buttons will show.`;
}

// replaced tells whether the opposite of a method stands in its place.
function replaced(method: Method, fault: BranchFault | undefined): boolean {
  switch (method) {
    case "cut":
      return fault?.cut === true;
    case "heal":
      return fault?.cut !== true;
    case "pause":
      return fault?.paused === true;
    case "resume":
      return fault?.paused !== true;
    case "kill":
      return fault?.killed === true;
    case "restart":
      return fault?.killed !== true;
  }
}

// impossible says why a method can't be used now; empty when it can.
function impossible(method: Method, fault: BranchFault | undefined, serving: boolean): string {
  if (serving && (method === "pause" || method === "kill")) {
    return "It serves this page.";
  }
  return fault?.killed && method !== "restart" ? "It has ended." : "";
}

function button(method: Method): HTMLButtonElement {
  return byId<HTMLButtonElement>(`faults-${method}`);
}
