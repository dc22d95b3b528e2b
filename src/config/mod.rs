//! `lab.toml`: read, checked, defaulted.
