//! it

#[cfg(test)]
mod film;
#[cfg(test)]
mod film_request;
