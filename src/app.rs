//! Builds, binds, announces, spawns, waits and drains: the only room that knows all others.
