//! All tests that need more than one room, in one binary.

mod controllers;
mod pods_docker;
mod pods_process;
