//! Which runtime, and why.
