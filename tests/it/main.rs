//! All tests that need more than one room, in one binary.

// `cfg(test)` is what lets clippy see helpers as test code.
#[cfg(test)]
mod controllers;
#[cfg(test)]
mod pods_docker;
#[cfg(test)]
mod pods_process;
