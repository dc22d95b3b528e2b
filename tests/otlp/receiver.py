"""A receiver of OTLP over HTTP that reads what it gets with OpenTelemetry's own messages.

It prints its port, and then one JSON document for each request. A body with anything in it that the
messages do not know is answered with 400. `--refuse N` answers the first N requests with 503.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.protobuf import unknown_fields
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

refuse = int(sys.argv[sys.argv.index("--refuse") + 1]) if "--refuse" in sys.argv else 0


def known(message):
    """Whether every field of a message and of those in it has a name."""
    if len(unknown_fields.UnknownFieldSet(message)) > 0:
        return False
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        inner = value if field.is_repeated else [value]
        if not all(known(one) for one in inner):
            return False
    return True


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        global refuse
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if refuse > 0:
            refuse -= 1
            return self.answer(503, b"")
        request = ExportTraceServiceRequest.FromString(body)
        good = self.path == "/v1/traces" and known(request)
        if not good or self.headers["Content-Type"] != "application/x-protobuf":
            return self.answer(400, b"")
        self.answer(200, ExportTraceServiceResponse().SerializeToString())
        print(json.dumps(MessageToDict(request)), flush=True)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
