//! `GET /api/route`: which rule would serve a request, why no other one does, and where it would go.

use serde::{Deserialize, Serialize};

/// The request that is thought of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleQuestion {
    /// `https://host/path?query`; without a scheme it is https.
    pub url: String,
    /// GET unless said otherwise.
    #[serde(default = "get")]
    pub method: String,
    /// Headers, `name: value`, a line each.
    #[serde(default)]
    pub header: String,
}

fn get() -> String {
    "GET".to_owned()
}

/// What would become of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleAnswer {
    /// The host in the form in which rules see it.
    pub host: String,
    /// The path in that form.
    pub path: String,
    /// Whether it would come over TLS.
    pub tls: bool,
    /// The rule that would win; none is a 404.
    pub winner: Option<RuleName>,
    /// Why that one, or why none.
    pub why: String,
    /// What would be done.
    pub outcome: String,
    /// Service ports that it may go to.
    pub goes_to: Vec<RuleDestination>,
    /// Others, in the order in which they are tried.
    pub losers: Vec<LosingRule>,
}

/// One rule of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleName {
    /// As the flavour writes it.
    pub route: String,
    /// The object that it comes from.
    pub ingress: String,
    /// The higher is tried first.
    pub priority: i64,
}

/// A rule that would not serve it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LosingRule {
    /// Which.
    #[serde(flatten)]
    pub rule: RuleName,
    /// Why not.
    pub reason: String,
}

/// A Service port that requests of a rule go to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleDestination {
    /// The Service.
    pub service: String,
    /// Its port.
    pub port: u16,
    /// Percent of the requests of this rule.
    pub share: f64,
    /// Pods, or addresses, that could be drawn now.
    pub endpoints: Vec<String>,
}
