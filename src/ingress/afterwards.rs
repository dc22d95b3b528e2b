//! The film of a request that was to have none, and failed.
//!
//! Whoever meets an error of the proxy wants to know why, also when more requests come than are
//! filmed. So it is filmed once it has failed, from what is known then: the way in, the rule, the
//! endpoints. What an endpoint did with it is not known, because it was not told of a trace.
//! A request that succeeds pays nothing for that. A flood of errors is bounded by a sampler of its own.

use std::time::Instant;

use http::Request;

use super::account::Account;
use super::connection::Client;
use super::film::Film;
use super::refuse;
use crate::model::Route;

/// How far a request came that failed.
#[derive(Debug)]
pub(super) struct Reached {
    /// Name of the rule that it was under. What filters did to its head may hide why.
    route: String,
    /// What filters did, in words.
    done: Vec<String>,
    /// How its first endpoint was chosen, if it came so far.
    algorithm: Option<&'static str>,
}

impl Reached {
    /// In a box: few requests have one, and every request's future has room for it.
    pub(super) fn boxed(
        route: &Route,
        done: Vec<String>,
        algorithm: Option<&'static str>,
    ) -> Box<Self> {
        Box::new(Self {
            route: route.name.clone(),
            done,
            algorithm,
        })
    }
}

/// The film of a request that has failed: `film` where that is told anyway, else one of what is known
/// now, unless too many have failed in this second.
pub(super) fn film<B>(
    client: &Client,
    request: &Request<B>,
    film: Option<Box<Film>>,
    account: &Account<'_>,
    reached: Option<Box<Reached>>,
) -> Option<Box<Film>> {
    let told = |film: &Option<Box<Film>>| film.as_ref().is_some_and(|film| film.is_told());
    let begun_told = told(&film);
    let film = if begun_told {
        film
    } else {
        Film::afterwards(client, Some(request), film, account.begun)
    };
    let is_told = told(&film);
    let mut film = film?;
    if let Some(reached) = &reached {
        film.filtered(&reached.done);
    }
    if begun_told || !is_told {
        return Some(film);
    }
    // A request whose target cannot be understood has not been routed.
    if let Ok(target) = refuse::check(request) {
        let question = target.question(request, client.tls.is_some());
        film.routed(&client.views().latest(), &question);
        film.was_under(reached.as_ref().map(|reached| reached.route.as_str()));
    }
    let algorithm = reached.and_then(|reached| reached.algorithm);
    if let (Some(algorithm), Some(backend)) = (algorithm, account.backend()) {
        film.picked(algorithm);
        match account.tried.get() {
            Some(index) => film.selected(backend, index, 0),
            None => film.among(backend),
        }
    }
    Some(film)
}

/// A film of something that could not be read as a request.
pub(super) fn unreadable(client: &Client) -> Option<Box<Film>> {
    Film::afterwards::<()>(client, None, None, Instant::now())
}
