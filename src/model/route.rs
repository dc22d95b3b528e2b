//! Routes in one internal form, shaped like Gateway API's HTTPRoute.

/// All routes of the ingress, in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {}
