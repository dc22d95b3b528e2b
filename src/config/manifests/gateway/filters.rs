//! What a rule or a backend does with requests and responses: `filters`.

use std::time::Duration;

use super::super::super::field::Field;
use super::super::super::names;
use super::super::super::section::Section;
use super::{at_most, reference};
use crate::model::{
    Cors, HeaderChanges, ObjectReference, PathChange, Redirect, Rewrite, RouteFilter, RouteKind,
};

/// Of `filters`, and of the headers of one.
const MOST: usize = 16;
/// `cors.maxAge` of the specification, in seconds.
const MAX_AGE: u64 = 5;
/// Statuses of a redirect.
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];
/// Methods that need no preflight, which are allowed where nothing is said.
const SIMPLE: [&str; 3] = ["GET", "HEAD", "POST"];

/// `type`, for both kinds of routes and for HTTPRoutes alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    RequestHeaders,
    ResponseHeaders,
    Mirror,
    Redirect,
    Rewrite,
    Cors,
    Extension,
    ExternalAuth,
}

const KINDS: [(&str, Kind); 8] = [
    ("RequestHeaderModifier", Kind::RequestHeaders),
    ("ResponseHeaderModifier", Kind::ResponseHeaders),
    ("RequestMirror", Kind::Mirror),
    ("ExtensionRef", Kind::Extension),
    ("RequestRedirect", Kind::Redirect),
    ("URLRewrite", Kind::Rewrite),
    ("CORS", Kind::Cors),
    ("ExternalAuth", Kind::ExternalAuth),
];
/// Those at the start of [`KINDS`] that GRPCRoutes have too.
const OF_BOTH: usize = 4;

const SCHEMES: [(&str, &str); 2] = [("http", "http"), ("https", "https")];
/// `path.type`: whether the whole path is replaced.
const CHANGES: [(&str, bool); 2] = [("ReplaceFullPath", true), ("ReplacePrefixMatch", false)];

/// The filters of a rule or of a backend.
pub(super) fn read(section: &Section<'_>, of: RouteKind) -> Vec<RouteFilter> {
    let mut filters = Vec::new();
    for entry in at_most(section, "filters", MOST) {
        let kinds = match of {
            RouteKind::Http => &KINDS[..],
            RouteKind::Grpc => &KINDS[..OF_BOTH],
        };
        let kind = entry.required("type", "write type: RequestHeaderModifier");
        if let Some(kind) = kind.and_then(|field| field.choice(kinds)) {
            filters.extend(filter(&entry, kind));
            entry.finish();
        }
    }
    filters
}

fn filter(entry: &Section<'_>, kind: Kind) -> Option<RouteFilter> {
    let inner = |key: &'static str| {
        let field = entry.required(key, "write what the filter does");
        field.and_then(|field| field.section())
    };
    let finished = |section: Section<'_>, filter: Option<RouteFilter>| {
        section.finish();
        filter
    };
    match kind {
        Kind::RequestHeaders => {
            let section = inner("requestHeaderModifier")?;
            let changes = headers(&section);
            finished(section, Some(RouteFilter::RequestHeaders(changes)))
        }
        Kind::ResponseHeaders => {
            let section = inner("responseHeaderModifier")?;
            let changes = headers(&section);
            finished(section, Some(RouteFilter::ResponseHeaders(changes)))
        }
        Kind::Mirror => {
            let section = inner("requestMirror")?;
            let mirror = mirror(&section);
            finished(section, mirror)
        }
        Kind::Redirect => {
            let section = inner("requestRedirect")?;
            let redirect = redirect(&section);
            finished(section, Some(RouteFilter::Redirect(redirect)))
        }
        Kind::Rewrite => {
            let section = inner("urlRewrite")?;
            let rewrite = Rewrite {
                host: section.field("hostname").and_then(|field| name(&field)),
                path: change(&section),
                forwarded_prefix: None,
            };
            finished(section, Some(RouteFilter::Rewrite(rewrite)))
        }
        Kind::Cors => {
            let section = inner("cors")?;
            let cors = cors(&section);
            finished(section, Some(RouteFilter::Cors(cors)))
        }
        Kind::Extension => {
            let section = inner("extensionRef")?;
            let found = reference(&section, "", "");
            let filter = found
                .map(|object| RouteFilter::Unknown(format!("{} \"{}\"", object.kind, object.name)));
            finished(section, filter)
        }
        Kind::ExternalAuth => {
            entry.accept(&["externalAuth"]);
            Some(RouteFilter::Unknown("ExternalAuth".to_owned()))
        }
    }
}

/// A reference to a port of a Service, or to another object that may serve.
pub(super) fn service(section: &Section<'_>) -> Option<ObjectReference> {
    let found = reference(section, "", "Service");
    let field = section.field("port");
    let port = field.as_ref().and_then(Field::port);
    let mut found = found?;
    let is_service = found.group.is_empty() && found.kind == "Service";
    if is_service && field.is_none() {
        section.missing("port", "write port: 80");
        return None;
    }
    found.port = port;
    Some(found)
}

fn headers(section: &Section<'_>) -> HeaderChanges {
    let pairs = |key: &'static str| {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for entry in at_most(section, key, MOST) {
            let name = entry.required("name", "write name: x-lab");
            let value = entry.required("value", "write value: \"1\"");
            let name = name.and_then(|field| header_name(&field));
            let value = value.and_then(|field| header_value(&field));
            if let (Some(name), Some(value)) = (name, value)
                && !pairs.iter().any(|(known, _)| *known == name)
            {
                pairs.push((name, value));
            }
            entry.finish();
        }
        pairs
    };
    let remove = section.field("remove").map(|field| field.texts());
    HeaderChanges {
        set: pairs("set"),
        add: pairs("add"),
        remove: remove
            .iter()
            .flatten()
            .filter_map(|(_, field)| header_name(field))
            .collect(),
    }
}

fn header_name(field: &Field<'_>) -> Option<String> {
    let text = field.words()?;
    let Ok(name) = http::HeaderName::from_bytes(text.as_bytes()) else {
        field.refuse(
            "cannot be the name of a header",
            "write letters, digits and hyphens",
        );
        return None;
    };
    Some(name.as_str().to_owned())
}

fn header_value(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if http::HeaderValue::from_str(text).is_err() {
        field.refuse("cannot be the value of a header", "write it on one line");
        return None;
    }
    Some(text.to_owned())
}

fn mirror(section: &Section<'_>) -> Option<RouteFilter> {
    let backend = section.required("backendRef", "write backendRef: { name: web, port: 80 }");
    let to = backend.and_then(|field| field.section()).and_then(|inner| {
        let found = service(&inner);
        inner.finish();
        found
    });
    let percent = section.field("percent");
    let fraction = section.field("fraction");
    let (mut numerator, mut denominator) = (100, 100);
    if let Some(percent) = &percent {
        numerator = percent.number(0..=100).unwrap_or(100);
    }
    if let Some(fraction) = fraction {
        if percent.is_some() {
            fraction.refuse("percent is given as well", "keep one of them");
        }
        if let Some(inner) = fraction.section() {
            let most = i64::from(u32::MAX / 2);
            denominator = inner.number("denominator", 1..=most, 100);
            inner.required("numerator", "write numerator: 1");
            numerator = inner.number("numerator", 0..=i64::from(denominator), 0);
            inner.finish();
        }
    }
    Some(RouteFilter::Mirror {
        to: to?,
        numerator,
        denominator,
    })
}

fn redirect(section: &Section<'_>) -> Redirect {
    let scheme = section.field("scheme");
    let scheme = scheme.and_then(|field| field.choice(&SCHEMES));
    let status = section.field("statusCode").and_then(|field| {
        let status: u16 = field.number(300..=399)?;
        if !REDIRECTS.contains(&status) {
            field.refuse("must be 301, 302, 303, 307 or 308", "write statusCode: 302");
        }
        Some(status)
    });
    Redirect {
        scheme: scheme.map(str::to_owned),
        host: section.field("hostname").and_then(|field| name(&field)),
        port: section.field("port").and_then(|field| field.port()),
        path: change(section),
        location: None,
        status: status.unwrap_or(302),
        only_path: None,
    }
}

/// A host without a star.
fn name(field: &Field<'_>) -> Option<String> {
    let text = field.words()?;
    if !names::is_host(text) || text.starts_with('*') {
        field.refuse(
            "must be a host in small letters, without port",
            "write for example shop.lab.localhost",
        );
        return None;
    }
    Some(text.to_owned())
}

fn change(section: &Section<'_>) -> Option<PathChange> {
    let inner = section.field("path").and_then(|field| field.section())?;
    let kind = inner.required("type", "write type: ReplacePrefixMatch");
    let whole = kind.and_then(|field| field.choice(&CHANGES));
    let change = whole.and_then(|whole| {
        let key = if whole {
            "replaceFullPath"
        } else {
            "replacePrefixMatch"
        };
        let field = inner.required(key, "write the new path")?;
        let text = field.text()?;
        let path = if text.starts_with('/') {
            text.to_owned()
        } else {
            format!("/{text}")
        };
        if http::uri::PathAndQuery::try_from(path.as_str()).is_err() || path.contains('#') {
            field.refuse("cannot be a path", "write for example /shop");
            return None;
        }
        Some(if whole {
            PathChange::Full(path)
        } else {
            PathChange::Prefix(path)
        })
    });
    inner.finish();
    change
}

fn cors(section: &Section<'_>) -> Cors {
    let list = |key: &'static str| -> Vec<String> {
        let texts = section.field(key).map(|field| field.texts());
        let texts = texts.iter().flatten();
        texts.map(|(text, _)| (*text).to_owned()).collect()
    };
    let mut methods = list("allowMethods");
    if methods.is_empty() {
        methods = SIMPLE.map(str::to_owned).to_vec();
    }
    Cors {
        origins: list("allowOrigins"),
        methods,
        headers: list("allowHeaders"),
        expose: list("exposeHeaders"),
        expose_in_preflight: true,
        credentials: section.boolean("allowCredentials", false),
        max_age: Some(Duration::from_secs(section.number(
            "maxAge",
            1..=i64::from(i32::MAX),
            MAX_AGE,
        ))),
        // Of 200 and 204 the conformance suite takes this one everywhere.
        preflight_status: 200,
    }
}
