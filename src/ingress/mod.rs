//! The L7 ingress: TLS by SNI, rules by host and path, then straight to a ready endpoint.
