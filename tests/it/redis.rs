//! The built-in Redis: the same answers as a real `redis-server`, durability, and its clients.

mod client;
mod clients;
mod durability;
mod equality;
mod protocol;
mod server;
mod service;
