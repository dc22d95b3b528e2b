//! What has happened since a moment: for those who wait for something to be done.

use super::Theatre;
use crate::model::{Connection, Film};

impl Theatre {
    /// The newest films that began then or later, as far as they are known, newest first; the
    /// moment is in microseconds since the Unix epoch.
    pub fn films_since(&self, moment: u64, count: usize) -> Vec<Film> {
        let traces = self.stage().films.since(moment, count);
        let films = traces.into_iter();
        films.filter_map(|trace| self.film(trace)).collect()
    }

    /// The connections that were drawn then or later, in no order, whether or not they are open
    /// still.
    pub fn drawn_since(&self, moment: u64) -> Vec<Connection> {
        self.stage().connections.drawn_since(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Event;
    use crate::trace::Limits;
    use crate::trace::samples::{connections, spans, trace};

    #[test]
    fn films_and_connections_are_told_from_their_moment_on() {
        let theatre = Theatre::new(Limits::default());
        for connection in connections() {
            theatre.ingest("node", Event::Connection(connection));
        }
        for span in spans() {
            theatre.ingest("somebody", Event::Span(Box::new(span)));
        }
        let began = theatre.film(trace()).unwrap().started;
        assert_eq!(theatre.films_since(began, 9).len(), 1);
        assert_eq!(theatre.films_since(began, 0).len(), 0);
        assert_eq!(theatre.films_since(began + 1, 9).len(), 0);
        let newest = connections().iter().map(|one| one.drawn_at).max().unwrap();
        assert!(!theatre.drawn_since(newest).is_empty());
        assert_eq!(theatre.drawn_since(0).len(), connections().len());
        assert!(theatre.drawn_since(newest + 1).is_empty());
    }
}
