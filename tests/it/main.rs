//! it
mod dns;
mod kube_proxy;
mod kube_proxy_support;
mod node;
