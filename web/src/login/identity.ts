// Whom the branch takes this browser for, and what he may do.

import type { GetIdentityResponse } from "../gen/bank/v1/branch_pb";

// Identity is in the form that the worker passes on to tabs.
export interface Identity {
  // Whether callers have to prove who they are. If not, the rest is empty, and everybody
  // may do everything.
  secured: boolean;
  client: string;
  role: string;
  // The accounts that a customer may use; a * at the end stands for all that begin so.
  accounts: string[];
  // The paths of the calls that may be made.
  procedures: string[];
  // Milliseconds since 1970; 0 for a browser that shows a certificate, and has not logged
  // in: a login always ends.
  until: number;
}

export function identity(message: GetIdentityResponse): Identity {
  const { secured, client, role, accounts, procedures, untilUnixMs } = message;
  return { secured, client, role, accounts, procedures, until: Number(untilUnixMs) };
}

// isSame tells whether two identities are the same client, who may do the same.
export function isSame(a: Identity, b: Identity): boolean {
  return JSON.stringify({ ...a, until: 0 }) === JSON.stringify({ ...b, until: 0 });
}

// mayCall tells whether somebody may make a call.
export function mayCall({ secured, procedures }: Identity, service: string, method: string): boolean {
  return !secured || procedures.includes(`/${service}/${method}`);
}

// mayUse tells whether somebody may use an account; without a name it is the shared one.
export function mayUse({ secured, role, accounts }: Identity, account: string): boolean {
  const name = account || "shared";
  const allowed = (pattern: string) => pattern === name || (pattern.endsWith("*") && name.startsWith(pattern.slice(0, -1)));
  return !secured || role !== "customer" || accounts.some(allowed);
}

// ownAccounts returns the names among the accounts of a customer, without those that
// stand for several.
export function ownAccounts({ accounts }: Identity): string[] {
  return accounts.filter((pattern) => !pattern.endsWith("*"));
}

// accountsOf says which accounts somebody may use.
export function accountsOf({ role, accounts }: Identity): string {
  if (role !== "customer") {
    return role === "operator" ? "no account" : "all accounts";
  }
  const words = accounts.map((pattern) => (pattern === "*" ? "all accounts" : pattern.endsWith("*") ? `those that begin with ${pattern.slice(0, -1)}` : pattern));
  const last = words.pop() ?? "no account";
  return words.length > 0 ? `${words.join(", ")} and ${last}` : last;
}
