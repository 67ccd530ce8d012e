# The customer of the exercise, as its students write it: a stub for its own
# branch, events executed in order, answers collected. Generated stubs are on
# the path. Prints what it received as JSON.
import json
import sys

import grpc

from bank import banks_pb2, banks_pb2_grpc


class Customer:
    def __init__(self, id, events, address):
        self.id = id
        self.events = events
        self.address = address
        self.recvMsg = []
        self.stub = None

    def createStub(self):
        self.stub = banks_pb2_grpc.BankStub(grpc.insecure_channel(self.address))

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
customer.createStub()
customer.executeEvents()
json.dump(customer.recvMsg, sys.stdout)
