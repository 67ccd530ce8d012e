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

// logIn uses a code. It returns why the branch refuses it; empty if it does not.
export async function logIn(code: string): Promise<string> {
  const refused = await ask({ method: "POST", body: JSON.stringify({ code }) });
  if (refused === "") {
    news.postMessage("in" satisfies News);
  }
  return refused;
}

// logOut ends the login in all tabs. It returns why it could not; empty if it could.
export async function logOut(): Promise<string> {
  const refused = await ask({ method: "DELETE" });
  if (refused === "") {
    news.postMessage("out" satisfies News);
  }
  return refused;
}

async function ask(init: RequestInit): Promise<string> {
  try {
    const headers = { "Content-Type": "application/json", [statusHeader]: "header" };
    const response = await fetch(path, { ...init, headers, signal: AbortSignal.timeout(answerWithinMs) });
    const status = Number(response.headers.get(statusHeader) ?? response.status);
    return status < 400 || status === notFound ? "" : why(status, await response.text());
  } catch (error) {
    return `no answer came (${error instanceof Error ? error.message : String(error)})`;
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
