//! Somebody who looks on, and is told only what is new.

use std::collections::HashMap;

use crate::model::{Connection, FilmSummary, TraceId, Traffic};

use super::Theatre;
use super::tally::Mark;
use super::theatre::now;

/// Films that are looked through for new ones; more in one interval are not told one by one.
const RECENT: usize = 60;

/// One who looks on, from the moment of [`Watch::new`].
#[derive(Debug)]
pub struct Watch {
    theatre: Theatre,
    mark: Mark,
    /// Films that were told, and how many spans they had.
    known: HashMap<TraceId, usize>,
}

impl Watch {
    /// Begins now.
    pub fn new(theatre: Theatre) -> Self {
        Self {
            mark: theatre.mark(),
            theatre,
            known: HashMap::new(),
        }
    }

    /// What happened since the last time.
    pub fn traffic(&mut self) -> Traffic {
        self.theatre.since(&mut self.mark)
    }

    /// The newest open connections through ClusterIPs, at most so many, the newest first; each with
    /// the filmed calls that rode on it.
    pub fn rides(&self, count: usize) -> Vec<(Connection, u64)> {
        let stage = self.theatre.stage();
        let newest = stage.connections.newest_open(count).into_iter();
        newest
            .map(|connection| (connection.clone(), stage.tally.rides(connection.client)))
            .collect()
    }

    /// Films that are new since the last time or have grown, the newest first; the first time, those
    /// that are kept.
    pub fn films(&mut self) -> Vec<FilmSummary> {
        let recent = self.theatre.recent(RECENT);
        let new: Vec<FilmSummary> = recent
            .iter()
            .filter(|film| self.known.get(&film.trace) != Some(&film.spans))
            .cloned()
            .collect();
        self.known = recent.iter().map(|film| (film.trace, film.spans)).collect();
        new
    }
}

impl Theatre {
    /// What happens from now on.
    fn mark(&self) -> Mark {
        let requests = self.ledger().answered();
        self.stage().tally.mark(requests)
    }

    /// What happened since `mark`, which is moved on.
    fn since(&self, mark: &mut Mark) -> Traffic {
        let requests = self.ledger().answered();
        let stage = self.stage();
        stage.tally.since(mark, &stage.films, requests, now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Event;
    use crate::trace::Limits;
    use crate::trace::samples::spans;

    #[test]
    fn films_and_traffic_are_told_once() {
        let theatre = Theatre::new(Limits::default());
        let mut watch = Watch::new(theatre.clone());
        assert!(watch.films().is_empty());
        for span in spans() {
            theatre.ingest("", Event::Span(Box::new(span)));
        }
        assert_eq!(watch.films().len(), 1);
        assert!(watch.films().is_empty());
        assert_eq!(watch.traffic().filmed, 1);
        assert_eq!(watch.traffic().filmed, 0);
    }
}
