//! Writes a batch of resources: those that are there are changed, the others made.
//!
//! A batch is a handful of commands, however many resources it has. A new row's `_id` follows from
//! the fields it was looked for by, so a second worker that makes the same row at the same moment
//! meets a duplicate key, and changes the row instead. A row is not written when nothing of it has
//! changed; that it was seen is written for all such rows at once.

use std::collections::{BTreeSet, HashMap};

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};

use super::Worker;
use super::identity::Identity;
use super::matching::{Match, fits, look};
use super::resource::{Resource, Shape};
use crate::cloudforet::collecting::Collecting;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{Collection, Found, Statement, text};

/// Resources of one batch. Twice as many ranges are what the built-in store looks up in an index.
pub(super) const BATCH: usize = 100;
/// A deleted row's `_id` is taken, and so is that of a row that has since become another thing.
const MOST_GENERATIONS: u32 = 8;
const DELETED: &str = "DELETED";

/// What became of a resource.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    /// A new row, with this id.
    Created(String),
    /// A row that was there.
    Updated {
        /// Its id.
        id: String,
        /// When it was made.
        created_at: DateTime,
    },
    /// Several rows fit.
    TooMany,
    /// The store refused.
    Refused(String),
}

/// The batch at work.
struct Batch<'a> {
    shape: &'static Shape,
    task: &'a Collecting,
    rows: Collection,
    now: DateTime,
    resources: Vec<Resource>,
    fates: Vec<Option<Fate>>,
    /// Rows that are there, and what is to be set in them.
    known: HashMap<ObjectId, Known>,
    /// Rows to be made.
    new: HashMap<ObjectId, New>,
}

struct Known {
    row: Document,
    set: Document,
    resources: Vec<usize>,
}

struct New {
    row: Document,
    generation: u32,
    resources: Vec<usize>,
}

impl Worker {
    /// Writes at most [`BATCH`] resources of one shape, and says what became of each.
    pub(super) async fn upsert(
        &self,
        shape: &'static Shape,
        resources: Vec<Resource>,
        task: &Collecting,
    ) -> Result<Vec<Fate>, Failure> {
        let mut batch = Batch {
            shape,
            task,
            rows: self.mongo.collection(shape.kind.collection).await?,
            now: DateTime::now(),
            fates: vec![None; resources.len()],
            resources,
            known: HashMap::new(),
            new: HashMap::new(),
        };
        for (index, found) in look(&batch.rows, &batch.scope(), &batch.resources)
            .await?
            .into_iter()
            .enumerate()
        {
            match found {
                Match::None => batch.make(index, 0),
                Match::One(row) => batch.change(index, *row),
                Match::Many => batch.fates[index] = Some(Fate::TooMany),
            }
        }
        batch.insert().await?;
        batch.update().await?;
        let lost = || Fate::Refused("it was lost on the way".to_owned());
        let fates = batch.fates.into_iter();
        Ok(fates.map(|fate| fate.unwrap_or_else(lost)).collect())
    }
}

impl Batch<'_> {
    /// Rows of the task's workspace that are not deleted.
    fn scope(&self) -> Document {
        let mut scope = doc! {
            "domain_id": &self.task.domain_id,
            "workspace_id": &self.task.secret_info.workspace_id,
        };
        if self.shape.has_state {
            scope.insert("state", doc! { "$in": ["ACTIVE", "DISCONNECTED"] });
        }
        scope
    }

    fn identity(&self, index: usize, generation: u32) -> Identity {
        let workspace = self.task.secret_info.workspace_id.as_str();
        let tenant = [self.task.domain_id.as_str(), workspace];
        Identity::of(&tenant, &self.resources[index].rules[0], generation)
    }

    /// The resource needs a new row.
    fn make(&mut self, index: usize, generation: u32) {
        let identity = self.identity(index, generation);
        if let Some(new) = self.new.get_mut(&identity.row) {
            // The plugin tells the same thing twice.
            let set = changes(self.shape, &new.row, &self.resources[index].fields);
            new.row.extend(set);
            new.resources.push(index);
            return;
        }
        let mut row = doc! {
            "_id": identity.row,
            self.shape.kind.id: format!("{}-{}", self.shape.prefix, identity.digits),
        };
        row.extend(self.shape.defaults());
        row.extend(self.resources[index].fields.clone());
        row.extend(doc! {
            "workspace_id": &self.task.secret_info.workspace_id,
            "domain_id": &self.task.domain_id,
            "created_at": self.now,
        });
        if self.shape.has_state {
            row.insert("state", "ACTIVE");
        }
        row.extend(self.seen());
        self.new.insert(
            identity.row,
            New {
                row,
                generation,
                resources: vec![index],
            },
        );
    }

    /// The resource has this row.
    fn change(&mut self, index: usize, row: Document) {
        let Ok(id) = row.get_object_id("_id") else {
            self.fates[index] = Some(Fate::Refused("its row has a strange id".to_owned()));
            return;
        };
        let known = self.known.entry(id).or_insert_with(|| Known {
            row,
            set: Document::new(),
            resources: Vec::new(),
        });
        let mut set = changes(self.shape, &known.row, &self.resources[index].fields);
        if self.shape.has_state && known.row.get_str("state").ok() != Some("ACTIVE") {
            set.insert("state", "ACTIVE");
        }
        known.row.extend(set.clone());
        known.set.extend(set);
        known.resources.push(index);
    }

    /// What is written to every row that was seen.
    fn seen(&self) -> Document {
        let mut seen = doc! { "updated_at": self.now };
        if self.shape.has_state {
            seen.insert(
                "collection_info",
                doc! {
                    "service_account_id": &self.task.secret_info.service_account_id,
                    "secret_id": &self.task.secret_info.secret_id,
                    "collector_id": &self.task.collector_id,
                    "last_collected_at": self.now,
                },
            );
        }
        seen
    }

    async fn insert(&mut self) -> Result<(), Failure> {
        while !self.new.is_empty() {
            let new: Vec<New> = std::mem::take(&mut self.new).into_values().collect();
            let rows: Vec<Document> = new.iter().map(|one| one.row.clone()).collect();
            let taken: BTreeSet<usize> = self.rows.insert_new(&rows).await?.into_iter().collect();
            let ids: Vec<&Bson> = taken.iter().filter_map(|at| rows[*at].get("_id")).collect();
            let mut theirs: HashMap<ObjectId, Document> = HashMap::new();
            if !ids.is_empty() {
                let found = Found {
                    filter: doc! { "_id": { "$in": ids } },
                    ..Found::default()
                };
                for row in self.rows.find(found).await? {
                    if let Ok(id) = row.get_object_id("_id") {
                        theirs.insert(id, row);
                    }
                }
            }
            for (at, one) in new.into_iter().enumerate() {
                if taken.contains(&at) {
                    let id = one.row.get_object_id("_id").ok();
                    let other = id.and_then(|id| theirs.remove(&id));
                    self.taken(one, other.as_ref());
                } else {
                    self.made(&one);
                }
            }
        }
        Ok(())
    }

    fn made(&mut self, new: &New) {
        let id = text(&new.row, self.shape.kind.id);
        let mut resources = new.resources.iter();
        if let Some(first) = resources.next() {
            self.fates[*first] = Some(Fate::Created(id.clone()));
        }
        for again in resources {
            self.fates[*again] = Some(Fate::Updated {
                id: id.clone(),
                created_at: self.now,
            });
        }
    }

    /// Another row has the `_id`: the same thing, made by another worker just now, or something that
    /// was deleted or has changed since.
    fn taken(&mut self, new: New, other: Option<&Document>) {
        for index in new.resources {
            match other {
                Some(row) if self.is_about(row, index) => self.change(index, row.clone()),
                _ if new.generation < MOST_GENERATIONS => self.make(index, new.generation + 1),
                _ => {
                    let reason = "its unique keys are taken by another row".to_owned();
                    self.fates[index] = Some(Fate::Refused(reason));
                }
            }
        }
    }

    fn is_about(&self, row: &Document, index: usize) -> bool {
        let alive = row.get_str("state").ok() != Some(DELETED);
        alive && fits(row, &self.resources[index].rules[0])
    }

    async fn update(&mut self) -> Result<(), Failure> {
        let known: Vec<(ObjectId, Known)> = std::mem::take(&mut self.known).into_iter().collect();
        let (mut statements, mut of) = (Vec::new(), Vec::new());
        let (same, changed): (Vec<_>, Vec<_>) =
            known.iter().partition(|(_, known)| known.set.is_empty());
        if !same.is_empty() {
            let ids: Vec<ObjectId> = same.iter().map(|(id, _)| *id).collect();
            statements.push(Statement {
                filter: doc! { "_id": { "$in": ids } },
                update: doc! { "$set": self.seen() },
                many: true,
                upsert: false,
            });
            of.push(same);
        }
        for one in changed {
            let mut set = one.1.set.clone();
            set.extend(self.seen());
            statements.push(Statement {
                filter: doc! { "_id": one.0 },
                update: doc! { "$set": set },
                many: false,
                upsert: false,
            });
            of.push(vec![one]);
        }
        let refused: HashMap<usize, String> = self
            .rows
            .update_each(statements)
            .await?
            .into_iter()
            .collect();
        for (statement, rows) in of.into_iter().enumerate() {
            for (_, known) in rows {
                let fate = match refused.get(&statement) {
                    Some(reason) => Fate::Refused(reason.clone()),
                    None => Fate::Updated {
                        id: text(&known.row, self.shape.kind.id),
                        created_at: known
                            .row
                            .get_datetime("created_at")
                            .copied()
                            .unwrap_or(DateTime::MIN),
                    },
                };
                for index in &known.resources {
                    self.fates[*index] = Some(fate.clone());
                }
            }
        }
        Ok(())
    }
}

/// The fields of `wanted` that the row has otherwise.
fn changes(shape: &Shape, row: &Document, wanted: &Document) -> Document {
    let mut set = Document::new();
    for (key, value) in wanted {
        let value = match (value, row.get(key)) {
            (Bson::Document(new), Some(Bson::Document(old)))
                if shape.merged.contains(&key.as_str()) =>
            {
                let mut merged = old.clone();
                merged.extend(new.clone());
                Bson::Document(merged)
            }
            _ => value.clone(),
        };
        if row.get(key) != Some(&value) {
            set.insert(key, value);
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::super::resource::SERVICE;
    use super::*;

    #[test]
    fn only_what_differs_is_set_and_data_is_merged() {
        let row = doc! { "name": "a", "data": { "x": 1, "y": 2 }, "tags": { "custom": {} } };
        let same = doc! { "name": "a", "data": { "x": 1 } };
        assert_eq!(changes(&SERVICE, &row, &same), doc! {});
        let other = doc! { "name": "b", "data": { "y": 3 }, "tags": { "aws": {} } };
        assert_eq!(
            changes(&SERVICE, &row, &other),
            doc! {
                "name": "b",
                "data": { "x": 1, "y": 3 },
                "tags": { "custom": {}, "aws": {} },
            }
        );
    }
}
