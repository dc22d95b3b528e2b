//! One rule of a route: what is asked of a request, what is done with it, and where it goes.

use std::time::Duration;

use super::super::super::{
    GatewayApi, GatewayRoute, GatewayRule, MatchedPath, RouteFilter, RouteMatch,
};
use super::super::compile::Compiler;
use super::super::path::normalise_path;
use super::super::{
    Condition, Filter, Mirror, PathChange, PathMatch, Pattern, Retry, Route, RouteAction,
    RouteTimeouts, WeightedBackend,
};
use super::attach::Place;
use super::backends::resolve;

/// For a connection to an endpoint where nothing is said; the replica's own, and never longer than
/// a try may take.
const CONNECT: Duration = Duration::from_secs(5);
/// A limit that is switched off (`0s`), over the flavour's own.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// What the matches of a rule share.
pub(super) struct Built {
    name: String,
    filters: Vec<Filter>,
    action: RouteAction,
    timeouts: RouteTimeouts,
    retry: Option<Retry>,
}

impl Built {
    /// The rule at a place, for a path.
    pub(super) fn route(&self, route: &GatewayRoute, place: &Place, path: PathMatch) -> Route {
        let source = format!("{} {}", route.kind.name(), route.name);
        Route {
            filters: self.filters.clone(),
            action: self.action.clone(),
            timeouts: self.timeouts,
            retry: self.retry.clone(),
            ..Route::new(self.name.clone(), &source, place.host.clone(), path)
        }
    }
}

/// Compiles a rule; what is wrong with it is told.
pub(super) fn build(
    route: &GatewayRoute,
    index: usize,
    rule: &GatewayRule,
    api: &GatewayApi,
    compiler: &mut Compiler<'_>,
) -> Built {
    let mut name = format!("{} {}, rule {}", route.kind.name(), route.name, index + 1);
    if !rule.name.is_empty() {
        name = format!("{name} \"{}\"", rule.name);
    }
    let mut builder = Builder {
        route,
        rule,
        number: index + 1,
        api,
        compiler,
    };
    let filters = builder.filters(&rule.filters);
    let action = match &filters {
        Ok(filters) => builder.action(filters),
        Err(reason) => unavailable(reason.clone()),
    };
    Built {
        name,
        filters: filters.unwrap_or_default(),
        action,
        timeouts: timeouts(rule),
        retry: retry(rule),
    }
}

struct Builder<'o, 'c, 'a> {
    route: &'o GatewayRoute,
    rule: &'o GatewayRule,
    number: usize,
    api: &'o GatewayApi,
    compiler: &'c mut Compiler<'a>,
}

impl Builder<'_, '_, '_> {
    fn tell(&mut self, condition: &str, reason: &str, message: &str) {
        let message = format!("{condition} ({reason}): rule {}: {message}", self.number);
        self.compiler.report_route(self.route, message, false);
    }

    /// Filters in the internal form, or why no request may pass: one filter cannot be had.
    fn filters(&mut self, filters: &[RouteFilter]) -> Result<Vec<Filter>, String> {
        let mut built = Vec::new();
        for filter in filters {
            built.push(match filter {
                RouteFilter::RequestHeaders(changes) => Filter::RequestHeaders(changes.clone()),
                RouteFilter::ResponseHeaders(changes) => Filter::ResponseHeaders(changes.clone()),
                RouteFilter::Redirect(redirect) => {
                    self.check_prefix(redirect.path.as_ref())?;
                    Filter::Redirect(redirect.clone())
                }
                RouteFilter::Rewrite(rewrite) => {
                    self.check_prefix(rewrite.path.as_ref())?;
                    Filter::Rewrite(rewrite.clone())
                }
                RouteFilter::Cors(cors) => Filter::Cors(cors.clone()),
                RouteFilter::Mirror {
                    to,
                    numerator,
                    denominator,
                } => match resolve(self.route, to, None, self.api, self.compiler) {
                    Ok(backend) => Filter::Mirror(Mirror {
                        backend,
                        numerator: *numerator,
                        denominator: *denominator,
                    }),
                    Err((reason, message)) => {
                        self.tell(
                            "ResolvedRefs=False",
                            reason,
                            &format!("{message}; no copies"),
                        );
                        continue;
                    }
                },
                RouteFilter::Unknown(kind) => {
                    let message = format!("the lab has no filter {kind}");
                    let told = format!("{message}; its requests get 500");
                    self.tell("PartiallyInvalid=True", "UnsupportedValue", &told);
                    return Err(message);
                }
            });
        }
        Ok(built)
    }

    /// Only what matched a prefix can have it replaced.
    fn check_prefix(&mut self, change: Option<&PathChange>) -> Result<(), String> {
        let all = self.rule.matches.iter();
        let has_prefix = |one: &RouteMatch| matches!(one.path, MatchedPath::Prefix(_));
        if !matches!(change, Some(PathChange::Prefix(_))) || all.clone().all(has_prefix) {
            return Ok(());
        }
        let message = "replacePrefixMatch needs matches of type PathPrefix".to_owned();
        let told = format!("{message}; its requests get 500");
        self.tell("PartiallyInvalid=True", "UnsupportedValue", &told);
        Err(message)
    }

    fn action(&mut self, filters: &[Filter]) -> RouteAction {
        let session = match &self.rule.session {
            Some(Ok(session)) => Some(session.clone()),
            Some(Err(problem)) => {
                let problem = format!("{problem}; it has no effect");
                self.tell("PartiallyInvalid=True", "UnsupportedValue", &problem);
                None
            }
            None => None,
        };
        let mut shares = Vec::new();
        for reference in &self.rule.backends {
            let found = resolve(
                self.route,
                &reference.object,
                session.as_ref(),
                self.api,
                self.compiler,
            );
            let backend = match found {
                Ok(backend) => Some(backend),
                Err((reason, message)) => {
                    let told = format!("{message}; its requests get 500");
                    self.tell("ResolvedRefs=False", reason, &told);
                    None
                }
            };
            let filters = self.filters(&reference.filters);
            shares.push(WeightedBackend {
                backend: backend.filter(|_| filters.is_ok()),
                weight: reference.weight,
                filters: filters.unwrap_or_default(),
            });
        }
        let answers = |filter: &Filter| matches!(filter, Filter::Redirect(_));
        if shares.is_empty() && !filters.iter().any(answers) {
            let message = "it has no backendRefs";
            self.compiler.report_route(
                self.route,
                format!("rule {}: {message}, so its requests get 500", self.number),
                false,
            );
        }
        if shares.iter().all(|share| share.weight == 0) {
            return unavailable("the rule has no backendRef with a weight".to_owned());
        }
        RouteAction::Forward(shares)
    }
}

/// Gateway API's answer where nothing can serve.
fn unavailable(reason: String) -> RouteAction {
    RouteAction::Unavailable {
        reason,
        status: 500,
    }
}

fn timeouts(rule: &GatewayRule) -> RouteTimeouts {
    let response = rule.backend_timeout.map(|limit| match limit {
        Duration::ZERO => NEVER,
        limit => limit,
    });
    RouteTimeouts {
        connect: response.filter(|limit| *limit < CONNECT),
        send: None,
        response,
        read: None,
        request: rule.request_timeout.filter(|limit| !limit.is_zero()),
    }
}

/// GEP-1731: also after connections that fail or end, and after a try that took too long.
///
/// Lab: requests that may do something twice (POST, PATCH) are not tried again.
fn retry(rule: &GatewayRule) -> Option<Retry> {
    let wanted = rule.retry.as_ref()?;
    Some(Retry {
        tries: wanted.attempts.saturating_add(1),
        on_error: true,
        on_timeout: true,
        statuses: wanted.codes.clone(),
        non_idempotent: false,
        backoff: wanted.backoff,
        within: None,
    })
}

/// The path of a match, or why no path can match.
pub(super) fn path(path: &MatchedPath) -> Result<PathMatch, String> {
    let normal = |path: &str| match normalise_path(path) {
        Ok(normal) => Ok(normal.into_owned()),
        Err(problem) => Err(format!("path \"{path}\" can match nothing: {problem}")),
    };
    let pattern = |text: String| match Pattern::new(&text) {
        Ok(pattern) => Ok(PathMatch::Regex(pattern)),
        Err(problem) => Err(format!("no pattern can be made of it: {problem}")),
    };
    Ok(match path {
        MatchedPath::Exact(path) => PathMatch::Exact(normal(path)?),
        MatchedPath::Prefix(path) => PathMatch::prefix(&normal(path)?),
        MatchedPath::Regex { pattern, .. } | MatchedPath::CallPattern { pattern, .. } => {
            PathMatch::Regex(pattern.clone())
        }
        MatchedPath::Call { service, method } => match (service, method) {
            (None, None) => PathMatch::prefix("/"),
            (Some(service), None) => PathMatch::prefix(&normal(&format!("/{service}"))?),
            (Some(service), Some(method)) => {
                PathMatch::Exact(normal(&format!("/{service}/{method}"))?)
            }
            (None, Some(method)) => pattern(format!("^/[^/]+/{}$", regex::escape(method)))?,
        },
    })
}

/// What is asked beside the path.
pub(super) fn conditions(asked: &RouteMatch) -> Vec<Condition> {
    let method = asked.method.iter().cloned().map(Condition::Method);
    let headers = asked.headers.iter().cloned();
    let query = asked.query.iter().cloned();
    method
        .chain(headers.map(|(name, value)| Condition::Header(name, value)))
        .chain(query.map(|(name, value)| Condition::Query(name, value)))
        .collect()
}

/// The order among matches of one host, in 23 bits: an exact path, the path's length, a method, the
/// numbers of headers and of query parameters; for gRPC the lengths of service and method, the
/// number of headers.
pub(super) fn rank(asked: &RouteMatch) -> u32 {
    // The specification allows 16 of each and paths of 1024 characters.
    let bits = |number: usize, bits: u32| {
        let most = (1 << bits) - 1;
        u32::try_from(number).unwrap_or(most).min(most)
    };
    let http = |exact: bool, length: usize| {
        u32::from(exact) << 22
            | bits(length, 11) << 11
            | u32::from(asked.method.is_some()) << 10
            | bits(asked.headers.len(), 5) << 5
            | bits(asked.query.len(), 5)
    };
    let call = |service: usize, method: usize| {
        bits(service, 9) << 14 | bits(method, 9) << 5 | bits(asked.headers.len(), 5)
    };
    match &asked.path {
        MatchedPath::Exact(path) => http(true, path.len()),
        MatchedPath::Prefix(path) => http(false, path.trim_end_matches('/').len()),
        MatchedPath::Regex { length, .. } => http(false, *length),
        MatchedPath::Call { service, method } => {
            let length = |name: &Option<String>| name.as_ref().map_or(0, String::len);
            call(length(service), length(method))
        }
        MatchedPath::CallPattern {
            service, method, ..
        } => call(*service, *method),
    }
}
