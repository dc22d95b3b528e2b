//! The admin API's client.
