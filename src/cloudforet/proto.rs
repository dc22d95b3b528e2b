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

    /// What plugins that collect serve.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::pedantic,
        non_camel_case_types,
        reason = "generated"
    )]
    pub mod plugin {
        include!(concat!(
            env!("OUT_DIR"),
            "/spaceone.api.inventory.plugin.rs"
        ));
    }
}

/// The catalogue of plugins.
pub mod repository {
    /// The current version.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::pedantic,
        reason = "generated"
    )]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/spaceone.api.repository.v1.rs"));
    }
}

/// Credentials.
pub mod secret {
    /// The current version.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::pedantic,
        reason = "generated"
    )]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/spaceone.api.secret.v1.rs"));
    }
}

/// Where plugins run.
pub mod plugin {
    /// The current version.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::pedantic,
        reason = "generated"
    )]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/spaceone.api.plugin.v1.rs"));
    }
}

/// Costs.
pub mod cost_analysis {
    /// The current version.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::pedantic,
        reason = "generated"
    )]
    pub mod v1 {
        include!(concat!(
            env!("OUT_DIR"),
            "/spaceone.api.cost_analysis.v1.rs"
        ));
    }

    /// What plugins that tell costs serve.
    #[expect(
        missing_docs,
        clippy::allow_attributes,
        clippy::pedantic,
        non_camel_case_types,
        reason = "generated"
    )]
    pub mod plugin {
        include!(concat!(
            env!("OUT_DIR"),
            "/spaceone.api.cost_analysis.plugin.rs"
        ));
    }
}
