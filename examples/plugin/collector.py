"""A collector plugin in Python: tells the lab what lies in a folder.

Needs Cloudforet's API from PyPI: pip install spaceone-api grpcio-reflection grpcio-health-checking
"""

import os
import sys
from concurrent import futures

import grpc
from google.protobuf import empty_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from spaceone.api.inventory.plugin import collector_pb2, collector_pb2_grpc


class Folder(collector_pb2_grpc.CollectorServicer):
    """Each file becomes a cloud service of provider `folder`."""

    def init(self, request, context):
        info = collector_pb2.PluginInfo()
        info.metadata.update({"supported_resource_type": ["inventory.CloudService"]})
        return info

    def verify(self, request, context):
        if not os.path.isdir(self.path(request.options)):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "ERROR_INVALID_PARAMETER: options.path is no folder")
        return empty_pb2.Empty()

    def collect(self, request, context):
        path = self.path(request.options)
        for name in sorted(os.listdir(path)):
            item = collector_pb2.ResourceInfo(
                state=collector_pb2.ResourceInfo.SUCCESS, resource_type="inventory.CloudService"
            )
            # A resource with the same id is the same resource, however often it is collected.
            item.match_rules.update({"1": ["reference.resource_id"]})
            item.resource.update(
                {
                    "name": name,
                    "provider": "folder",
                    "cloud_service_group": "Files",
                    "cloud_service_type": "File",
                    "data": {"size": os.path.getsize(os.path.join(path, name))},
                    "reference": {"resource_id": os.path.join(path, name)},
                }
            )
            yield item

    @staticmethod
    def path(options):
        return dict(options).get("path", ".")


def main(listen):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    collector_pb2_grpc.add_CollectorServicer_to_server(Folder(), server)
    checks = health.HealthServicer()
    checks.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    services = [collector_pb2.DESCRIPTOR.services_by_name["Collector"].full_name, health.SERVICE_NAME]
    reflection.enable_server_reflection([*services, reflection.SERVICE_NAME], server)
    server.add_insecure_port(listen)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1])
