// Logging in and out at the branch that serves the page. What stands for the login is a
// cookie that no script can read.

import { statusHeader } from "../clients";

// path is where a branch logs browsers in and out.
const path = "/login";

// A branch answers at once, or not at all.
const answerWithinMs = 10_000;

// A branch that asks nobody to log in does not know the path.
const notFound = 404;

type News = "in" | "out";

// Everything that has streams of this origin hears on this channel that the login is
// another one. A channel does not hear what it says itself.
const newsName = "passbook-login";
const news = new BroadcastChannel(newsName);

// onNews calls a listener when somebody has logged in or out in this browser.
export function onNews(listener: (news: News) => void): void {
  new BroadcastChannel(newsName).addEventListener("message", ({ data }: MessageEvent<News>) => listener(data));
}

// Asked is what the branch says of a code before it is used: whom it logs in, and who has
// logged in in this browser. confirm is to be sent with the code once somebody has read that.
export interface Asked {
  bank: string;
  branch: number;
  client: string;
  role: string;
  accounts: string[];
  now?: { client: string; role: string };
  confirm: string;
}

// askWhom asks whom a code logs in, which leaves it as good as it was. It returns why the
// branch refuses it instead; empty for a branch that asks nobody to log in.
export async function askWhom(code: string): Promise<Asked | string> {
  const { refused, text } = await ask({ method: "POST", body: JSON.stringify({ code }) });
  try {
    return refused || text === "" ? refused : { accounts: [], ...(JSON.parse(text) as Partial<Asked>) } as Asked;
  } catch {
    return "what came is not the answer of a branch";
  }
}

// logIn uses a code, in the name that askWhom has told. It returns why the branch refuses it;
// empty if it does not.
export async function logIn(code: string, { client, confirm }: Asked): Promise<string> {
  const { refused } = await ask({ method: "POST", body: JSON.stringify({ code, confirm }) });
  if (refused === "") {
    remember(client);
    news.postMessage("in" satisfies News);
  }
  return refused;
}

// Who has said yes here. A browser takes a cookie of this page from every port of the host, so
// whoever serves another one can log it in as himself. What a page remembers is of its own port
// alone.
const rememberedName = "passbook-login";

function remember(client: string): void {
  try {
    localStorage.setItem(rememberedName, client);
  } catch {
    // Some browsers keep nothing. Then nobody is warned.
  }
}

// isSurprising tells whether this browser is logged in as somebody for whom nobody has said
// yes on this page.
export function isSurprising(client: string): boolean {
  try {
    return localStorage.getItem(rememberedName) !== client;
  } catch {
    return false;
  }
}

// logOut ends the login in all tabs. It returns why it could not; empty if it could.
export async function logOut(): Promise<string> {
  const { refused } = await ask({ method: "DELETE" });
  if (refused === "") {
    news.postMessage("out" satisfies News);
  }
  return refused;
}

// ask returns why a branch refuses; or the text of its answer, which is empty where nobody
// logs in.
async function ask(init: RequestInit): Promise<{ refused: string; text: string }> {
  try {
    const headers = { "Content-Type": "application/json", [statusHeader]: "header" };
    const response = await fetch(path, { ...init, headers, signal: AbortSignal.timeout(answerWithinMs) });
    const status = Number(response.headers.get(statusHeader) ?? response.status);
    const text = await response.text();
    if (status >= 400) {
      return { refused: status === notFound ? "" : why(status, text), text: "" };
    }
    return { refused: "", text };
  } catch (error) {
    return { refused: `no answer came (${error instanceof Error ? error.message : String(error)})`, text: "" };
  }
}

// why returns the words of a refusal.
function why(status: number, text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === "string" ? message : text;
  } catch {
    return `what came is not the answer of a branch (HTTP ${status})`;
  }
}
