//! Reading the fields of a command, with MongoDB's errors for wrong ones.

use bson::{Bson, Document};

use super::super::failure::{Failure, Outcome};
use super::super::{number, show};
use super::Call;

/// Fields that any command may have.
const GENERIC: [&str; 20] = [
    "$db",
    "lsid",
    "$clusterTime",
    "$readPreference",
    "readConcern",
    "writeConcern",
    "maxTimeMS",
    "comment",
    "apiVersion",
    "apiStrict",
    "apiDeprecationErrors",
    "txnNumber",
    "autocommit",
    "startTransaction",
    "$configServerState",
    "$client",
    "$audit",
    "$replData",
    "mayBypassWriteBlocking",
    "$queryOptions",
];

impl Call {
    /// `database.collection`, from the field that is named like the command.
    pub(super) fn namespace(&self) -> Outcome<String> {
        self.namespace_from(&self.command)
    }

    /// The same from another field.
    pub(super) fn namespace_from(&self, field: &str) -> Outcome<String> {
        match self.body.get(field) {
            Some(Bson::String(name)) => {
                if name.is_empty()
                    || name.starts_with('.')
                    || name.contains('$')
                    || name.contains('\0')
                {
                    return Err(Failure::new(
                        73,
                        format!("Invalid namespace specified '{}.{name}'", self.database),
                    ));
                }
                let database_wrong =
                    |letter: char| matches!(letter, '/' | '\\' | '.' | ' ' | '"' | '$' | '\0');
                if self.database.is_empty()
                    || self.database.len() > 63
                    || self.database.contains(database_wrong)
                {
                    return Err(Failure::new(
                        73,
                        format!("Invalid database name: '{}'", self.database),
                    ));
                }
                Ok(format!("{}.{name}", self.database))
            }
            other => Err(Failure::new(
                if self.command == "count" { 73 } else { 2 },
                format!(
                    "collection name has invalid type {}",
                    show::type_name(other)
                ),
            )),
        }
    }

    /// Fails on a field that the command does not have, and on those that this store has not.
    pub(super) fn check(&self, known: &[&str], unsupported: &[&str]) -> Outcome<()> {
        for (name, value) in self.body.iter().skip(1) {
            let name = name.as_str();
            if GENERIC.contains(&name) || known.contains(&name) {
                continue;
            }
            if !unsupported.contains(&name) {
                return Err(Failure::new(
                    40415,
                    format!("BSON field '{}.{name}' is an unknown field.", self.command),
                ));
            }
            let idle = match value {
                Bson::Boolean(false) | Bson::Null => true,
                Bson::Document(inner) => {
                    inner.is_empty()
                        || inner
                            .get_str("locale")
                            .is_ok_and(|locale| locale == "simple")
                }
                Bson::Array(items) => items.is_empty(),
                _ => false,
            };
            if !idle {
                return Err(Failure::unsupported(&format!(
                    "the field '{name}' of {}",
                    self.command
                )));
            }
        }
        Ok(())
    }

    /// A document, empty if it is left out.
    pub(super) fn document(&self, name: &str) -> Outcome<Document> {
        match self.body.get(name) {
            None => Ok(Document::new()),
            Some(Bson::Document(document)) => Ok(document.clone()),
            Some(other) => Err(self.wrong_type(name, other, "object")),
        }
    }

    /// A list of documents that must be there and must not be empty.
    pub(super) fn documents(&self, name: &str) -> Outcome<Vec<Document>> {
        let items = match self.body.get(name) {
            Some(Bson::Array(items)) => items,
            Some(other) => return Err(self.wrong_type(name, other, "array")),
            None => {
                return Err(Failure::new(
                    40414,
                    format!(
                        "BSON field '{}.{name}' is missing but a required field",
                        self.command
                    ),
                ));
            }
        };
        if items.is_empty() || items.len() > 100_000 {
            return Err(Failure::new(
                16,
                format!(
                    "Write batch sizes must be between 1 and 100000. Got {} operations.",
                    items.len()
                ),
            ));
        }
        items
            .iter()
            .enumerate()
            .map(|(index, item)| match item {
                Bson::Document(document) => Ok(document.clone()),
                other => Err(self.wrong_type(&format!("{name}.{index}"), other, "object")),
            })
            .collect()
    }

    /// A number that is not negative.
    pub(super) fn size(&self, name: &str) -> Outcome<Option<usize>> {
        let Some(value) = self.body.get(name) else {
            return Ok(None);
        };
        match number::double(value).and_then(|_| super::super::filter::whole(value)) {
            Some(size) if size >= 0 => Ok(Some(usize::try_from(size).unwrap_or(usize::MAX))),
            Some(size) => Err(Failure::new(
                51024,
                format!("BSON field '{name}' value must be >= 0, actual value '{size}'"),
            )),
            None => Err(Failure::type_mismatch(format!(
                "BSON field '{}.{name}' is the wrong type '{}', expected types '[long, int, decimal, double']",
                self.command,
                show::type_name(Some(value))
            ))),
        }
    }

    /// A switch.
    pub(super) fn flag(&self, name: &str, default: bool) -> Outcome<bool> {
        match self.body.get(name) {
            None => Ok(default),
            Some(Bson::Boolean(truth)) => Ok(*truth),
            Some(value) => match number::double(value) {
                Some(number) => Ok(number != 0.0),
                None => Err(Failure::type_mismatch(format!(
                    "BSON field '{}.{name}' is the wrong type '{}', expected types '[bool, long, int, decimal, double']",
                    self.command,
                    show::type_name(Some(value))
                ))),
            },
        }
    }

    fn wrong_type(&self, name: &str, value: &Bson, expected: &str) -> Failure {
        Failure::type_mismatch(format!(
            "BSON field '{}.{name}' is the wrong type '{}', expected type '{expected}'",
            self.command,
            show::type_name(Some(value))
        ))
    }
}
