//! The built-in MongoDB wire server.
