//! What a command answers when it does not succeed: MongoDB's codes, names and words.

use bson::{Document, doc};

/// An error answer. The code and its name are part of the protocol: drivers decide by them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    /// MongoDB's number for the kind of error.
    pub(crate) code: i32,
    /// For people.
    pub(crate) message: String,
    /// Fields beside code and message, such as `keyPattern` of a duplicate key.
    pub(crate) more: Document,
}

/// What everything below the connection returns.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// Any code.
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            more: Document::new(),
        }
    }

    /// 2, a value that makes no sense where it stands.
    pub(crate) fn bad_value(message: impl Into<String>) -> Self {
        Self::new(2, message)
    }

    /// 9, a document that does not have the form it must have.
    pub(crate) fn parse(message: impl Into<String>) -> Self {
        Self::new(9, message)
    }

    /// 14, a value of another type than the one that must stand there.
    pub(crate) fn type_mismatch(message: impl Into<String>) -> Self {
        Self::new(14, message)
    }

    /// 238, something that MongoDB has and this store has not.
    pub(crate) fn unsupported(what: &str) -> Self {
        Self::new(
            238,
            format!("{what} is not implemented by the built-in store; hint: run a real mongod"),
        )
    }

    /// The storage below failed.
    pub(crate) fn storage(error: &impl std::fmt::Display) -> Self {
        Self::new(8, format!("storage: {error}"))
    }

    /// The name that belongs to the code.
    pub(crate) fn code_name(&self) -> String {
        let name = match self.code {
            1 => "InternalError",
            2 => "BadValue",
            4 => "NoSuchKey",
            8 => "UnknownError",
            9 => "FailedToParse",
            14 => "TypeMismatch",
            13 => "Unauthorized",
            15 => "Overflow",
            16 => "InvalidLength",
            17 => "ProtocolError",
            20 => "IllegalOperation",
            26 => "NamespaceNotFound",
            27 => "IndexNotFound",
            28 => "PathNotViable",
            31 => "RoleNotFound",
            40 => "ConflictingUpdateOperators",
            43 => "CursorNotFound",
            48 => "NamespaceExists",
            52 => "DollarPrefixedFieldName",
            53 => "InvalidIdField",
            54 => "NotSingleValueField",
            56 => "EmptyFieldName",
            59 => "CommandNotFound",
            66 => "ImmutableField",
            67 => "CannotCreateIndex",
            72 => "InvalidOptions",
            73 => "InvalidNamespace",
            85 => "IndexOptionsConflict",
            86 => "IndexKeySpecsConflict",
            91 => "ShutdownInProgress",
            115 => "CommandNotSupported",
            125 => "CommandFailed",
            168 => "InvalidPipelineOperator",
            171 => "CannotIndexParallelArrays",
            197 => "InvalidIndexSpecificationOption",
            238 => "NotImplemented",
            292 => "QueryExceededMemoryLimitNoDiskUseAllowed",
            352 => "UnsupportedOpQueryCommand",
            10334 => "BSONObjectTooLarge",
            11000 => "DuplicateKey",
            code => return format!("Location{code}"),
        };
        name.to_owned()
    }

    /// The whole answer to a command.
    pub(crate) fn to_reply(&self) -> Document {
        let mut reply = doc! {
            "ok": 0.0,
            "errmsg": &self.message,
            "code": self.code,
            "codeName": self.code_name(),
        };
        reply.extend(self.more.clone());
        reply
    }

    /// The answer as one entry of `writeErrors`.
    pub(crate) fn to_write_error(&self, index: usize) -> Document {
        let mut entry =
            doc! { "index": i32::try_from(index).unwrap_or(i32::MAX), "code": self.code };
        entry.insert("errmsg", self.message.clone());
        entry.extend(self.more.clone());
        entry
    }
}
