// The curl command that makes the same call.

import { BranchService } from "../gen/bank/v1/branch_pb";
import type { Identity } from "../login/identity";
import { json, type Call } from "./operation";

// curl returns the command for a POSIX shell, to the branch's own address. Where callers
// prove who they are, it runs in the folder of whoever is logged in.
export function curl(address: string, call: Call, who: Identity): string {
  const { name } = BranchService.method[call.operation];
  const url = `${address.replace(/\/+$/, "")}/${BranchService.typeName}/${name}`;
  return `curl ${proof(who)}-H 'Content-Type: application/json' -d ${quote(json(call))} ${quote(url)}`;
}

// proof returns the options by which somebody proves who he is, with a blank behind.
function proof({ secured, client }: Identity): string {
  if (!secured) {
    return "";
  }
  const file = `client.${fileName(client)}`;
  // In the name of a certificate, curl takes a colon for the beginning of a password.
  return `--cacert ca-branch.crt --cert ${quote(`${file}.crt`.replaceAll(":", "\\:"))} --key ${quote(`${file}.key`)} `;
}

// fileName writes a name as 'passbook cert' does in those of its files.
function fileName(name: string): string {
  const escaped = encodeURIComponent(name).replace(/[!*'()]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return escaped.replace(/%(24|26|2B|3A|3D|40)/g, decodeURIComponent);
}

// quote turns any text into one word of a POSIX shell.
export function quote(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) {
    return text;
  }
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
