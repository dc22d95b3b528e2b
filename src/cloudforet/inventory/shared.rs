//! Resources that belong to a workspace, or with `*` in its place to all of a domain's.

use bson::{Document, doc};

use crate::cloudforet::auth::Caller;
use crate::cloudforet::error::Failure;

/// In the place of a workspace's id.
pub(super) const ALL_WORKSPACES: &str = "*";

/// What the caller may see: of one workspace also what belongs to all.
pub(super) fn visible(caller: &Caller, asked: &str) -> Result<Document, Failure> {
    let mut scope = doc! { "domain_id": &caller.domain_id };
    if let Some(workspace) = caller.visible_workspace(asked)? {
        scope.insert("workspace_id", doc! { "$in": [workspace, ALL_WORKSPACES] });
    }
    Ok(scope)
}

/// What the caller may change: its workspace's, or as the domain's administrator everything.
pub(super) fn changeable(caller: &Caller) -> Result<Document, Failure> {
    let mut scope = doc! { "domain_id": &caller.domain_id };
    match caller.writable_workspace() {
        Ok(workspace) => {
            scope.insert("workspace_id", workspace);
        }
        Err(_) if caller.manages_domain() => {}
        Err(denied) => return Err(denied),
    }
    Ok(scope)
}

/// The workspace that something new belongs to, and its resource group.
pub(super) fn owner(
    caller: &Caller,
    whole_domain: bool,
    asked: &str,
) -> Result<(String, &'static str), Failure> {
    if whole_domain {
        return if caller.manages_domain() {
            Ok((ALL_WORKSPACES.to_owned(), "DOMAIN"))
        } else {
            Err(Failure::Denied)
        };
    }
    let workspace = match caller.writable_workspace() {
        Ok(own) if asked.is_empty() || asked == own => own,
        Err(_) if caller.manages_domain() && !asked.is_empty() => asked,
        Err(_) if caller.manages_domain() => return Err(Failure::Required("workspace_id")),
        _ => return Err(Failure::Denied),
    };
    Ok((workspace.to_owned(), "WORKSPACE"))
}
