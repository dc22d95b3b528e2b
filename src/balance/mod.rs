//! Chooses an endpoint. No sockets.
