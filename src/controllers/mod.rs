//! Compares desired with actual state and acts.
