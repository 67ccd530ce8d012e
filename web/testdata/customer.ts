// A customer with a token, as a page of another site or a program for Node calls a bank that
// has certificates.

import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { BranchService } from "../src/gen/bank/v1/branch_pb";

// proves adds a token to each call.
const proves = (token: string): Interceptor => (next) => (req) => {
  req.header.set("Authorization", `Bearer ${token}`);
  return next(req);
};

function transport(protocol: string, baseUrl: string, token: string): Transport {
  const interceptors = token === "" ? [] : [proves(token)];
  return protocol === "grpc-web" ? createGrpcWebTransport({ baseUrl, interceptors }) : createConnectTransport({ baseUrl, interceptors, useHttpGet: true });
}

// visit makes a deposit, asks for the balance, and watches for a moment. It returns what it was
// told, or the error in words.
export async function visit(protocol: string, url: string, token: string, account: string): Promise<string> {
  const branch = createClient(BranchService, transport(protocol, url, token));
  try {
    const deposit = await branch.deposit({ account, amount: 5n });
    const query = await branch.query({ account });
    for await (const picture of branch.watch({ account })) {
      return `${deposit.balance} ${query.balance} ${picture.bankName}`;
    }
    return "the stream has ended";
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return `${Code[code]}: ${rawMessage}`;
  }
}
