//! it

mod film;
mod film_request;
