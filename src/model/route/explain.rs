//! The same answer as [`RouteTable::find`], with the reasons that a film shows.

use super::table::HostScope;
use super::{HostMatch, Question, Route, RouteTable};

/// So many losers are told; a table of hundreds of routes would bury the film.
const LOSERS_TOLD: usize = 24;

/// Which route serves a request, and why no other does.
#[derive(Debug)]
pub struct Decision<'table> {
    /// The same route that [`RouteTable::find`] returns.
    pub winner: Option<&'table Route>,
    /// Why it won, in words.
    pub why: String,
    /// Others in the order in which they are tried, at most 24: the ones for this host first.
    pub losers: Vec<Loser<'table>>,
}

/// A route that did not get the request.
#[derive(Debug)]
pub struct Loser<'table> {
    /// The route.
    pub route: &'table Route,
    /// In words.
    pub reason: String,
}

impl RouteTable {
    /// Decides as [`Self::find`] does and says why. Costs a walk over all routes.
    pub fn explain(&self, question: &Question<'_>) -> Decision<'_> {
        let winner = self.find(question);
        let is_winner = |route: &Route| winner.is_some_and(|winner| std::ptr::eq(winner, route));
        let (near, far): (Vec<_>, Vec<_>) = self
            .routes()
            .iter()
            .filter(|route| !is_winner(route))
            .partition(|route| route.host.matches(question.host));
        let losers = near
            .into_iter()
            .chain(far)
            .take(LOSERS_TOLD)
            .map(|route| Loser {
                route,
                reason: self.reason(route, winner, question),
            })
            .collect();
        Decision {
            winner,
            why: self.why(winner, question),
            losers,
        }
    }

    /// Why the winner won.
    fn why(&self, winner: Option<&Route>, question: &Question<'_>) -> String {
        let Question { host, path, .. } = *question;
        let Some(winner) = winner else {
            return format!("no rule matches host \"{host}\" and path {path}");
        };
        let rivals = self
            .candidates(host)
            .iter()
            .filter(|&&index| self.routes()[index as usize].matches(question))
            .count();
        let of_host = match &winner.host {
            HostMatch::Any => "a rule for any host".to_owned(),
            HostMatch::Exact(_) => "the host is equal".to_owned(),
            HostMatch::Wildcard(suffix) => format!("the host is one label and {suffix}"),
            HostMatch::Suffix(suffix) => format!("the host ends with {suffix}"),
        };
        let order = match rivals {
            0 | 1 => "no other rule matches both".to_owned(),
            _ => format!(
                "of {rivals} matching rules it has the highest priority, {}",
                winner.priority
            ),
        };
        format!("{of_host}, the path matches {}, {order}", winner.path)
    }

    /// Why this route did not win.
    fn reason(&self, route: &Route, winner: Option<&Route>, question: &Question<'_>) -> String {
        let Question { host, path, .. } = *question;
        if !route.host.matches(host) {
            return match &route.host {
                HostMatch::Wildcard(suffix) if host.ends_with(suffix.as_str()) => {
                    format!("a wildcard stands for one label, \"{host}\" has more before {suffix}")
                }
                other => format!("host is {other}"),
            };
        }
        let owned = self.scope() == HostScope::Owned
            && !self
                .candidates(host)
                .iter()
                .any(|&index| std::ptr::eq(&raw const self.routes()[index as usize], route));
        if owned {
            return "a more specific host has rules and owns the request".to_owned();
        }
        if !route.path.matches(path) {
            return format!("path is {}", route.path);
        }
        let failed = route.conditions.iter().find(|one| !one.holds(question));
        if let Some(condition) = failed {
            return format!("it asks for {condition}");
        }
        match winner {
            Some(winner) if winner.priority > route.priority => format!(
                "priority {} is lower than {}",
                route.priority, winner.priority
            ),
            _ => format!(
                "same priority {}, but its object comes later",
                route.priority
            ),
        }
    }
}
