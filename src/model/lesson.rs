//! Lessons: what a teacher writes into a file, and what the lab is to observe.
//!
//! Pure data. How a file is read is the config's business, how it is looked at what happened that of
//! `lessons`.

use super::SpanKind;

/// One lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// What it is called on the command line: its file's name without number and ending.
    pub id: String,
    /// A few words.
    pub title: String,
    /// What it is about, in a sentence or two.
    pub about: String,
    /// How long it takes in class.
    pub minutes: u32,
    /// What the class can answer at its end.
    pub question: String,
    /// What the lab needs beside the default, for people.
    pub setup: Option<String>,
    /// At least one.
    pub steps: Vec<Step>,
    /// What leaves the lab as it was before.
    pub undo: Vec<LessonCommand>,
}

/// A part of a lesson: something is said and guessed, done and observed, and then explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Told first.
    pub say: String,
    /// What to guess before anything is done.
    pub predict: Option<Prediction>,
    /// What `lab.toml` has to say beside what is in it; takes the place of an earlier step's.
    pub toml: Option<String>,
    /// What the user types.
    pub run: Vec<LessonCommand>,
    /// What the lab must have seen since the step began; at least one.
    pub checks: Vec<Check>,
    /// The explanation.
    pub why: String,
    /// What a real cluster does.
    pub kubernetes: String,
    /// The commands there.
    pub kubectl: Vec<String>,
}

/// A question with some answers of which one is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// What will happen?
    pub question: String,
    /// At least two.
    pub choices: Vec<String>,
    /// The right one, from 1.
    pub answer: usize,
}

/// A command as the user types it, with placeholders such as `{https_port}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonCommand {
    /// For a shell.
    pub text: String,
    /// Whether it is meant to fail: that is what it shows.
    pub fails: bool,
}

/// Something that the lab knows and that must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// So many pods of a Deployment are ready now.
    Replicas {
        /// The Deployment, or the ingress.
        of: String,
        /// So many, and no other pods are left.
        ready: usize,
    },
    /// Programs of its pods ended and were started again since the step began.
    Restarted {
        /// The Deployment.
        of: String,
        /// At least so many times.
        at_least: u32,
    },
    /// The pods that it had when the step began are there, and none was started again.
    Kept {
        /// The Deployment.
        of: String,
    },
    /// It has pods that are not ready and are not going either.
    Unready {
        /// The Deployment.
        of: String,
    },
    /// The pods that it had when the step began are gone, and as many as it wants are ready.
    Replaced {
        /// The Deployment.
        of: String,
    },
    /// Connections through the ClusterIP or a host port, drawn since the step began.
    Draws(Connections),
    /// Connections through the ClusterIP or a host port that are open now, whenever they were drawn.
    Open(Connections),
    /// Films that began since the step did.
    Film(FilmCheck),
    /// Which pods served the films that began since the step did.
    Spread {
        /// Of which films.
        films: Box<FilmCheck>,
        /// Pods of this Deployment.
        of: String,
        /// How many they were.
        pods: PodCount,
        /// Whether each ready pod served as many as any other, give or take one.
        even: bool,
    },
}

/// How many connections lead to how many pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connections {
    /// To this Service.
    pub service: String,
    /// Dialled by pods of this Deployment; by anybody if empty.
    pub from: Option<String>,
    /// At least so many.
    pub at_least: usize,
    /// To how many pods.
    pub pods: PodCount,
    /// Whether each ready pod has as many as any other, give or take one.
    pub even: bool,
}

/// How many different pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PodCount {
    /// It does not matter.
    #[default]
    Any,
    /// Exactly so many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
}

/// Which films are meant; what is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilmCheck {
    /// At least so many.
    pub at_least: usize,
    /// The host that was asked.
    pub host: Option<String>,
    /// The path that was asked.
    pub path: Option<String>,
    /// What the first hop answered.
    pub status: Option<String>,
    /// Why the ingress answered itself: the word of `x-lab-error`.
    pub error: Option<String>,
    /// The Service that the rule led to.
    pub service: Option<String>,
    /// Kinds of hops that it has.
    pub through: Vec<HopKind>,
    /// Kinds of hops that it has not.
    pub not_through: Vec<HopKind>,
    /// It rode on a connection to this Service that was drawn before it began.
    pub reused: Option<String>,
    /// The Secret whose certificate was served, or `default`.
    pub certificate: Option<String>,
    /// Whether the ingress saw the client's own address.
    pub client_kept: Option<bool>,
    /// The pod was told an `X-Forwarded-For` without this in it.
    pub forwarded_without: Option<String>,
    /// Whether some call went to a pod's own address that somebody had told.
    pub by_address: bool,
}

/// A kind of hop in a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HopKind {
    /// A span.
    Span(SpanKind),
    /// A connection through a ClusterIP.
    Connection,
}

impl HopKind {
    /// Each with its name, which is also that of the span.
    pub const ALL: [(&str, Self); 10] = [
        ("load-balancer", Self::Span(SpanKind::LoadBalancer)),
        ("ingress", Self::Span(SpanKind::Ingress)),
        ("http-server", Self::Span(SpanKind::HttpServer)),
        ("grpc-client", Self::Span(SpanKind::GrpcClient)),
        ("grpc-server", Self::Span(SpanKind::GrpcServer)),
        ("mongo-client", Self::Span(SpanKind::MongoClient)),
        ("mongo-server", Self::Span(SpanKind::MongoServer)),
        ("redis-client", Self::Span(SpanKind::RedisClient)),
        ("worker", Self::Span(SpanKind::Worker)),
        ("connection", Self::Connection),
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("hop", |(name, _)| name)
    }
}

impl PodCount {
    /// Whether this many will do.
    pub fn holds(self, pods: usize) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => pods == wanted,
            Self::AtLeast(wanted) => pods >= wanted,
        }
    }
}
