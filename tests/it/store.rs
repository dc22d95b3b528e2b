//! The built-in store: the same answers as a real `mongod`, durability, and rude clients.

mod cases;
mod durability;
mod equality;
mod frames;
mod mongod;
mod server;
mod spans;
