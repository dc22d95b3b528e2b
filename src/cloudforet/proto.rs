//! The API as Rust code, generated from `proto/` by `build.rs`, and its descriptors.

/// Every file of `proto/` and what it imports, as an encoded `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// What all services share.
pub mod core {
    /// Who a server is.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::pedantic,
        reason = "generated"
    )]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/spaceone.api.core.v1.rs"));
    }

    /// The query language.
    #[expect(missing_docs, clippy::pedantic, reason = "generated")]
    pub mod v2 {
        include!(concat!(env!("OUT_DIR"), "/spaceone.api.core.v2.rs"));
    }
}

/// Tenants, people and tokens.
pub mod identity {
    /// The current version.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::pedantic,
        reason = "generated"
    )]
    pub mod v2 {
        include!(concat!(env!("OUT_DIR"), "/spaceone.api.identity.v2.rs"));
    }
}

/// Cloud resources.
pub mod inventory {
    /// The current version.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::pedantic,
        reason = "generated"
    )]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/spaceone.api.inventory.v1.rs"));
    }
}
