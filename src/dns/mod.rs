//! Cluster DNS: answers for Services from the registry.
