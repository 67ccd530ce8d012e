// The curl command that makes the same call.

import { BranchService } from "../gen/bank/v1/branch_pb";
import { json, type Call } from "./operation";

// curl returns the command for a POSIX shell, to the branch's own address.
export function curl(address: string, call: Call): string {
  const { name } = BranchService.method[call.operation];
  const url = `${address.replace(/\/+$/, "")}/${BranchService.typeName}/${name}`;
  return `curl -H 'Content-Type: application/json' -d ${quote(json(call))} ${quote(url)}`;
}

// quote turns any text into one word of a POSIX shell.
export function quote(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) {
    return text;
  }
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
