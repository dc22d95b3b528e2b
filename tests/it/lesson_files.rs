//! The format of lessons: what docs/lessons.md shows is taken, and each mistake is told.

use lab::config::parse_lesson;
use lab::model::Check;

const DOCS: &str = include_str!("../../docs/lessons.md");

/// A good lesson; tests spoil it.
const GOOD: &str = r#"title = "t"
about = "a"
question = "q"
[[step]]
say = "s"
run = ["lab status"]
why = "w"
kubernetes = "k"
[[step.check]]
film = { path = "/" }
"#;

fn mistakes(text: &str) -> Vec<String> {
    let problems = parse_lesson("own.toml", text).unwrap_err();
    problems.0.iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_of_the_documentation_is_a_lesson() {
    let (_, after) = DOCS.split_once("```toml\n").unwrap();
    let (example, _) = after.split_once("```").unwrap();
    let lesson = parse_lesson("07-two-pods.toml", example).unwrap();
    assert_eq!((lesson.id.as_str(), lesson.minutes), ("two-pods", 5));
    assert_eq!(lesson.steps[0].predict.as_ref().unwrap().answer, 2);
    let replicas = Check::Replicas {
        of: "console".into(),
        ready: 2,
    };
    assert_eq!(lesson.steps[0].checks, [replicas]);
}

#[test]
fn each_mistake_is_told_with_its_place_and_what_to_write() {
    parse_lesson("own.toml", GOOD).unwrap();
    for (was, is, told) in [
        ("title = \"t\"", "", "own.toml: title: is missing"),
        (
            "about = \"a\"",
            "abuot = \"a\"",
            "own.toml:2:1: abuot: unknown key; did you mean about?",
        ),
        (
            "say = \"s\"",
            "say = 5",
            "own.toml:5:1: [[step]] 1 say = 5: must be text",
        ),
        (
            "why = \"w\"",
            "",
            "own.toml:4:1: [[step]] 1 why: is missing",
        ),
        ("film = {", "flim = {", "[[step]] 1 check[0].flim"),
        ("film = {", "flim = {", "did you mean film?"),
        ("path = \"/\"", "paht = \"/\"", "did you mean path?"),
        (
            "path = \"/\"",
            "through = [\"ingres\"]",
            "did you mean \"ingress\"?",
        ),
        ("path = \"/\"", "at_least = 0", "must be 1 to 200"),
        (
            "film = { path = \"/\" }",
            "open = { pods = 1 }",
            "check[0].open.service: is missing",
        ),
        (
            "film = { path = \"/\" }",
            "draws = { service = \"a\", pods = 1, pods_at_least = 2 }",
            "cannot stand beside pods",
        ),
        (
            "film = { path = \"/\" }",
            "film = {}\nkept = { of = \"a\" }",
            "must be of one kind",
        ),
        ("film = { path = \"/\" }", "", "is of no kind"),
        (
            "[[step.check]]\nfilm = { path = \"/\" }",
            "",
            "[[step]] 1 check: is missing; write a [[step.check]]",
        ),
        (
            "[\"lab status\"]",
            "[\"curl {htps_port}\"]",
            "unknown placeholder {htps_port}; did you mean https_port?",
        ),
        (
            "[\"lab status\"]",
            "[{ command = \"a\", fials = true }]",
            "did you mean fails?",
        ),
        ("[\"lab status\"]", "\"lab status\"", "must be a list"),
        (
            "run =",
            "toml = \"[x\"\nrun =",
            "[[step]] 1 toml = \"[x\": is not TOML",
        ),
        (
            "run =",
            "predict = { question = \"q\", choices = [\"a\"], answer = 1 }\nrun =",
            "must be two answers or more",
        ),
        (
            "run =",
            "predict = { question = \"q\", choices = [\"a\", \"b\"], answer = 3 }\nrun =",
            "must be 1 to 2",
        ),
        ("title = \"t\"", "title = ", "not TOML"),
    ] {
        let spoilt = GOOD.replacen(was, is, 1);
        assert_ne!(spoilt, GOOD, "{was} is there");
        let found = mistakes(&spoilt);
        assert!(
            found.iter().any(|one| one.contains(told)),
            "{is}: {told} is not in {found:#?}"
        );
    }
    let all = mistakes("minutes = 0\n");
    assert_eq!(all.len(), 5, "{all:#?}");
    assert!(
        all.iter()
            .any(|one| one.contains("write at least one [[step]]"))
    );
}

#[test]
fn the_documentation_names_every_kind_and_key() {
    for name in [
        "replicas",
        "kept",
        "replaced",
        "unready",
        "restarted",
        "draws",
        "open",
        "film",
        "spread",
        "at_least",
        "pods_at_least",
        "even",
        "from",
        "host",
        "path",
        "status",
        "error",
        "service",
        "through",
        "not_through",
        "reused",
        "certificate",
        "client_kept",
        "forwarded_without",
        "by_address",
        "setup",
        "toml",
        "fails",
    ] {
        assert!(
            DOCS.contains(name),
            "docs/lessons.md does not tell of {name}"
        );
    }
    for (name, _) in lab::model::HopKind::ALL {
        assert!(DOCS.contains(&format!("`{name}`")), "{name}");
    }
    for placeholder in lab::model::PLACEHOLDERS {
        assert!(
            DOCS.contains(&format!("{{{placeholder}}}")),
            "{placeholder}"
        );
    }
}
