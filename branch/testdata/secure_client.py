# The customer of the exercise at a bank with certificates. Nothing but createStub is
# different from course_client.py: it proves who calls, by the certificate of a client
# or by a token. Prints what it received as JSON.
import json
import os
import sys

import grpc

from bank import banks_pb2, banks_pb2_grpc


def read(name):
    with open(os.path.join(os.environ["PASSBOOK_CERTS_DIR"], name), "rb") as file:
        return file.read()


def certificate(client):
    return grpc.ssl_channel_credentials(
        root_certificates=read("ca-branch.crt"),
        private_key=read(f"client.{client}.key"),
        certificate_chain=read(f"client.{client}.crt"),
    )


def token(text):
    return grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(root_certificates=read("ca-branch.crt")),
        grpc.access_token_call_credentials(text),
    )


class Customer:
    def __init__(self, id, events, address):
        self.id = id
        self.events = events
        self.address = address
        self.recvMsg = []
        self.stub = None

    def createStub(self, credentials):
        self.stub = banks_pb2_grpc.BankStub(grpc.secure_channel(self.address, credentials))

    def executeEvents(self):
        for event in self.events:
            request = banks_pb2.TransactionRequest(
                customer_id=self.id, operation=event["interface"], amount=event.get("money", 0)
            )
            try:
                response = self.stub.MsgDelivery(request, timeout=20)
            except grpc.RpcError as error:
                self.recvMsg.append({"code": error.code().name, "details": error.details()})
                continue
            self.recvMsg.append({"status": response.status, "balance": response.balance})


customer = Customer(int(sys.argv[2]), json.load(sys.stdin), sys.argv[1])
if "TOKEN" in os.environ:
    customer.createStub(token(os.environ["TOKEN"]))
else:
    customer.createStub(certificate(os.environ["PASSBOOK_CLIENT"]))
customer.executeEvents()
json.dump(customer.recvMsg, sys.stdout)
